/** Several files together, and what became of those that were mended: nothing is written over a file that was not kept first. */
import { basename, dirname, join } from "node:path";
import { type Files, numbered } from "../../platform/files.ts";
import { finding, type LintGround } from "./job.ts";
import { type FileReport, type LintedFile, lintFile, type ToldFinding } from "./lint-file.ts";

/** What became of one file. */
export interface FileAnswer extends FileReport {
  /** Where the old file is kept; present when the file was written. */
  readonly backup?: string;
  /** Why nothing was written, though something could be mended. */
  readonly refused?: string;
  /** What is still wrong once it was written. */
  readonly left?: readonly ToldFinding[];
}

/** What is wrong, or still wrong. */
export function remaining({ left, findings }: FileAnswer): readonly ToldFinding[] {
  return left ?? findings;
}

/** Judges all of them, also beside each other. Changes nothing. */
export async function lintFiles(
  files: Files,
  ground: LintGround,
  paths: readonly string[],
): Promise<readonly LintedFile[]> {
  const linted: LintedFile[] = [];
  for (const path of new Set(paths)) linted.push(await lintFile(files, ground, path));
  return linted.map((one) => {
    const { label, path, findings } = one.report;
    const twin = linted.find(({ report }) => label !== undefined && report.label === label && report.path !== path);
    if (twin === undefined) return one;
    const why = `${twin.report.path} has the same label: launchd loads one of them`;
    const next = "take one of them away, or give it a label of its own";
    return {
      ...one,
      report: { ...one.report, findings: [...findings, finding("label_twice", { key: "Label", why, next })] },
    };
  });
}

/** Writes the mended file, the old one kept beside it first; then judges it once more. */
export async function mendFile(files: Files, ground: LintGround, { report, repair }: LintedFile): Promise<FileAnswer> {
  if (repair === undefined) return report;
  const { path } = report;
  // Written by somebody else it would belong to somebody else, and launchd refuses it.
  if (repair.owner !== ground.userId)
    return { ...report, refused: "the file belongs to another user: ask as that user" };
  const now = files.peek(path, repair.from.length);
  if (now.kind !== "file" || !now.bytes.equals(repair.from))
    return { ...report, refused: "the file was changed meanwhile: ask again" };
  const backup = await keep(files, path, repair.from, repair.mode);
  await files.replace(path, repair.text, repair.mode);
  const { findings } = (await lintFile(files, ground, path)).report;
  const twins = report.findings.filter(({ code }) => code === "label_twice");
  return { ...report, backup, left: [...findings, ...twins] };
}

/** A copy beside the file, durable, over nothing that is there. launchd reads no file of this ending. */
async function keep(files: Files, path: string, bytes: Buffer, mode: number): Promise<string> {
  for (let count = 1; ; count += 1) {
    const backup = join(dirname(path), numbered(`${basename(path)}.bak`, count));
    if (files.info(backup) !== undefined) continue;
    const handle = await files.writeNew(backup, bytes, mode);
    try {
      await files.sync(handle, backup);
    } finally {
      files.disk.close(handle);
    }
    await files.syncFolder(dirname(path));
    return backup;
  }
}
