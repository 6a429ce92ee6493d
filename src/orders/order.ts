/** An order in the one form that everything behind the reader understands, whatever dialect it was written in. */
import type { KeyPath, Problem } from "./problems.ts";
import type { Route } from "./routing.ts";

export const PRIORITIES = ["P0", "P1", "P2", "P3"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** What an order asks of one file. Paths as written; content is never expanded. */
export type FileWork =
  /** The whole content; `mode` undefined keeps the mode of what is there, 0644 for a new file. */
  | { readonly kind: "write"; readonly path: string; readonly content: string; readonly mode?: number }
  /** A text that stands in the file exactly once, and what goes in front of it, behind it, or in its place. */
  | {
      readonly kind: "edit";
      readonly path: string;
      readonly find: string;
      readonly how: EditHow;
      readonly text: string;
    }
  | { readonly kind: "delete"; readonly path: string }
  | { readonly kind: "move"; readonly path: string; readonly to: string };

/** `at` is where it stands in the order's file. */
export type FileAction = FileWork & { readonly at: KeyPath };

export type EditHow = "before" | "after" | "replace";

/** One command. `check`s come last and fail the order with another class: the work was done, its proof was not. */
export interface Step {
  readonly name: string;
  readonly kind: "command" | "check";
  readonly argv: readonly string[];
  readonly at: KeyPath;
  /** Undefined: the lane's own limit. */
  readonly timeoutMs?: number;
  /** Its failure is recorded and does not fail the order. */
  readonly optional: boolean;
  /** What standard output must be, blanks around it aside. */
  readonly expected?: string;
}

/** What the order says of itself; nothing is done with it but showing it. */
export interface OrderHeader {
  readonly title: string;
  readonly summary: string;
  readonly owner: string;
  readonly category: string;
  readonly priority: Priority;
  /** As written. */
  readonly rawPriority: string;
  readonly tags: readonly string[];
  readonly goal: string;
  readonly notes: string;
  /** As written: people use six date forms and unexpanded `$(date)`. */
  readonly createdAt: string;
  readonly dueDate: string;
}

export interface Order {
  readonly id: string;
  /** The id was made from the file's name because the order declares none. */
  readonly idFromName: boolean;
  readonly header: OrderHeader;
  /** The lanes that it asks for; read where a lane passes orders on. */
  readonly route: Route;
  readonly files: readonly FileAction[];
  readonly steps: readonly Step[];
  /** Ask for the plan only; nothing is touched. */
  readonly dryRun: boolean;
  /** Guarded components may be deleted. */
  readonly allowDelete: boolean;
  /** The id of an order that this one takes the place of. */
  readonly supersedes?: string;
  /** After a crash that left a command's end unknown. */
  readonly onInterrupt: "retry" | "fail";
  /** Things that were read with a doubt; nothing depends on them. */
  readonly warnings: readonly Problem[];
}

/** True when there is nothing in the order that a machine could carry out. */
export function isProse(order: Order): boolean {
  return order.files.length === 0 && order.steps.length === 0;
}
