/** `wo undo ID`, `wo undo --path P`: shows how files would become what they were; with `--apply` files the order that does it. */
import { isAbsolute, join } from "node:path";
import type { BoundBase } from "../daemon/base.ts";
import { examineBooks } from "../daemon/opening.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import { randomName, sha256 } from "../platform/ids.ts";
import { typedWord } from "../platform/shell.ts";
import { plainLine } from "../platform/terminal.ts";
import { blobsIn, prunedAt } from "../records/blob-references.ts";
import { isAgentName, placeOf } from "../records/component-place.ts";
import type { Image } from "../records/events.ts";
import { readEntriesAfter, readEntriesOf } from "../records/ledger-reading.ts";
import { Vault } from "../records/vault.ts";
import { changesOf, isSame, undoOrder, type Version, versionAt, versionsOf, type Wish } from "../upkeep/undo.ts";
import { baseInEffect } from "./config-of-base.ts";
import { type Context, complain } from "./context.ts";
import { boundBase } from "./daemon-client.ts";
import { dryRun } from "./dry-run.ts";
import { DEFAULT_LANE, examine } from "./examine.ts";
import { sinceTime } from "./log.ts";
import { submit } from "./submit.ts";
import { typedPath } from "./typed-path.ts";

const FILE_BYTES_MAX = 64 * 1024 * 1024;

export interface UndoOptions {
  readonly path?: string;
  /** `10m` ago, or an ISO time. */
  readonly at?: string;
  readonly lane?: string;
  readonly apply?: boolean;
  readonly force?: boolean;
}

interface Undo {
  readonly wishes: readonly Wish[];
  readonly id: string;
  readonly title: string;
  readonly lane: string;
  /** What to type to have it done. */
  readonly command: string;
  /** What to type where its contents were pruned. */
  readonly others?: string | undefined;
}

/** 0 when it is shown or done; 1 when there is nothing to take back, or a file was changed since. */
export async function undo(context: Context, id: string | undefined, options: UndoOptions): Promise<number> {
  if ((id === undefined) === (options.path === undefined))
    throw new BridgeError("USAGE", "wo undo takes the id of an order, or --path with a file");
  const bound = boundBase(context);
  const found =
    options.path === undefined
      ? ofOrder(context, bound, id ?? "", options)
      : ofPath(context, bound, options.path, options);
  if (found === undefined) return EXIT.no;
  const now = new Map(found.wishes.map(({ path }) => [path, imageNow(context, bound, path)]));
  const left = found.wishes.filter(
    ({ path, wanted }) => now.get(path) === "other" || !isSame(fileOf(now.get(path)), wanted),
  );
  const changed = left.filter(
    ({ path, left: expected }) => now.get(path) === "other" || fileOf(now.get(path))?.sha256 !== expected?.sha256,
  );
  if (left.length === 0)
    return refuse(context, "nothing_to_undo", "every file is as it was before already", "wo status");
  if (changed.length > 0 && options.force !== true) {
    const paths = changed.map(({ path }) => plainLine(path)).join(", ");
    const hint = `look at them; ${found.command} --force takes them back all the same, and what is there now stays in the vault`;
    return refuse(context, "changed_since", `changed since by somebody else: ${paths}`, hint);
  }
  return carryOut(context, bound, { ...found, wishes: left }, options);
}

async function carryOut(
  context: Context,
  bound: BoundBase,
  { wishes, id, title, lane, command, others }: Undo,
  { apply, force }: UndoOptions,
): Promise<number> {
  const vault = new Vault(context.files, bound.vault);
  const pruned = prunedOf(context, vault, wishes);
  if (pruned !== undefined)
    return refuse(context, "contents_pruned", pruned.message, others ?? `wo why ${typedWord(pruned.path)}`);
  const { text, binary } = undoOrder({ id, title }, wishes, (content) => vault.load(content));
  if (binary.length > 0) {
    const hint = `their bytes are in the vault: wo log --since 0 --json`;
    return refuse(context, "no_text", `no order can carry what is no text: ${binary.map(plainLine).join(", ")}`, hint);
  }
  const folder = join(context.machine.temporaryFolder, `.wo-${randomName()}.tmp`);
  context.files.makeFolders(folder, 0o700);
  const path = join(folder, `${id}.json`);
  try {
    await context.files.publish(path, text, 0o600);
    const here = baseInEffect(context);
    const examined = await examine(context, path, here, lane);
    const { order, problems } = examined;
    if (order === undefined || examined.exit !== EXIT.yes) {
      // The order's own file is gone in a moment: what is wrong is told without it.
      const told = problems.map(({ code, message }) => `${code}: ${plainLine(message)}`).join("; ");
      const hint = wishes.some(({ path }) => isAgentName(path))
        ? "where it is guarded, move it away: the daemon puts back what was accepted"
        : "its bytes are in the vault all the same: wo log --since 0 --json";
      refuse(context, "undo_refused", `no order may bring this back: ${told}`, hint);
      return examined.exit === EXIT.yes ? EXIT.no : examined.exit;
    }
    if (apply === true) return await submit(context, path, { lane, watch: true });
    const exit = await dryRun(context, path, here, { ...examined, order });
    if (!context.json && exit === EXIT.yes)
      context.terminal.out(`next: ${command} --apply${force === true ? " --force" : ""}`);
    return exit;
  } finally {
    context.files.removeTree(folder);
  }
}

