/**
 * An order that was dropped as a folder: a header named after the folder, a body that the header names, and evidence of
 * what both are. The whole folder travels as one text, so that it is kept, compared and read again like any other order.
 * Pure.
 */
import { z } from "zod";
import { sha256 } from "../platform/ids.ts";
import { err, isRecord, ok, parseJson, type Result } from "../platform/result.ts";
import { type Document, decode, openDocument } from "./document.ts";
import { packBytes, packedShape, unpackBytes } from "./packed-bytes.ts";
import type { Problem } from "./problems.ts";

/** A file of the folder; its path is relative to it. */
export interface FolderFile {
  readonly path: string;
  readonly bytes: Buffer;
}

const packedSchema = z.strictObject({
  wo_folder: z.literal(1),
  files: z.array(z.strictObject({ path: z.string().refine(isInside), ...packedShape })),
});

/** Anybody can write such a text: a path out of the folder makes it none. */
function isInside(path: string): boolean {
  return !path.includes("\0") && path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
}

const HEADER_ENDINGS = [".yaml", ".yml", ".json"] as const;
/** What a body and a header must not both ask for in different words: one of the two would be passed over. */
const WORK_KEYS = [
  "files",
  "edits",
  "operations",
  "task_spec",
  "patch",
  "diff",
  "patch_content",
  "payload",
  "action",
  "clc_patch",
  "lpe_patch",
  "lpe_patch_ops",
  "lpe_patch_inline",
  "lpe_patch_file",
  "lpe_patch_file_sha256",
  "steps",
  "commands",
  "skill",
  "run",
  "cmd",
  "command",
  "code",
  "args",
  "environment",
  "post_verify",
  "tests",
  "post_deploy",
  "rollback",
];

/** The folder as one text: the same files give the same bytes. */
export function packFolder(files: readonly FolderFile[]): Buffer {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const packed = sorted.map(({ path, bytes }) => ({ path, ...packBytes(bytes) }));
  return Buffer.from(JSON.stringify({ wo_folder: 1, files: packed }));
}

/**
 * What is signed of a folder: a line `<sha256>  <path>` for each of its files, sorted by the bytes of their paths, as
 * `shasum -a 256` writes them. Undefined where a name would make two folders look alike.
 */
export function folderManifest(files: readonly FolderFile[]): string | undefined {
  if (files.some(({ path }) => /[\p{Cc}\u2028\u2029\\]/u.test(path))) return undefined;
  const sorted = files.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return sorted.map(({ path, bytes }) => `${sha256(bytes)}  ${path}\n`).join("");
}

/** The files of a packed folder, none of them outside of it; undefined for the bytes of any other order. */
export function unpackFolder(bytes: Uint8Array): readonly FolderFile[] | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  return isPacked(text) ? filesIn(parseJson(text)) : undefined;
}

/** True for the text of a packed folder. */
export function isPacked(text: string): boolean {
  return text.startsWith('{"wo_folder":1,');
}

function filesIn(value: unknown): readonly FolderFile[] | undefined {
  const packed = packedSchema.safeParse(value);
  if (!packed.success) return undefined;
  return packed.data.files.map(({ path, ...bytes }) => ({ path, bytes: unpackBytes(bytes) }));
}

/** Where the header of a folder order lies; undefined when there is none, or more than one. */
export function headerPath(paths: readonly string[], folder: string): string | undefined {
  const found = paths.filter((path) => HEADER_ENDINGS.some((ending) => path === `${folder}${ending}`));
  return found.length === 1 ? found[0] : undefined;
}

/** The header with its body, as one document; refused where the evidence in the folder says otherwise. */
export function openFolder(files: readonly FolderFile[], folder: string): Result<Document, readonly Problem[]> {
  const byPath = new Map(files.map(({ path, bytes }) => [path, bytes]));
  const header = headerPath([...byPath.keys()], folder);
  if (header === undefined) {
    const message = `the folder has no header, or several: one of ${folder}.yaml, .yml, .json`;
    return err([{ code: "no_file", message, hint: "name the header after the folder" }]);
  }
  const opened = openFile(byPath, header);
  if (!opened.ok) return opened;
  const bodyPath = opened.value.data["body_file"];
  const faults = checkEvidence(byPath, header, typeof bodyPath === "string" ? bodyPath : undefined, folder);
  if (faults.length > 0) return err(faults);
  if (bodyPath === undefined || bodyPath === null) return opened;
  if (typeof bodyPath !== "string" || !byPath.has(bodyPath)) {
    const fault = { code: "no_file" as const, message: `body_file ${JSON.stringify(bodyPath)} is not in the folder` };
    return err([inFile(opened.value.problem(fault, ["body_file"]), header)]);
  }
  const body = HEADER_ENDINGS.some((ending) => bodyPath.endsWith(ending)) ? openFile(byPath, bodyPath) : ok(undefined);
  return body.ok
    ? merge({ document: opened.value, path: header }, body.value && { document: body.value, path: bodyPath })
    : body;
}

