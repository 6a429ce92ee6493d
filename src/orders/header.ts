/** Who, what and how urgent: the keys that people use for these, first come first taken. Nothing here rejects an order but a bad id. */
import { shortLine } from "../platform/plain-text.ts";
import { isRecord } from "../platform/result.ts";
import type { Collector } from "./collector.ts";
import type { Document } from "./document.ts";
import { LIMITS } from "./limits.ts";
import type { OrderHeader, Priority } from "./order.ts";
import type { KeyPath } from "./problems.ts";

/** What an id may be. It names files on file systems that fold case, and stands in commands that people type. */
export const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export const ID_KEYS: readonly KeyPath[] = [
  ["wo_id"],
  ["id"],
  ["work_order_id"],
  ["task_id"],
  ["task_spec", "task_id"],
  ["clc_patch", "wo_id"],
];

const PRIORITY_WORDS: ReadonlyMap<string, Priority> = new Map([
  ["p0", "P0"],
  ["urgent", "P0"],
  ["critical", "P0"],
  ["p1", "P1"],
  ["high", "P1"],
  ["p2", "P2"],
  ["medium", "P2"],
  ["normal", "P2"],
  ["p3", "P3"],
  ["low", "P3"],
]);

/** The value at a path of keys; undefined where any is missing. */
export function valueAt(data: unknown, path: KeyPath): unknown {
  let value = data;
  for (const key of path) {
    if (!isRecord(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** The declared id, or the file's stem. Problems are kept; undefined then. */
export function readId(
  document: Document,
  stem: string,
  problems: Collector,
): { readonly id: string; readonly fromName: boolean } | undefined {
  const path = ID_KEYS.find((keys) => valueAt(document.data, keys) !== undefined);
  if (path === undefined) return idFromName(stem, problems);
  const value = valueAt(document.data, path);
  const typed = typeof value === "number" ? document.typed(path) : undefined;
  // Beyond this JSON's numbers are no longer what was written.
  const isExact = typeof value === "number" && Number.isSafeInteger(value);
  const id = typeof value === "number" ? (typed ?? (isExact ? String(value) : undefined)) : value;
  if (typeof id !== "string") {
    problems.add({ code: "bad_id", message: "an id is text or a number", hint: "write it in quotes" }, path);
    return undefined;
  }
  if (!ID.test(id)) {
    problems.add({ code: "bad_id", message: `${JSON.stringify(id)} cannot be an id`, hint: idHint(id) }, path);
    return undefined;
  }
  return { id, fromName: false };
}

function idHint(id: string): string {
  if (id.includes("$")) return "a variable in it was never filled in: whoever wrote the file has to do that";
  return "letters, digits, dot, dash and underscore, beginning with a letter or digit, 128 at most";
}

function idFromName(
  stem: string,
  problems: Collector,
): { readonly id: string; readonly fromName: boolean } | undefined {
  if (ID.test(stem)) return { id: stem, fromName: true };
  const message = `the order has no id, and its file's name ${JSON.stringify(stem)} cannot be one`;
  problems.add({ code: "bad_id", message, hint: "add a line `wo_id: …`" }, []);
  return undefined;
}

/** Where people write each thing, first come first taken. */
const PLACES = {
  title: places("title", "context.title", "summary", "objective", "desc", "name", "op"),
  summary: places("summary", "description", "desc", "objective"),
  owner: places(
    "owner",
    "assignee",
    "maintainer",
    "requested_by",
    "created_by",
    "agent",
    "route_hints.preferred_executor",
  ),
  category: places("category", "classification", "type", "task_type", "intent", "phase"),
  priority: places("priority", "metadata.priority"),
  goal: places("goal", "objective"),
  notes: places("notes"),
  createdAt: places("created_at", "created", "timestamp", "metadata.created"),
  dueDate: places("due_date", "due", "deadline", "target_date"),
} as const;

function places(...keys: readonly string[]): readonly KeyPath[] {
  return keys.map((key) => key.split("."));
}

/** Reads what is there; absent things are empty text. */
export function readHeader(document: Document, id: string): OrderHeader {
  const text = (what: keyof typeof PLACES) => firstText(document.data, PLACES[what]);
  const rawPriority = text("priority");
  return {
    title: limited(text("title") || id),
    summary: limited(text("summary")),
    owner: limited(text("owner")),
    category: limited(text("category")),
    priority: PRIORITY_WORDS.get(rawPriority.toLowerCase()) ?? "P2",
    rawPriority: limited(rawPriority),
    tags: readTags(document.data["tags"] ?? valueAt(document.data, ["metadata", "tags"])),
    goal: limited(readList(document.data["objectives"]).join("; ") || text("goal")),
    notes: limited(text("notes")),
    createdAt: limited(text("createdAt")),
    dueDate: limited(text("dueDate")),
  };
}

function firstText(data: unknown, keys: readonly KeyPath[]): string {
  for (const key of keys) {
    const value = valueAt(data, key);
    if (typeof value === "string" && value.trim() !== "") return value.trim();
    if (typeof value === "number") return String(value);
  }
  return "";
}

/** Shown on one line and kept in records: short, and without anything that moves a terminal's cursor. */
function limited(text: string): string {
  return text === "" ? text : shortLine(text, LIMITS.titleLength);
}

function readTags(value: unknown): readonly string[] {
  const words = typeof value === "string" ? value.split(",") : readList(value);
  return words.map((word) => limited(word.trim())).filter((word) => word !== "");
}

function readList(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, 100)
    .filter((item) => typeof item === "string" || typeof item === "number")
    .map(String);
}
