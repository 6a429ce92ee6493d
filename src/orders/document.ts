/**
 * The bytes of an order file as plain data, with a way back from every value to its place in the text. Reads JSON and
 * YAML 1.2 (either, under any ending); refuses whatever different readers would read differently: keys that stand
 * twice, several documents, tags, directives.
 */
import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document as YamlDocument,
} from "yaml";
import { messageOf } from "../platform/errors.ts";
import { err, isRecord, ok, type Result } from "../platform/result.ts";
import { findJsonFault, jsonOffset, nestsDeeper, syntaxOffset } from "./json-text.ts";
import { LIMITS } from "./limits.ts";
import { codeFrame, HINTS, type KeyPath, keyText, type Problem, type ProblemCode, placeAt } from "./problems.ts";
import { NESTING_MAX, yamlCost } from "./yaml-text.ts";

export interface Document {
  readonly data: Readonly<Record<string, unknown>>;
  /** A problem with the value (or, with "key", the key) at `path`: place and frame are filled in. */
  problem(fault: Fault, path: KeyPath, what?: "key" | "value"): Problem;
  /** A number as it was typed ("007"); undefined for other values and in JSON. */
  typed(path: KeyPath): string | undefined;
  /** What stands in the file for a value that is on one line; undefined for longer ones and in JSON. */
  line(path: KeyPath): string | undefined;
}

export interface Fault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint?: string;
}

/** UTF-8 with or without a byte order mark; a problem for anything else. */
export function decode(bytes: Uint8Array): Result<string, Problem> {
  if (bytes.length > LIMITS.sizeBytes) {
    const message = `the file holds ${bytes.length} bytes, ${LIMITS.sizeBytes} at most are read`;
    return err({ code: "too_large", message, hint: "put the content into files of the base and name them" });
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // TextDecoder says no more than that it is no UTF-8.
    return err({ code: "no_text", message: "the file is no UTF-8 text", hint: "save it as UTF-8" });
  }
  if (text.includes("\0"))
    return err({ code: "no_text", message: "the file is binary: it holds NUL characters", hint: "an order is text" });
  if (text.trim() === "") return err({ code: "empty_order", message: "the file is empty", hint: "see `wo check`" });
  return ok(text);
}

/** The text as a document; all problems that keep it from being one. */
export function openDocument(text: string): Result<Document, readonly Problem[]> {
  const opened = openEither(text);
  if (!opened.ok || !HALF_ESCAPE.test(text)) return opened;
  const path = findIllFormed(opened.value.data, []);
  if (path === undefined) return opened;
  const message = "half of a character is escaped here: no file can hold it";
  return err([opened.value.problem({ code: "no_text", message, hint: "both halves, or the character itself" }, path)]);
}

