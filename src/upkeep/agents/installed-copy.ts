/**
 * The program as agents run it: a copy below the state root, out of reach of whatever becomes of a checkout. `app/NAME/` is
 * whole or not there; the link `app/current` names the one that is started next. A process that runs goes on in the copy that
 * it began in.
 *
 *   staged (.wo-….tmp/) ──rename──► app/NAME ──`current` renamed over──► in use ──another install──► kept ──two later──► gone
 */
import { dirname, join, relative } from "node:path";
import { BridgeError } from "../../platform/errors.ts";
import type { Files } from "../../platform/files.ts";
import { randomName, sha256, TEMPORARY_NAME } from "../../platform/ids.ts";
import { linkTarget, replaceLink } from "../../platform/links.ts";
import { runProgram } from "../../platform/program.ts";
import { err, isRecord, ok, parseJson, type Result } from "../../platform/result.ts";

/** What a copy holds: the built program with all that it needs, and no node_modules. */
const PARTS = ["dist", "schema", "package.json"] as const;
/** Without these nothing was built. */
const NEEDED = ["dist/bin/wo.js", "dist/platform/runner-host.js", "schema/work-order.schema.json", "package.json"];
const DIGEST_LETTERS = 8;
const TRY_MS = 30_000;
const PACKAGE_BYTES_MAX = 1024 * 1024;
const NAMES_MAX = 100;
const LINE_SHOWN = 160;

export interface CopyPlan {
  /** Where the program is copied from; its real path. */
  readonly from: string;
  /** The copy's own folder, in `app`. */
  readonly name: string;
  /** Its real path, also before it is there. */
  readonly folder: string;
  readonly isNew: boolean;
  /** What `current` names now; undefined when there is none. */
  readonly before: string | undefined;
  readonly files: number;
  readonly bytes: number;
}

export interface CopySource {
  readonly files: Files;
  readonly stateRoot: string;
  readonly packageFolder: string;
  readonly version: string;
}

function appFolder(stateRoot: string): string {
  return join(stateRoot, "app");
}

function realApp(files: Files, stateRoot: string): string {
  const app = appFolder(stateRoot);
  return files.realPath(app) ?? join(files.realPath(stateRoot) ?? stateRoot, "app");
}

function currentLink(stateRoot: string): string {
  return join(appFolder(stateRoot), "current");
}

/** The real folder of the copy that is started next; undefined when there is none. */
export function installedFolder(files: Files, stateRoot: string): string | undefined {
  return files.realPath(currentLink(stateRoot));
}

/** What a program in this folder says it is; undefined when it does not say. */
export function versionIn(files: Files, folder: string): string | undefined {
  const reading = files.peek(join(folder, "package.json"), PACKAGE_BYTES_MAX);
  const read = reading.kind === "file" ? parseJson(reading.bytes.toString("utf8")) : undefined;
  return isRecord(read) && typeof read["version"] === "string" ? read["version"] : undefined;
}

/** What a copy would do; nothing is written. The error says what keeps the program from being copied. */
export async function planCopy({
  files,
  stateRoot,
  packageFolder,
  version,
}: CopySource): Promise<Result<CopyPlan, string>> {
  const app = realApp(files, stateRoot);
  const before = linkTarget(files, currentLink(stateRoot));
  const missing = NEEDED.find((path) => files.info(join(packageFolder, path))?.kind !== "file");
  if (missing !== undefined) return err(`${join(packageFolder, missing)} is not there: the program was not built`);
  const source = await contentOf(files, packageFolder);
  const counts = { files: source.length, bytes: source.reduce((sum, { bytes }) => sum + bytes, 0) };
  const planned = (name: string, isNew: boolean): Result<CopyPlan, string> =>
    ok({ from: packageFolder, name, folder: join(app, name), isNew, before, ...counts });
  // Typed from a copy: it is the one that is meant.
  if (dirname(packageFolder) === app) return planned(relative(app, packageFolder), false);
  const digest = digestOf(source);
  for (let count = 0; count < NAMES_MAX; count += 1) {
    const name = nameOf(version, digest, count);
    const there = join(app, name);
    if (files.info(there) === undefined) return planned(name, true);
    if (digestOf(await contentOf(files, there)) === digest) return planned(name, false);
  }
  return err(`${app} holds ${NAMES_MAX} copies of ${version} that are none of this one`);
}

