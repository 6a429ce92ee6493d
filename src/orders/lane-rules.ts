/** What a lane lets an order do. Guards against accidents; against attackers only a sandbox and signatures help. */
import { COMPARED_LENGTH, type CommandRules, refusalsOf } from "./command-patterns.ts";
import type { Fault } from "./document.ts";
import { LIMITS } from "./limits.ts";
import { type FileAction, isProse, type Order } from "./order.ts";
import { HINTS } from "./problems.ts";
import type { Refusal } from "./refusals.ts";
import type { WaitReason } from "./status.ts";

/** `route`: orders are passed on to other lanes; `hold`: every order waits for an approval. */
export const LANE_MODES = ["hold", "route", "files-only", "execute"] as const;
export type LaneMode = (typeof LANE_MODES)[number];

/** From weakest to strictest. `on`: where it works; `required`: without one, orders with commands wait. */
export const SANDBOX_WISHES = ["off", "on", "required"] as const;
export type SandboxWish = (typeof SANDBOX_WISHES)[number];

/** What a lane asks of its orders, from weakest to strictest. */
export const SIGNATURE_WISHES = ["off", "required"] as const;
export type SignatureWish = (typeof SIGNATURE_WISHES)[number];

/** What to do with an order in whose file something looks like a secret; the strictest first. */
export const SECRET_RULES = ["refuse", "allow"] as const;

/** What an order may ask for at most, and what it may not hold at all. */
export interface Guards {
  readonly commands: CommandRules;
  /** File actions. */
  readonly maxFiles: number;
  /** Of what one file action writes, in UTF-8. */
  readonly maxFileBytes: number;
  /** Commands and checks. */
  readonly maxCommands: number;
  readonly secrets: (typeof SECRET_RULES)[number];
}

/** What holds where no configuration says anything. */
export const DEFAULT_GUARDS: Guards = {
  commands: { deny: [], allow: [] },
  maxFiles: LIMITS.actions,
  maxFileBytes: LIMITS.sizeBytes,
  maxCommands: LIMITS.actions,
  secrets: "refuse",
};

export interface LaneRules {
  readonly mode: LaneMode;
  readonly guards: Guards;
  readonly signature: SignatureWish;
  /** Why its commands must not run now, if so. */
  readonly noSandbox?: string | undefined;
}

export type Verdict =
  | { readonly kind: "run" }
  | { readonly kind: "wait"; readonly reason: WaitReason; readonly message: string }
  /** All that the lane has against it. */
  | { readonly kind: "refuse"; readonly refusals: readonly Refusal[] };

/** Where the file came from, as far as it matters for what it may do. */
export interface Origin {
  /** It lay in the inbox when the base was first attached. */
  readonly backlog: boolean;
  /** It is in git's index or HEAD: it may have come by a pull. */
  readonly fromGit: boolean;
  /** Somebody who may do so has signed it. */
  readonly signed: boolean;
  /** What is wrong with the signature that it came with. */
  readonly fault?: Fault;
}

const ROOTS = new Set(["/", "/*", "~", "~/", "~/*", "$HOME", "$HOME/", "$HOME/*", "${HOME}", "${HOME}/", "${HOME}/*"]);
/** Words in front of the program that is run. */
const CARRIERS = new Set(["sudo", "exec", "nohup", "env", "command", "time"]);
const STOPS = new Set(["shutdown", "reboot", "halt", "poweroff"]);

/** Why one simple command, as its words, is never run; undefined for all that is not plainly a disaster. */
function disasterIn(words: readonly string[]): string | undefined {
  const programs = words.map((word) => word.slice(word.lastIndexOf("/") + 1));
  const first = programs.find((word) => !CARRIERS.has(word) && !/^\w+=/.test(word)) ?? "";
  if (STOPS.has(first)) return "it stops the machine";
  const removes = programs.indexOf("rm");
  if (removes !== -1 && removesAll(words.slice(removes + 1))) return "it removes everything below / or the home folder";
  if (programs.some((word) => word === "mkfs" || word.startsWith("mkfs."))) return "it makes a new file system";
  const erases = programs.indexOf("diskutil");
  if (erases !== -1 && /^(?:erase|partition)/i.test(words[erases + 1] ?? "")) return "it erases a disk";
  const copies = programs.indexOf("dd");
  const target = copies === -1 ? undefined : words.slice(copies + 1).find((word) => word.startsWith("of=/dev/"));
  return target === undefined || target === "of=/dev/null" ? undefined : "it writes over a device";
}