/** An escape of a surrogate: without one a text that was UTF-8 holds whole characters only. */
const HALF_ESCAPE = /\\u\{?[dD][89a-fA-F]|\\U0000[dD][89a-fA-F]/;

/** Where a text or key with half of a character stands. */
function findIllFormed(value: unknown, path: KeyPath): KeyPath | undefined {
  if (typeof value === "string") return value.isWellFormed() ? undefined : path;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) return path;
    const found = findIllFormed(inner, [...path, Array.isArray(value) ? Number(key) : key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function openEither(text: string): Result<Document, readonly Problem[]> {
  // V8 takes seconds for a million of open brackets; the look before YAML refuses them.
  if (!/^\s*[{[]/.test(text) || nestsDeeper(text, NESTING_MAX)) return openYaml(text);
  const json = parseAsJson(text);
  if (json.ok) return openJson(text, json.value);
  // YAML's flow style begins like JSON; what is neither is reported as the JSON that it looks like.
  const yaml = openYaml(text);
  if (yaml.ok || yaml.error.some((problem) => problem.code !== "syntax")) return yaml;
  const message = `this is no JSON: ${firstWords(json.error)}`;
  return err([problemAt(text, syntaxOffset(text, json.error), { code: "syntax", message })]);
}

function parseAsJson(text: string): Result<unknown, string> {
  try {
    return ok(JSON.parse(text));
  } catch (thrown) {
    return err(messageOf(thrown));
  }
}

function firstWords(message: string): string {
  return message
    .replace(/ in JSON at position.*$/, "")
    .replace(/^JSON\.parse: /, "")
    .toLowerCase();
}

function problemAt(text: string, offset: number, fault: Fault, path?: string): Problem {
  const place = placeAt(text, offset);
  const hint = fault.hint ?? HINTS[fault.code];
  return {
    ...fault,
    ...(hint === undefined ? {} : { hint }),
    ...(path === undefined ? {} : { key: path }),
    place,
    frame: codeFrame(text, place),
  };
}

const NO_MAP: Fault = {
  code: "no_map",
  message: "an order is a map of keys and values",
  hint: "begin with `wo_id: …`; several orders go into several files",
};

function openJson(text: string, data: unknown): Result<Document, readonly Problem[]> {
  const fault = findJsonFault(text);
  if (fault !== undefined) return err([problemAt(text, fault.offset, { code: fault.code, message: fault.message })]);
  if (!isRecord(data)) return err([problemAt(text, text.search(/\S/), NO_MAP)]);
  return ok({
    data,
    problem: (found, path, what = "value") => {
      const offset = jsonOffset(text, path, what) ?? jsonOffset(text, path.slice(0, -1), "value") ?? 0;
      return problemAt(text, offset, found, keyText(path));
    },
    typed: () => undefined,
    line: () => undefined,
  });
}

function openYaml(text: string): Result<Document, readonly Problem[]> {
  const { fault } = yamlCost(text);
  if (fault !== undefined) return err([problemAt(text, fault.offset, { code: fault.code, message: fault.message })]);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: "1.2",
    uniqueKeys: false,
    lineCounter: lines,
    logLevel: "error",
    prettyErrors: false,
  });
  const problems = [...document.errors, ...document.warnings].map((found) => {
    const [code, message] = yamlFault(found.code, found.message);
    return problemAt(text, found.pos[0], { code, message });
  });
  if (problems.length > 0) return err(problems.slice(0, 20));
  const structural = findYamlStructureFault(document);
  if (structural !== undefined) return err([problemAt(text, structural.offset, structural.fault)]);
  return fromYaml(text, document);
}

function yamlFault(code: string, message: string): readonly [ProblemCode, string] {
  if (code === "MULTIPLE_DOCS") return ["several_documents", "the file holds several documents; one order per file"];
  if (code === "TAG_RESOLVE_FAILED") return ["unsupported_yaml", `tags are not read: ${message.toLowerCase()}`];
  if (code === "RESOURCE_EXHAUSTION") return ["too_deep", `nests deeper than ${LIMITS.depth}`];
  return ["syntax", message.charAt(0).toLowerCase() + message.slice(1)];
}

function fromYaml(text: string, document: YamlDocument.Parsed): Result<Document, readonly Problem[]> {
  let data: unknown;
  try {
    // An anchor counts as one use of itself.
    data = document.toJS({ maxAliasCount: LIMITS.aliases + 1 });
  } catch (thrown) {
    const detail = messageOf(thrown).startsWith("Excessive") ? "" : `: ${messageOf(thrown).toLowerCase()}`;
    const message = `its aliases stand for more than ${LIMITS.aliases} values${detail}`;
    return err([problemAt(text, document.contents?.range[0] ?? 0, { code: "too_many_aliases", message })]);
  }
  if (!isRecord(data)) return err([problemAt(text, document.contents?.range[0] ?? 0, NO_MAP)]);
  return ok({
    data,
    problem: (found, path, what = "value") => problemAt(text, yamlOffset(document, path, what), found, keyText(path)),
    typed: (path) => {
      const node = document.getIn(path, true);
      return isScalar(node) && typeof node.value === "number" ? node.source : undefined;
    },
    line: (path) => {
      const node = document.getIn(path, true);
      const [start, end] = (isMap(node) || isScalar(node) ? node.range : undefined) ?? [0, 0];
      const found = text.slice(start, end).trim();
      return found === "" || found.includes("\n") ? undefined : found;
    },
  });
}

/** Where the value or key at `path` begins; the nearest thing above it when it is not there. */
function yamlOffset(document: YamlDocument.Parsed, path: KeyPath, what: "key" | "value"): number {
  for (let length = path.length; length > 0; length -= 1) {
    const last = path[length - 1];
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(last));
      const node = what === "key" || length < path.length ? pair?.key : pair?.value;
      const range = rangeOf(node) ?? rangeOf(pair?.key);
      if (range !== undefined) return range;
    }
    if (isSeq(parent) && typeof last === "number") {
      const range = rangeOf(parent.items[last]);
      if (range !== undefined) return range;
    }
  }
  return document.contents?.range[0] ?? 0;
}

function rangeOf(node: unknown): number | undefined {
  if (!isRecord(node) || !Array.isArray(node["range"])) return undefined;
  const start: unknown = node["range"][0];
  return typeof start === "number" ? start : undefined;
}

interface StructureFault {
  readonly fault: Fault;
  readonly offset: number;
}

/** What the parser lets pass: a key that stands twice, keys that are no text, too much nesting, too many aliases. */
function findYamlStructureFault(document: YamlDocument.Parsed): StructureFault | undefined {
  let aliases = 0;
  const look = (node: unknown, depth: number): StructureFault | undefined => {
    const offset = rangeOf(node) ?? 0;
    if (depth > LIMITS.depth)
      return { fault: { code: "too_deep", message: `nests deeper than ${LIMITS.depth}` }, offset };
    if (isAlias(node)) {
      aliases += 1;
      if (aliases > LIMITS.aliases)
        return { fault: { code: "too_many_aliases", message: `holds more than ${LIMITS.aliases} aliases` }, offset };
    }
    if (isMap(node)) return lookAtMap(node.items, depth, look);
    if (isSeq(node)) return firstFault(node.items, (item) => look(item, depth + 1));
    return undefined;
  };
  return look(document.contents, 1);
}

function lookAtMap(
  items: readonly unknown[],
  depth: number,
  look: (node: unknown, depth: number) => StructureFault | undefined,
): StructureFault | undefined {
  const keys = new Set<string>();
  return firstFault(items, (pair) => {
    if (!isPair(pair)) return undefined;
    const offset = rangeOf(pair.key) ?? rangeOf(pair.value) ?? 0;
    if (!isScalar(pair.key))
      return { fault: { code: "unsupported_yaml", message: "a key is a word, not a list or a map" }, offset };
    const key = String(pair.key.value);
    if (keys.has(key)) return { fault: { code: "duplicate_key", message: `the key "${key}" stands twice` }, offset };
    keys.add(key);
    return look(pair.value, depth + 1);
  });
}

function firstFault<T>(items: readonly T[], look: (item: T) => StructureFault | undefined): StructureFault | undefined {
  for (const item of items) {
    const fault = look(item);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