/** The version; with other content under that name its digest, too; where even that is damaged, counted on. */
function nameOf(version: string, digest: string, count: number): string {
  if (count === 0) return version;
  const name = `${version}+${digest.slice(0, DIGEST_LETTERS)}`;
  return count === 1 ? name : `${name}~${count}`;
}

interface Content {
  /** Below the package's folder. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

async function contentOf(files: Files, folder: string): Promise<readonly Content[]> {
  const step = files.slices();
  const content: Content[] = [];
  for (const path of PARTS.flatMap((part) => filesBelow(files, folder, part))) {
    const bytes = files.read(join(folder, path)) ?? Buffer.alloc(0);
    content.push({ path, sha256: sha256(bytes), bytes: bytes.length });
    await step();
  }
  return content;
}

/** Files at `path` and below it, by name; links and the like are nothing that a build makes. */
function filesBelow(files: Files, folder: string, path: string): readonly string[] {
  const kind = files.info(join(folder, path))?.kind;
  // Maps of sources serve who has the sources.
  if (kind === "file") return path.endsWith(".map") ? [] : [path];
  const entries = (kind === "folder" ? files.list(join(folder, path)) : undefined) ?? [];
  return entries
    .map(({ name }) => name)
    .toSorted()
    .flatMap((name) => filesBelow(files, folder, join(path, name)));
}

function digestOf(content: readonly Content[]): string {
  return sha256(content.map((one) => `${one.sha256}  ${one.path}\n`).join(""));
}

/**
 * Makes the copy, where there is none like it, and points `current` at it. A crash before either rename leaves what is in use as
 * it was; the next copy removes what it left. The error: the copy would not run, and was not taken into use.
 */
export async function takeCopy(source: CopySource, plan: CopyPlan, node: string): Promise<Result<void, string>> {
  const { files, stateRoot } = source;
  const app = appFolder(stateRoot);
  files.makeFolders(app, 0o755);
  removeStaged(files, app);
  if (plan.isNew) {
    const staged = join(app, `.wo-${randomName()}.tmp`);
    await stage(files, plan.from, staged);
    const fault = await faultOf(node, staged, source.version);
    if (fault !== undefined) {
      files.removeTree(staged);
      return err(fault);
    }
    // Commit point: from here on the copy is there, whole.
    if (!files.rename(staged, join(app, plan.name))) throw new BridgeError("DISK_REFUSED", `${staged} is gone`);
    await files.syncFolder(app);
    await files.syncUpwards(app);
  }
  // Commit point: from here on it is the one that is started.
  if (plan.before !== plan.name) await replaceLink(files, currentLink(stateRoot), plan.name);
  return ok(undefined);
}

/** Every file and every folder is on the medium when this resolves. */
async function stage(files: Files, from: string, staged: string): Promise<void> {
  const folders = new Set<string>([staged]);
  for (const path of PARTS.flatMap((part) => filesBelow(files, from, part))) {
    const target = join(staged, path);
    files.makeFolders(dirname(target), 0o755);
    for (let folder = dirname(target); folder !== staged; folder = dirname(folder)) folders.add(folder);
    const handle = await files.writeNew(target, files.read(join(from, path)) ?? Buffer.alloc(0), 0o644);
    try {
      await files.sync(handle, target);
    } finally {
      files.disk.close(handle);
    }
  }
  for (const folder of folders) await files.syncFolder(folder);
}

/** Runs it where it lies, with nothing of a checkout around it. */
async function faultOf(node: string, folder: string, version: string): Promise<string | undefined> {
  const end = await runProgram([node, join(folder, "dist/bin/wo.js"), "--version"], { cwd: "/", timeoutMs: TRY_MS });
  if (end.exitCode === 0 && end.stdout.trim() === version) return undefined;
  // Node shows its own source first.
  const lines = end.stderr.trim().split("\n");
  const line = lines.find((one) => /^\w*Error\b/.test(one)) ?? lines.at(-1) ?? "";
  return `the copy does not run with ${node}: ${line === "" ? `exit ${end.exitCode ?? "none"}` : line}`;
}

function removeStaged(files: Files, app: string): void {
  for (const { name } of files.list(app) ?? []) if (TEMPORARY_NAME.test(name)) files.removeTree(join(app, name));
}

/** Processes that need no older copy. */
export interface Living {
  /** Their pids: they are known to run the current one, or to end soon. */
  readonly own: readonly number[];
}

/**
 * Removes copies that nobody needs: not the current one, not the one before it, and none that a living process names. The names
 * of those removed; nothing is, where nobody can say in which copy a living process began.
 */
export async function pruneCopies(files: Files, stateRoot: string, living: Living): Promise<readonly string[]> {
  const app = appFolder(stateRoot);
  const current = linkTarget(files, currentLink(stateRoot));
  const others = copiesIn(files, app).filter((name) => name !== current);
  const [before, ...older] = others.toSorted((a, b) => changedMs(files, app, b) - changedMs(files, app, a));
  if (before === undefined || older.length === 0) return [];
  const used = await usedCopies(files, stateRoot, living);
  if (!used.ok) return [];
  const unused = older.filter((name) => !used.value.has(name));
  for (const name of unused) {
    // Out of its name first: what a crash leaves of it must not look like a copy.
    const doomed = join(app, `.wo-${randomName()}.tmp`);
    if (files.rename(join(app, name), doomed)) files.removeTree(doomed);
  }
  return unused;
}

/** Removes every copy and the link; the error says who uses one of them, and nothing was removed. */
export async function removeCopies(files: Files, stateRoot: string, living: Living): Promise<Result<void, string>> {
  const used = await usedCopies(files, stateRoot, living);
  if (!used.ok) return used;
  if (used.value.size > 0) return err(`commands still run under ${[...used.value].join(", ")}`);
  files.removeTree(appFolder(stateRoot));
  return ok(undefined);
}

function copiesIn(files: Files, app: string): readonly string[] {
  return (files.list(app) ?? [])
    .filter(({ name, kind }) => kind === "folder" && !TEMPORARY_NAME.test(name))
    .map(({ name }) => name);
}

function changedMs(files: Files, app: string, name: string): number {
  return files.info(join(app, name))?.changedMs ?? 0;
}

/**
 * Copies that stand in the words of a living process: hosts of commands name theirs by its real path. What was started as
 * `current` may be in any: the error.
 */
async function usedCopies(
  files: Files,
  stateRoot: string,
  { own }: Living,
): Promise<Result<ReadonlySet<string>, string>> {
  const app = realApp(files, stateRoot);
  const { exitCode, stdout } = await runProgram(["ps", "-axww", "-o", "pid=,command="], {
    cwd: "/",
    timeoutMs: TRY_MS,
  });
  if (exitCode !== 0) return err("nobody can say which processes still use it: ps did not answer");
  const others = stdout.split("\n").filter((line) => !own.includes(Number.parseInt(line, 10)));
  const links = [`${currentLink(stateRoot)}/`, `${join(app, "current")}/`];
  const [pid] = others.filter((line) => links.some((link) => line.includes(link))).map((line) => line.trim());
  if (pid !== undefined) return err(`a process was started from it: ${pid.slice(0, LINE_SHOWN)}`);
  return ok(
    new Set(copiesIn(files, app).filter((name) => others.some((line) => line.includes(`${join(app, name)}/`)))),
  );
}
