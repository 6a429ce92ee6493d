/** What a lane lets an order do. Guards against accidents; against attackers only a sandbox and signatures help. */
import type { Order } from "./order.ts";
import { isProse } from "./order.ts";
import type { Problem } from "./problems.ts";
import type { WaitReason } from "./status.ts";

/** `route`: orders are passed on to other lanes; `hold`: every order waits for an approval. */
export const LANE_MODES = ["hold", "route", "files-only", "execute"] as const;
export type LaneMode = (typeof LANE_MODES)[number];

export interface LaneRules {
  readonly mode: LaneMode;
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
}

interface Denied {
  readonly pattern: RegExp;
  readonly reason: string;
}

const RM = String.raw`\brm\s+(?:-\S+\s+)*-\w*[rR]\w*\s+(?:-\S+\s+)*`;
const DENIED: readonly Denied[] = [
  {
    pattern: new RegExp(String.raw`${RM}(["']?)(?:/|~|\$HOME|\$\{HOME\})/?\*?\1(?:\s|;|&|\||$)`),
    reason: "it removes everything below / or the home folder",
  },
  { pattern: /\bmkfs(?:\.\w+)?\s/, reason: "it makes a new file system" },
  { pattern: /\bdiskutil\s+(?:erase|partition)\w*/i, reason: "it erases a disk" },
  { pattern: /\bdd\b[^\n;|&]*\bof=\/dev\/(?!null\b)/, reason: "it writes over a device" },
  { pattern: /:\s*\(\s*\)\s*\{\s*:\s*\|\s*:\s*&\s*\}\s*;\s*:/, reason: "it is a fork bomb" },
  { pattern: /(?:^|[;&|]\s*)(?:sudo\s+)?(?:shutdown|reboot|halt|poweroff)\b/, reason: "it stops the machine" },
];

/** What becomes of an order in a lane. Refusals come before waits: what may never run must not rest as approvable. */
export function judge(order: Order, rules: LaneRules, origin: Origin): Verdict {
  const refused = refuseCommands(order, rules);
  if (refused !== undefined) return { kind: "refuse", problem: refused };
  const wait = (reason: WaitReason, message: string): Verdict => ({ kind: "wait", reason, message });
  if (origin.backlog) return wait("backlog", "it lay in the inbox before this base was attached");
  if (rules.mode === "hold") return wait("held_lane", "every order in this lane waits for an approval");
  if (rules.mode === "route")
    return wait("no_route", "this lane passes orders on, and nobody is there who would route them");
  if (isProse(order)) return wait("assignee", "nothing in it can be carried out by a machine");
  if (origin.fromGit && order.steps.length > 0) {
    return wait("from_git", "its file is in git and it runs commands: a pull must not execute");
  }
  return { kind: "run" };
}

function refuseCommands(order: Order, rules: LaneRules): Problem | undefined {
  if (rules.mode === "files-only" && order.steps.length > 0) {
    return {
      code: "lane_refuses_commands",
      message: `this lane runs no commands, the order has ${order.steps.length}`,
    };
  }
  for (const step of order.steps) {
    const text = step.argv.join(" ");
    const denied = DENIED.find(({ pattern }) => pattern.test(text));
    if (denied !== undefined) {
      return { code: "command_refused", message: `the command "${step.name}" is refused: ${denied.reason}` };
    }
  }
  return undefined;
}