/** What of it was pruned, and since when; undefined where all is there, or is lost in another way. */
function prunedOf(
  { files }: Context,
  vault: Vault,
  wishes: readonly Wish[],
): { readonly path: string; readonly message: string } | undefined {
  const gone = wishes.flatMap(({ path, wanted }) =>
    blobsIn(wanted).flatMap((hash) => (vault.has(hash) ? [] : [{ path, hash }])),
  );
  const [first] = gone;
  const since = first && prunedAt(files, vault.ledger, first.hash);
  if (first === undefined || since === undefined) return undefined;
  const paths = gone.map(({ path }) => plainLine(path)).join(", ");
  const message = `what was there was pruned from the vault at ${since.ts}, by ${plainLine(since.by)}: ${paths}`;
  return { path: first.path, message };
}

function ofOrder(context: Context, bound: BoundBase, id: string, { lane }: UndoOptions): Undo | undefined {
  const { files, machine } = context;
  const record = examineBooks(files, machine, bound).index.get(id);
  if (record === undefined) {
    refuse(context, "unknown_order", `no order has the id ${id}`, "wo status");
    return undefined;
  }
  const span = { from: record.acceptedAt, toSeq: record.settledSeq ?? record.lastSeq };
  const wishes = changesOf(readEntriesOf(files, new Vault(files, bound.vault).ledger, id, span));
  if (wishes === undefined) {
    refuse(context, "nothing_to_undo", `${id} has changed no file`, `wo show ${id}`);
    return undefined;
  }
  const command = `wo undo ${typedWord(id)}`;
  return { wishes, id: undoId(id), title: `Undo of ${id}`, lane: lane ?? record.lane, command };
}

function ofPath(context: Context, bound: BoundBase, typed: string, { at, lane }: UndoOptions): Undo | undefined {
  const { files } = context;
  // Orders may write outside of the base, too.
  const path = typedPath(context, bound, typed) ?? typed;
  const time = at === undefined ? undefined : sinceTime(context, at, "--at");
  const versions = versionsOf(readEntriesAfter(files, new Vault(files, bound.vault).ledger, 0), bound, path);
  const now = fileOf(imageNow(context, bound, path));
  const version = versionAt(versions, time, now?.sha256);
  if (version === undefined) {
    const what =
      versions.length === 0
        ? `the vault knows no version of ${plainLine(path)}`
        : `the vault knows no other version of ${plainLine(path)}`;
    refuse(context, "no_version", what, `wo why ${typedWord(path)}`);
    return undefined;
  }
  const command = `wo undo --path ${typedWord(path)}${at === undefined ? "" : ` --at ${typedWord(at)}`}`;
  const title = `Back to ${version.ts}: ${path} (${version.from})`;
  return {
    wishes: [{ path, wanted: version.image, left: now }],
    id: undoId("PATH"),
    title,
    lane: lane ?? DEFAULT_LANE,
    command,
    others: otherVersion(new Vault(files, bound.vault), versions, now, typedWord(path)),
  };
}

/** The newest other version that the vault has, as it is asked for. */
function otherVersion(
  vault: Vault,
  versions: readonly Version[],
  now: Image | undefined,
  word: string,
): string | undefined {
  const found = versions.findLast(
    ({ image }) =>
      image !== undefined && image.sha256 !== now?.sha256 && blobsIn(image).every((hash) => vault.has(hash)),
  );
  return found && `wo undo --path ${word} --at ${found.ts}    (${plainLine(found.from)}, which the vault has)`;
}

function undoId(of: string): string {
  return `UNDO-${of.slice(0, 96)}-${randomName()}`;
}

/** The file as it is now, only what tells it from others; "other" for what is no file that can be read. */
function imageNow({ files }: Context, base: BoundBase, path: string): Image | "other" | undefined {
  const place = isAbsolute(path) ? path : placeOf(base, path);
  const reading = files.peek(place, FILE_BYTES_MAX);
  if (reading.kind === "absent") return undefined;
  if (reading.kind !== "file") return "other";
  const { bytes, info } = reading;
  return { sha256: sha256(bytes), size_bytes: bytes.length, mode: info.mode, content: { text: "" } };
}

function fileOf(image: Image | "other" | undefined): Image | undefined {
  return image === "other" ? undefined : image;
}

function refuse(context: Context, code: string, message: string, hint: string): number {
  complain(context, { code, message, hint });
  return EXIT.no;
}