function openFile(files: ReadonlyMap<string, Buffer>, path: string): Result<Document, readonly Problem[]> {
  const text = decode(files.get(path) ?? Buffer.from(""));
  const opened = text.ok ? openDocument(text.value) : err([text.error]);
  return opened.ok ? opened : err(opened.error.map((problem) => inFile(problem, path)));
}

function inFile(problem: Problem, file: string): Problem {
  return { ...problem, file };
}

interface Part {
  readonly document: Document;
  readonly path: string;
}

/** What the header says counts; what it does not say is taken from the body. */
function merge(header: Part, body: Part | undefined): Result<Document, readonly Problem[]> {
  const inner = body?.document.data ?? {};
  const { body_file: _named, ...outer } = header.document.data;
  const twice = WORK_KEYS.filter(
    (key) => key in inner && key in outer && JSON.stringify(inner[key]) !== JSON.stringify(outer[key]),
  );
  if (twice.length > 0) {
    const fault = { code: "duplicate_key" as const, message: "the header and the body ask for different work here" };
    return err(twice.map((key) => inFile(header.document.problem(fault, [key], "key"), header.path)));
  }
  const partOf = (key: string | number | undefined) =>
    body !== undefined && String(key) in inner && !(String(key) in outer) ? body : header;
  return ok({
    data: { ...inner, ...outer },
    problem: (fault, path, what) => {
      const part = partOf(path[0]);
      return inFile(part.document.problem(fault, path, what), part.path);
    },
    typed: (path) => partOf(path[0]).document.typed(path),
    line: (path) => partOf(path[0]).document.line(path),
  });
}

const CHECKSUM_LINE = /^([0-9a-fA-F]{64})[ \t]+\*?(.+?)\r?$/;

/** Every hash in the folder that is about one of its files has to fit; hashes of other files are not ours to judge. */
function checkEvidence(
  files: ReadonlyMap<string, Buffer>,
  header: string,
  body: string | undefined,
  folder: string,
): Problem[] {
  const said: { readonly by: string; readonly of: string | undefined; readonly hash: unknown }[] = [];
  for (const [path, bytes] of files) {
    if (/\.sha256$|(?:^|\/)sha256sums$/i.test(path)) {
      for (const line of bytes.toString("utf8").split("\n")) {
        const [, hash, name] = CHECKSUM_LINE.exec(line) ?? [];
        if (hash !== undefined && name !== undefined)
          said.push({ by: path, of: within(files, name, path, folder), hash });
      }
    }
    if (/(?:^|\/)manifest\.json$/.test(path)) said.push(...manifestSays(files, path, { header, body }));
  }
  return said.flatMap(({ by, of, hash }) => {
    const found = of === undefined ? undefined : files.get(of);
    if (found === undefined || typeof hash !== "string" || sha256(found) === hash.toLowerCase()) return [];
    const message = `${by} says that ${of} has the sha256 ${hash.slice(0, 12)}…, and it has ${sha256(found).slice(0, 12)}…`;
    return [{ code: "checksum_mismatch" as const, message, file: by }];
  });
}

function manifestSays(
  files: ReadonlyMap<string, Buffer>,
  path: string,
  { header, body }: { readonly header: string; readonly body: string | undefined },
) {
  const manifest = parseJson(files.get(path)?.toString("utf8") ?? "");
  if (!isRecord(manifest)) return [];
  const sums = isRecord(manifest["checksums"]) ? manifest["checksums"] : {};
  const listed = isRecord(manifest["files"]) ? Object.entries(manifest["files"]) : [];
  return [
    { by: path, of: header, hash: sums["wo_yaml"] },
    { by: path, of: body, hash: sums["body"] },
    ...listed.map(([of, entry]) => ({ by: path, of, hash: isRecord(entry) ? entry["sha256"] : undefined })),
  ];
}

/** The file of the folder that a checksum's name means, written from wherever it was made; undefined for any other. */
function within(files: ReadonlyMap<string, Buffer>, name: string, by: string, folder: string): string | undefined {
  const plain = name.replace(/^\.\//, "");
  const beside = by.includes("/") ? `${by.slice(0, by.lastIndexOf("/"))}/${plain}` : plain;
  const below = plain.includes(`${folder}/`) ? plain.slice(plain.lastIndexOf(`${folder}/`) + folder.length + 1) : plain;
  return [plain, below, beside].find((path) => files.has(path));
}