function removesAll(words: readonly string[]): boolean {
  const isDeep = words.some((word) => word === "--recursive" || /^-[A-Za-z]*[rR]/.test(word));
  return isDeep && words.some((word) => ROOTS.has(word));
}

/**
 * Why a command is never run. Looks at words, quotes left out, one simple command at a time, in time that grows with the
 * text: a guard against accidents, which no list of words could turn into one against malice.
 */
function disasters(argv: readonly string[]): ReadonlySet<string> {
  const text = argv.join(" ");
  const found = new Set<string>();
  if (text.replaceAll(/\s+/g, "").includes(":(){:|:&};:")) found.add("it is a fork bomb");
  const commands = argv[1] === "-c" ? (argv[2] ?? "").split(/[;&|\n()]/) : [text];
  for (const command of commands) {
    const words = command
      .replaceAll(/["'`]/g, " ")
      .split(/\s+/)
      .filter((word) => word !== "");
    const reason = disasterIn(words);
    if (reason !== undefined) found.add(reason);
  }
  return found;
}

/** Why an order of nothing but prose waits. */
export const PROSE = "nothing in it can be carried out by a machine";

/**
 * What becomes of an order in a lane. Refusals come before waits: what may never run must not rest as approvable.
 * `noRoute` is why a lane that passes orders on has nowhere to pass this one.
 */
export function judge(order: Order, rules: LaneRules, origin: Origin, noRoute?: string): Verdict {
  const refusals = [
    ...refuseUnsigned(order, rules, origin),
    ...refuseCommands(order, rules),
    ...refuseTooMuch(order, rules.guards),
  ];
  if (refusals.length > 0) return { kind: "refuse", refusals };
  const wait = (reason: WaitReason, message: string): Verdict => ({ kind: "wait", reason, message });
  if (origin.backlog) return wait("backlog", "it lay in the inbox before this base was attached");
  if (rules.mode === "hold") return wait("held_lane", "every order in this lane waits for an approval");
  if (origin.fromGit && !(origin.signed && isCovered(order)) && order.steps.length > 0) {
    return wait("from_git", "its file is in git, or git cannot tell, and it runs commands: a pull must not execute");
  }
  // Last of what holds an order that can run: one that waits for its lane goes on by itself once that is there.
  if (rules.mode === "route") return wait("no_route", noRoute ?? "this lane passes orders on");
  if (isProse(order)) return wait("assignee", PROSE);
  if (rules.noSandbox !== undefined && runsCommands(order)) return wait("no_sandbox", rules.noSandbox);
  return { kind: "run" };
}

/** True for an order whose commands will really be run. */
export function runsCommands(order: Order): boolean {
  return order.steps.length > 0 && !order.dryRun;
}

/** Why a signature of the order's file does not hold for all that the order is. */
function refuseUncovered({ idFromName, operationsFile }: Order): readonly Refusal[] {
  const refusals: Refusal[] = [];
  if (idFromName) {
    // Under another name it would be another order, signed as well, and all of it would be done once more.
    const message = "a signed order says its own id: the signature holds for what is in the file, not for its name";
    refusals.push({ code: "bad_id", message, hint: "write `wo_id: …` into it, and sign it again" });
  }
  if (operationsFile !== undefined && operationsFile.sha256 === undefined) {
    const message = `the signature holds for the order's own file, and nothing in that says what ${operationsFile.path} has to hold`;
    const { unsigned_operations: hint = "" } = HINTS;
    refusals.push({ code: "unsigned_operations", message, hint, at: operationsFile.at });
  }
  return refusals;
}

function isCovered(order: Order): boolean {
  return refuseUncovered(order).length === 0;
}

function refuseUnsigned(order: Order, { signature }: LaneRules, { signed, fault }: Origin): readonly Refusal[] {
  if (signature === "off") return [];
  if (fault !== undefined) return [fault];
  if (signed) return refuseUncovered(order);
  const message = "this lane takes signed orders only, and no signature lies beside this one";
  return [{ code: "unsigned", message, ...(HINTS.unsigned === undefined ? {} : { hint: HINTS.unsigned }) }];
}

function refuseCommands({ steps }: Order, { mode, guards }: LaneRules): readonly Refusal[] {
  const refusals: Refusal[] = [];
  if (mode === "files-only" && steps.length > 0) {
    refusals.push({
      code: "lane_refuses_commands",
      message: `this lane runs no commands, the order has ${steps.length}`,
      hint: "drop it into another lane, or leave the commands out",
      at: steps[0]?.at,
    });
  }
  const tooLong = tooLongToCompare(steps, guards);
  for (const { name, argv, at } of steps) {
    const refused = (reason: string, hint: string): Refusal => {
      return { code: "command_refused", message: `the command "${name}" is refused: ${reason}`, hint, at };
    };
    for (const reason of disasters(argv)) refusals.push(refused(reason, "name what is meant, or do it by hand"));
    if (tooLong !== undefined) continue;
    for (const found of refusalsOf(argv, guards.commands)) refusals.push(refused(found, PATTERN_HINT));
  }
  return tooLong === undefined ? refusals : [...refusals, tooLong];
}

const PATTERN_HINT = "write it so that it is allowed, or drop it into another lane; wo-bridge.yaml has the patterns";

/** Where patterns are given, and the commands are too long to be compared with them: at the first that goes beyond. */
function tooLongToCompare(steps: Order["steps"], { commands }: Guards): Refusal | undefined {
  if (commands.deny.length === 0 && commands.allow.length === 0) return undefined;
  let [length, at]: [number, Refusal["at"]] = [0, undefined];
  for (const step of steps) {
    length += step.argv.join(" ").length;
    if (length > COMPARED_LENGTH) at ??= step.at;
  }
  if (at === undefined) return undefined;
  const message = `its commands hold ${length} characters, at most ${COMPARED_LENGTH} are compared with what is allowed here`;
  return { code: "command_refused", message, hint: "write long scripts as files, and run those", at };
}

/** What an action adds to a file. */
function writtenText(action: FileAction): string {
  switch (action.kind) {
    case "write":
      return action.content;
    case "edit":
    case "append":
      return action.text;
    case "set":
      return String(action.value);
    case "diff":
      return action.hunks.flatMap(({ lines }) => lines.filter((line) => line.startsWith("+"))).join("\n");
    case "mode":
    case "delete":
    case "move":
      return "";
  }
}

/** More than the lane's caps; the order's own limits, which nothing raises, were met when it was read. */
function refuseTooMuch({ files, steps }: Order, { maxFiles, maxFileBytes, maxCommands }: Guards): readonly Refusal[] {
  const hint = "split the order; wo-bridge.yaml has the caps";
  const refusals: Refusal[] = [];
  if (files.length > maxFiles) {
    const message = `the order has ${files.length} file actions, this lane allows ${maxFiles}`;
    refusals.push({ code: "too_many_files", message, hint, at: files[maxFiles]?.at });
  }
  if (steps.length > maxCommands) {
    const message = `the order has ${steps.length} commands, this lane allows ${maxCommands}`;
    refusals.push({ code: "too_many_commands", message, hint, at: steps[maxCommands]?.at });
  }
  for (const action of files) {
    const bytes = Buffer.byteLength(writtenText(action));
    if (bytes <= maxFileBytes) continue;
    const message = `it writes ${bytes} bytes, this lane allows ${maxFileBytes} for one file`;
    refusals.push({ code: "file_too_large", message, hint, at: action.at });
  }
  return refusals;
}
