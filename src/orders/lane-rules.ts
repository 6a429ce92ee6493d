/** What a lane lets an order do. Guards against accidents; against attackers only a sandbox and signatures help. */
import { COMPARED_LENGTH, type CommandRules, refusalOf } from "./command-patterns.ts";
import { LIMITS } from "./limits.ts";
import { type FileAction, isProse, type Order } from "./order.ts";
import { HINTS, keyText, type Problem } from "./problems.ts";
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
  | { readonly kind: "refuse"; readonly problem: Problem };

/** Where the file came from, as far as it matters for what it may do. */
export interface Origin {
  /** It lay in the inbox when the base was first attached. */
  readonly backlog: boolean;
  /** It is in git's index or HEAD: it may have come by a pull. */
  readonly fromGit: boolean;
  /** Somebody who may do so has signed it. */
  readonly signed: boolean;
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
function disaster(argv: readonly string[]): string | undefined {
  const text = argv.join(" ");
  if (text.replaceAll(/\s+/g, "").includes(":(){:|:&};:")) return "it is a fork bomb";
  const commands = argv[1] === "-c" ? (argv[2] ?? "").split(/[;&|\n()]/) : [text];
  for (const command of commands) {
    const words = command
      .replaceAll(/["'`]/g, " ")
      .split(/\s+/)
      .filter((word) => word !== "");
    const reason = disasterIn(words);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Why an order of nothing but prose waits. */
export const PROSE = "nothing in it can be carried out by a machine";

/**
 * What becomes of an order in a lane. Refusals come before waits: what may never run must not rest as approvable.
 * `noRoute` is why a lane that passes orders on has nowhere to pass this one.
 */
export function judge(order: Order, rules: LaneRules, origin: Origin, noRoute?: string): Verdict {
  const refused =
    refuseUnsigned(order, rules, origin) ?? refuseCommands(order, rules) ?? refuseTooMuch(order, rules.guards);
  if (refused !== undefined) return { kind: "refuse", problem: refused };
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

/** True where a signature of the order's file holds for all that the order is. */
function isCovered({ idFromName, operationsFile }: Order): boolean {
  return !idFromName && (operationsFile === undefined || operationsFile.sha256 !== undefined);
}

function refuseUnsigned(order: Order, { signature }: LaneRules, { signed }: Origin): Problem | undefined {
  if (signature === "off") return undefined;
  if (signed && isCovered(order)) return undefined;
  const { idFromName, operationsFile } = order;
  if (signed && idFromName) {
    // Under another name it would be another order, signed as well, and all of it would be done once more.
    const message = "a signed order says its own id: the signature holds for what is in the file, not for its name";
    return { code: "bad_id", message, hint: "write `wo_id: …` into it, and sign it again" };
  }
  if (signed && operationsFile !== undefined) {
    const message = `the signature holds for the order's own file, and nothing in that says what ${operationsFile.path} has to hold`;
    const { unsigned_operations: hint = "" } = HINTS;
    return { code: "unsigned_operations", message, hint, key: keyText(operationsFile.at) };
  }
  return {
    code: "unsigned",
    message: "this lane takes signed orders only, and no signature lies beside this one",
    ...(HINTS.unsigned === undefined ? {} : { hint: HINTS.unsigned }),
  };
}

function refuseCommands(order: Order, rules: LaneRules): Problem | undefined {
  if (rules.mode === "files-only" && order.steps.length > 0) {
    return {
      code: "lane_refuses_commands",
      message: `this lane runs no commands, the order has ${order.steps.length}`,
      hint: "drop it into another lane, or leave the commands out",
    };
  }
  for (const step of order.steps) {
    const reason = disaster(step.argv);
    if (reason !== undefined)
      return {
        code: "command_refused",
        message: `the command "${step.name}" is refused: ${reason}`,
        hint: "name what is meant, or do it by hand",
      };
  }
  return refuseByPattern(order, rules.guards);
}

function refuseByPattern({ steps }: Order, { commands }: Guards): Problem | undefined {
  if (commands.deny.length === 0 && commands.allow.length === 0) return undefined;
  const length = steps.reduce((sum, { argv }) => sum + argv.join(" ").length, 0);
  if (length > COMPARED_LENGTH) {
    const message = `its commands hold ${length} characters, at most ${COMPARED_LENGTH} are compared with what is allowed here`;
    return { code: "command_refused", message, hint: "write long scripts as files, and run those" };
  }
  for (const step of steps) {
    const reason = refusalOf(step.argv, commands);
    if (reason !== undefined)
      return {
        code: "command_refused",
        message: `the command "${step.name}" is refused: ${reason}`,
        hint: "write it so that it is allowed, or drop it into another lane; wo-bridge.yaml has the patterns",
        key: keyText(step.at),
      };
  }
  return undefined;
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
function refuseTooMuch(order: Order, { maxFiles, maxFileBytes, maxCommands }: Guards): Problem | undefined {
  const hint = "split the order; wo-bridge.yaml has the caps";
  const { files, steps } = order;
  if (files.length > maxFiles) {
    const message = `the order has ${files.length} file actions, this lane allows ${maxFiles}`;
    return { code: "too_many_files", message, hint };
  }
  if (steps.length > maxCommands) {
    const message = `the order has ${steps.length} commands, this lane allows ${maxCommands}`;
    return { code: "too_many_commands", message, hint };
  }
  for (const action of files) {
    const bytes = Buffer.byteLength(writtenText(action));
    if (bytes <= maxFileBytes) continue;
    const message = `it writes ${bytes} bytes, this lane allows ${maxFileBytes} for one file`;
    return { code: "file_too_large", message, hint, key: keyText(action.at) };
  }
  return undefined;
}
