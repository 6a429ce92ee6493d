/** Reads values out of a document by their shapes and keeps every problem that is met, not only the first. */
import { z } from "zod";
import { isRecord } from "../platform/result.ts";
import type { Document, Fault } from "./document.ts";
import { LIMITS } from "./limits.ts";
import { type KeyPath, nearest, type Problem } from "./problems.ts";

export class Collector {
  readonly #document: Document;
  readonly problems: Problem[] = [];
  /** What is read with a doubt: it refuses nothing. */
  readonly warnings: Problem[] = [];

  constructor(document: Document) {
    this.#document = document;
  }

  /** Keeps a problem with the value at `path`, while there are not more than anybody reads: each costs a walk. */
  add(fault: Fault, path: KeyPath, what: "key" | "value" = "value"): void {
    if (this.problems.length < LIMITS.problems) this.problems.push(this.#document.problem(fault, path, what));
  }

  /** Keeps a doubt in the same way. */
  warn(fault: Fault, path: KeyPath): void {
    if (this.warnings.length < LIMITS.problems) this.warnings.push(this.#document.problem(fault, path, "value"));
  }

  /** What stands in the file for a value on one line of YAML. */
  line(path: KeyPath): string | undefined {
    return this.#document.line(path);
  }

  /** The value in its shape; undefined, with the problems kept, when it has another. */
  read<T>(shape: z.ZodType<T>, value: unknown, path: KeyPath): T | undefined {
    // The order is refused by now, and nobody reads more: what else is wrong with it is left for the next time.
    if (this.problems.length >= LIMITS.problems) return undefined;
    const parsed = shape.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of bestIssues(parsed.error.issues)) this.#addIssue(issue, path, shape);
    return undefined;
  }

  #addIssue(issue: z.core.$ZodIssue, path: KeyPath, shape: z.ZodType): void {
    const inner = issue.path.filter((part) => typeof part !== "symbol");
    const at = [...path, ...inner];
    if (issue.code === "unrecognized_keys") {
      const known = knownKeys(shape, inner);
      for (const key of issue.keys) this.addUnknownKey(key, at, known);
      return;
    }
    const last = at.at(-1);
    if (last === "mode" && issue.code !== "invalid_value") {
      this.add(
        { code: "bad_mode", message: 'a mode is octal text such as "0755"', hint: 'write "0755", in quotes' },
        at,
      );
      return;
    }
    if (issue.code === "invalid_type" && issue.message.endsWith("received undefined")) {
      this.add({ code: "missing_value", message: `it has no "${String(last)}"` }, at);
      return;
    }
    const isEmpty = issue.code === "too_small" && issue.origin === "string" && issue.minimum === 1;
    const message = isEmpty ? "it is empty" : lowerFirst(issue.message);
    this.add({ code: issue.code === "invalid_type" ? "wrong_type" : "wrong_value", message }, at);
  }

  /** A key that nothing would be done with, where everything counts. */
  addUnknownKey(key: string, path: KeyPath, known: readonly string[]): void {
    const near = nearest(key, known);
    const hint = near === undefined ? `known here: ${known.join(", ")}` : `did you mean "${near}"?`;
    this.add({ code: "unknown_key", message: `the key "${key}" is not known here`, hint }, [...path, key], "key");
  }
}

/** The keys that a shape knows at a place in it: what a mistyped key is compared with. */
function knownKeys(shape: z.ZodType, path: KeyPath): readonly string[] {
  let schema: unknown = z.toJSONSchema(shape, { io: "input", unrepresentable: "any" });
  for (const part of path) {
    if (!isRecord(schema)) return [];
    const properties = schema["properties"];
    schema =
      isRecord(properties) && typeof part === "string" && part in properties
        ? properties[part]
        : (schema["additionalProperties"] ?? schema["items"]);
  }
  if (!isRecord(schema)) return [];
  const alternatives = Array.isArray(schema["anyOf"]) ? schema["anyOf"] : [schema];
  return alternatives.flatMap((one: unknown) =>
    isRecord(one) && isRecord(one["properties"]) ? Object.keys(one["properties"]) : [],
  );
}

/** Of a union that matched nothing: the complaints of the alternative that came nearest. */
function bestIssues(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "invalid_union") return [issue];
    const sorted = issue.errors.toSorted((a, b) => depth(b) - depth(a));
    const best = sorted[0];
    // No alternative got past the value's type: the union's own words are the better ones.
    if (best === undefined || depth(best) === 0) return [issue];
    return bestIssues(best).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
  });
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length + (issue.code === "unrecognized_keys" ? 1 : 0)));
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
