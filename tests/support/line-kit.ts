/** A base with a daemon at work, the smallest orders that can be dropped into it, and what the bridge and the CLI answer. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { treeOf } from "./temporary-folder.ts";
import { asRecord, type CommandEnd, exited, type JsonLine, MAIN, until, World } from "./world.ts";

/** Files are taken and given up soon, so that tests need not wait long. */
export const QUICK = "intake: {settleMs: 100, giveUpMs: 300, rescanMs: 500}\n";

/** A base whose daemon answers; `config` comes on top of QUICK. */
export async function workingWorld(config = ""): Promise<World> {
  const world = await World.make({ config: QUICK + config });
  const daemon = await world.startDaemon();
  if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
  return world;
}

/** The same without a sandbox: there the process ids that a command tells are those of the machine. */
export function unconfinedWorld(config = ""): Promise<World> {
  return workingWorld(`lanes: {CLC: {sandbox: off}}\n${config}`);
}

/** An order that writes one file, `made/<id>.txt` unless another path is given, with its id in it. */
export function filing(id: string, path = `made/${id}.txt`): object {
  return { wo_id: id, files: [{ path, content: `${id}\n` }] };
}

/** An order that runs one command. */
export function running(id: string, run: string, more: object = {}): object {
  return { wo_id: id, steps: [{ run }], ...more };
}

/** Two faults, of which the first is a mistyped key on line 4. */
export const BROKEN = "wo_id: WO-1\nfiles:\n  - path: a.txt\n    contnet: x\n  - path: b.txt\n";

/** Writes an order beside the base; its path. */
export function orderFile(world: World, name: string, content: string | object): string {
  const path = join(world.root, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** Drops bytes as careful producers do. */
export function dropBytes(world: World, lane: string, name: string, bytes: string | Uint8Array): void {
  const beside = world.path(`bridge/inbox/${lane}/.${name}.writing`);
  mkdirSync(dirname(beside), { recursive: true });
  writeFileSync(beside, bytes);
  renameSync(beside, world.path(`bridge/inbox/${lane}/${name}`));
}

/** The value below these keys; undefined where there is none. */
export function valueIn(value: unknown, ...keys: readonly (string | number)[]): unknown {
  let found = value;
  for (const key of keys) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Reflect.get(found, key);
  }
  return found;
}

/** Waits for the rejection of a drop and returns its problems. */
export async function problemsOf(world: World, lane: string, name: string): Promise<readonly JsonLine[]> {
  const path = `bridge/error/${lane}/${name}.error.json`;
  await until(() => world.read(path) !== undefined, 10_000, `${path} is there`);
  const problems = valueIn(JSON.parse(world.read(path) ?? ""), "problems");
  if (!Array.isArray(problems)) throw new Error(`${path} holds no problems`);
  return problems.map(asRecord);
}

/** Acknowledgements of drops that were not taken as orders, oldest first. */
export function refusalsOf(world: World, lane: string): readonly JsonLine[] {
  return world
    .list(`bridge/outbox/${lane}`)
    .filter((name) => /\.[0-9A-Z]{26}\.ack\.json$/.test(name))
    .map((name) => asRecord(JSON.parse(world.read(`bridge/outbox/${lane}/${name}`) ?? "")));
}

/** Waits for that many of them. */
export async function awaitRefusals(world: World, lane: string, count: number): Promise<readonly JsonLine[]> {
  await until(
    () => refusalsOf(world, lane).length >= count,
    10_000,
    `${count} drops are refused`,
    () => `${refusalsOf(world, lane).length}`,
  );
  return refusalsOf(world, lane);
}

/** Every line that is whole by now: the last one may be on its way. */
export function linesTold(world: World): readonly JsonLine[] {
  return jsonLines((world.read("g/telemetry/unified.jsonl") ?? "").replace(/[^\n]*$/, ""));
}

/** Waits until an event of the order is told, and returns its last line. */
export async function told(world: World, id: string, event: string, timeoutMs = 10_000): Promise<JsonLine> {
  const find = () => linesTold(world).findLast((line) => line["wo_id"] === id && line["event"] === event);
  await until(
    () => find() !== undefined,
    timeoutMs,
    `${event} of ${id} is told`,
    () =>
      linesTold(world)
        .flatMap((line) => (line["wo_id"] === id ? [String(line["event"])] : []))
        .join(),
  );
  return find() ?? {};
}

/** How the order stands, with its class and code, out of what telemetry tells of its failure. */
export async function failureOf(world: World, id: string): Promise<JsonLine> {
  await world.reaches(id, "failed");
  return told(world, id, "wo_failed");
}

const OWN_NAMES = new Set(["bridge", "g", "apps", "logs", "wo-bridge.yaml", ".wo-base", ".gitignore"]);

/** The files of the base that are not the machinery's own: path → content. */
export function workOf(world: World): Record<string, string> {
  const work: Record<string, string> = {};
  for (const entry of readdirSync(world.base, { withFileTypes: true })) {
    if (OWN_NAMES.has(entry.name)) continue;
    if (entry.isSymbolicLink()) work[entry.name] = `-> ${readlinkSync(world.path(entry.name))}`;
    else if (entry.isFile()) work[entry.name] = world.read(entry.name) ?? "";
    else
      for (const [path, text] of Object.entries(treeOf(world.path(entry.name)))) work[`${entry.name}/${path}`] = text;
  }
  return work;
}

/** The one JSON document that a command printed; its form is checked, its data returned. */
export function documentOf({ stdout }: CommandEnd, kind: string): unknown {
  const document = asRecord(JSON.parse(stdout));
  expect(stdout.trimEnd()).not.toContain("\n");
  expect(document).toEqual({ v: 1, kind, data: expect.anything(), warnings: expect.any(Array) });
  return document["data"];
}

/** The JSON Lines that a command printed. */
export function jsonLines(text: string): readonly JsonLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => asRecord(JSON.parse(line)));
}

/** The last line that a command printed, on standard error when it said something there. */
export function lastLine({ stdout, stderr }: CommandEnd): string {
  return (stderr === "" ? stdout : stderr).trimEnd().split("\n").at(-1)?.trim() ?? "";
}

/** True while a process with this id is there; one that has ended and that nobody has asked about is not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^(?:Z|$)/.test(execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).trim());
  } catch {
    // ps says no when there is no such process.
    return false;
  }
}

/** The numbers in a file of the base that commands wrote their process ids to. */
export function pidsIn(world: World, path: string): readonly number[] {
  return (world.read(path) ?? "").split(/\s+/).flatMap((word) => (/^\d+$/.test(word) ? [Number(word)] : []));
}

/** A command that goes on until it is interrupted. */
export class LongCommand {
  /** What it has printed so far. */
  text = "";
  readonly #child: ChildProcess;

  constructor(world: World, ...words: readonly string[]) {
    this.#child = spawn(process.execPath, [MAIN, ...words], { env: world.env, stdio: ["ignore", "pipe", "ignore"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (text) => {
      this.text += String(text);
    });
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  /** As with Ctrl-C; its exit code. */
  async interrupt(): Promise<number | null> {
    this.#child.kill("SIGINT");
    await exited(this.#child);
    return this.#child.exitCode;
  }
}
