/**
 * Carries out a plan, all of it or, where a file is not what the plan says, nothing. Between `patch_planned` and
 * `patch_applied` every file is at its before or at its after, so that carrying it out again after a crash goes on where
 * it stopped: rolling forward is the same function.
 */
import type { Failure } from "../orders/status.ts";
import type { Files } from "../platform/files.ts";
import { Folder } from "../platform/folder.ts";
import { sha256 } from "../platform/ids.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { INLINE_BYTES } from "../records/content.ts";
import type { Image, PlannedFile } from "../records/events.ts";
import type { Vault } from "../records/vault.ts";
import { type Picture, type PlannedChangeOf, relativePath, rootPath } from "./plan.ts";

const READ_BYTES_MAX = 256 * 1024 * 1024;
const PREPARE_AT_ONCE = 8;

/** Keeps the images of a plan where a crash cannot take them: in the entry itself while they are small, else as blobs. */
export async function keepPlan(
  vault: Vault,
  changes: readonly PlannedChangeOf[],
  prefix: string,
): Promise<PlannedFile[]> {
  let inlineLeft = INLINE_BYTES;
  const keep = async (picture: Picture | undefined): Promise<Image | undefined> => {
    if (picture === undefined) return undefined;
    const content = await vault.keep(picture.bytes, inlineLeft);
    if (!("blob" in content)) inlineLeft -= picture.bytes.length;
    return { sha256: sha256(picture.bytes), size_bytes: picture.bytes.length, mode: picture.mode, content };
  };
  const planned: PlannedFile[] = [];
  for (const [index, { place, before, after }] of changes.entries()) {
    const [beforeImage, afterImage] = [await keep(before), await keep(after)];
    planned.push({
      root: place.root,
      path: relativePath(place),
      temporary: `.wo-${prefix.toLowerCase()}-${index}.tmp`,
      ...(beforeImage === undefined ? {} : { before: beforeImage }),
      ...(afterImage === undefined ? {} : { after: afterImage }),
    });
  }
  return planned;
}

export interface ApplyRequest {
  readonly files: Files;
  readonly vault: Vault;
  /** The base's real path. */
  readonly base: string;
  readonly plan: readonly PlannedFile[];
}

/** One file of the plan with its folder held open. */
interface Target {
  readonly planned: PlannedFile;
  readonly folder: Folder;
  readonly name: string;
}

/**
 * Brings every file to its after, durably. A conflict that is seen before the first change leaves everything as it was;
 * one that comes later names how far it got. Throws DISK_FULL and its like with nothing lost: call it again.
 */
export async function applyPlan(request: ApplyRequest): Promise<Result<{ readonly changed: number }, Failure>> {
  const folders = new Map<string, Folder>();
  try {
    const targets: Target[] = [];
    for (const planned of request.plan) targets.push(await openTarget(request, planned, folders));
    const foreign = targets.find((target) => judge(target) === "neither");
    if (foreign !== undefined) return err(changedBySomebody(foreign, 0, targets.length));
    const open = targets.filter((target) => judge(target) === "before");
    await prepareAll(request.vault, open);
    for (const [index, target] of open.entries()) {
      // Looked at again in the last moment: what somebody writes from here on falls to the rename, as with any editor.
      if (judge(target) !== "before") {
        for (const { folder, planned } of open) folder.remove(planned.temporary);
        return err(changedBySomebody(target, index, open.length));
      }
      if (target.planned.after === undefined) target.folder.remove(target.name);
      else target.folder.finish(target.planned.temporary, target.name);
    }
    await Promise.all([...folders.values()].map((folder) => folder.sync()));
    return ok({ changed: request.plan.length });
  } finally {
    for (const folder of folders.values()) folder.close();
  }
}

/** Removes the unfinished files of a plan that will not be carried out. */
export async function sweepPlan({ files, base, plan }: Omit<ApplyRequest, "vault">): Promise<void> {
  for (const planned of plan) {
    const folder = await Folder.open(files, rootPath(planned, { base }), foldersOf(planned));
    folder?.remove(planned.temporary);
    folder?.close();
  }
}

async function openTarget(request: ApplyRequest, planned: PlannedFile, folders: Map<string, Folder>): Promise<Target> {
  const names = foldersOf(planned);
  const name = planned.path.split("/").at(-1) ?? "";
  const root = rootPath(planned, request);
  const key = [root, ...names].join("/");
  const known = folders.get(key);
  if (known !== undefined) return { planned, folder: known, name };
  const folder = await Folder.make(request.files, root, names);
  // A file that is to be deleted and whose folder is gone already: an empty folder in its place does no harm.
  folders.set(key, folder);
  return { planned, folder, name };
}

function foldersOf(planned: PlannedFile): readonly string[] {
  return planned.path.split("/").slice(0, -1);
}

/** Where the file stands. One whose content stays and whose mode changes is told by its mode. */
function judge({ planned, folder, name }: Target): "before" | "after" | "neither" {
  const found = folder.find(name, READ_BYTES_MAX);
  if (found !== undefined && found.bytes === undefined) return "neither";
  const now = found?.bytes === undefined ? undefined : { sha256: sha256(found.bytes), mode: found.info.mode & 0o777 };
  const { before, after } = planned;
  const byMode = before !== undefined && after !== undefined && before.sha256 === after.sha256;
  const is = (image: Image | undefined) => {
    if (image === undefined || now === undefined) return image === now;
    return image.sha256 === now.sha256 && (!byMode || image.mode === now.mode);
  };
  if (is(after)) return "after";
  return is(before) ? "before" : "neither";
}

async function prepareAll(vault: Vault, targets: readonly Target[]): Promise<void> {
  const left = [...targets];
  const work = async () => {
    for (let target = left.shift(); target !== undefined; target = left.shift()) {
      const { after, temporary } = target.planned;
      if (after !== undefined) await target.folder.prepare(temporary, vault.load(after.content), after.mode);
    }
  };
  // All of them have to end before the folders may be closed, also when one fails.
  const ends = await Promise.allSettled(Array.from({ length: Math.min(PREPARE_AT_ONCE, left.length) }, work));
  const failed = ends.find((end) => end.status === "rejected");
  if (failed === undefined) return;
  // What is unfinished takes up the space that a full disk needs.
  for (const { folder, planned } of targets) folder.remove(planned.temporary);
  throw failed.reason;
}

function changedBySomebody({ folder, name }: Target, done: number, total: number): Failure {
  const far = done === 0 ? "nothing was changed" : `${done} of ${total} files were changed by then`;
  return {
    class: "conflict",
    code: "changed_meanwhile",
    message: `${folder.path}/${name} was changed by somebody else after the plan was made; ${far}`,
    hint: "look at the file, then retry the order",
  };
}
