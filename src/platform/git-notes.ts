/** Notes that git keeps beside its commits: they travel with a push of their ref, and a reset does not touch them. */
import type { Files } from "./files.ts";
import { complaintOf, folderWithGit, runGit } from "./git.ts";
import { err, ok, type Result } from "./result.ts";

const REF = "wo-bridge";
/** Whoever asked is told in the note; a repository without a user of its own can hold one all the same. */
const AUTHOR = ["-c", "user.name=wo-bridge", "-c", "user.email=wo-bridge@localhost"] as const;
const NOTE_BYTES_MAX = 64 * 1024;

export interface Note {
  readonly commit: string;
  readonly text: string;
}

/** Keeps the text as HEAD's note, in the place of an earlier one; HEAD's commit, or what git says where it cannot. */
export async function keepNote(files: Files, folder: string, text: string): Promise<Result<string, string>> {
  if (folderWithGit(files, folder) === undefined) return err(`${folder} is in no git tree`);
  const head = await runGit(["rev-parse", "--verify", "--quiet", "HEAD"], folder);
  if (head.exitCode !== 0) return err("there is no commit yet to put a note on");
  const end = await runGit([...AUTHOR, "notes", `--ref=${REF}`, "add", "-f", "-F", "-", "HEAD"], folder, text);
  return end.exitCode === 0 ? ok(head.stdout.trim()) : err(complaintOf(end));
}

/** All of them; none outside of every git tree. */
export async function keptNotes(files: Files, folder: string): Promise<Result<readonly Note[], string>> {
  if (folderWithGit(files, folder) === undefined) return ok([]);
  const list = await runGit(["notes", `--ref=${REF}`, "list"], folder);
  if (list.exitCode !== 0) return err(complaintOf(list));
  const notes: Note[] = [];
  for (const line of list.stdout.split("\n")) {
    const [object, commit] = line.split(" ");
    if (object === undefined || commit === undefined) continue;
    const read = await runGit(["cat-file", "blob", object], folder);
    if (read.exitCode !== 0) return err(complaintOf(read));
    notes.push({ commit, text: read.stdout.slice(0, NOTE_BYTES_MAX) });
  }
  return ok(notes);
}
