/** An order in the one form that everything behind the reader understands, whatever dialect it was written in. */
import type { OperationsFile } from "./operations-file.ts";
import type { KeyPath, Problem } from "./problems.ts";
import type { Route } from "./routing.ts";

export const PRIORITIES = ["P0", "P1", "P2", "P3"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** What an order asks of one file. Paths as written; content is never expanded. */
export type FileWork =
  /** The whole content; `mode` undefined keeps the mode of what is there, 0644 for a new file. */
  | { readonly kind: "write"; readonly path: string; readonly content: string; readonly mode?: number }
  | ({ readonly kind: "edit"; readonly path: string } & TextEdit)
  /** Behind the end of a file that is there, on a line of its own; `create`: or as the whole of a new one. */
  | {
      readonly kind: "append";
      readonly path: string;
      readonly text: string;
      readonly create: boolean;
      readonly unless?: string;
    }
  /** One value in a JSON or YAML file, by its keys; everything else in the file stays as it is. */
  | {
      readonly kind: "set";
      readonly path: string;
      readonly keys: readonly string[];
      readonly value: string | number | boolean;
    }
  /** What a unified diff asks of one file. */
  | ({ readonly kind: "diff"; readonly path: string } & FileDiff)
  | { readonly kind: "mode"; readonly path: string; readonly mode: number }
  | { readonly kind: "delete"; readonly path: string }
  | { readonly kind: "move"; readonly path: string; readonly to: string };

/** `at` is where it stands in the order's file. */
export type FileAction = FileWork & { readonly at: KeyPath };

/** Whole lines in front of or behind the line in which it was found; or a text in its place. */
export type EditHow = "before" | "after" | "replace";

/** A text that stands in the file exactly once, and what goes in front of it, behind it, or in its place. */
export interface TextEdit {
  readonly find: string;
  readonly how: EditHow;
  readonly text: string;
  /** Stands in the file exactly once, with `find` in it: which of several places is meant. */
  readonly context?: string;
  /** Nothing is done where this stands in the file already. */
  readonly unless?: string;
}

/** Lines as in the diff, each behind its sign. Line numbers from 1. */
export interface Hunk {
  readonly oldStart: number;
  readonly oldLines: number;
  readonly newStart: number;
  readonly newLines: number;
  readonly lines: readonly string[];
}

export interface FileDiff {
  /** What has to be there before: nothing, or a file; `delete` leaves nothing. */
  readonly change: "create" | "change" | "delete";
  readonly hunks: readonly Hunk[];
  readonly mode?: number;
  /** Why it could not be read. An order that is to be done is refused for it; it is the finding of one that is only planned. */
  readonly fault?: string;
}

/** A file that has to be there, as it is named, once the order's files are written; its path may lie anywhere. */
export interface FileCheck {
  readonly path: string;
  readonly sha256?: string;
  readonly at: KeyPath;
}

/**
 * When a step runs. `before`: before any file is touched, and what fails there fails the order with nothing done.
 * `always`: also after a failure. `failed`: only after one. Neither of these changes how the order ended.
 */
export type StepWhen = "before" | "normal" | "always" | "failed";

/** One command. `check`s fail the order with another class: the work was done, its proof was not. */
export interface Step {
  readonly name: string;
  readonly kind: "command" | "check";
  readonly when: StepWhen;
  readonly argv: readonly string[];
  readonly at: KeyPath;
  /** Undefined: the lane's own limit. */
  readonly timeoutMs?: number;
  /** Its failure is recorded and does not fail the order. */
  readonly optional: boolean;
  /** How often it is tried again after a failure, and how long after. */
  readonly retries?: { readonly count: number; readonly delayMs: number };
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
  readonly checks: readonly FileCheck[];
  /** The file that holds operations of it, where it names one. */
  readonly operationsFile?: OperationsFile;
  /** In the order in which they are gone through. */
  readonly steps: readonly Step[];
  /** Variables that its commands' environment has to hold. */
  readonly requires: readonly string[];
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

/** True when there is nothing in the order that a machine could carry out. Names of files alone ask for nothing. */
export function isProse(order: Pick<Order, "files" | "steps" | "checks" | "operationsFile">): boolean {
  return (
    order.files.length === 0 &&
    order.steps.length === 0 &&
    order.operationsFile === undefined &&
    order.checks.every(({ sha256 }) => sha256 === undefined)
  );
}
