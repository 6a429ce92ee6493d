/**
 * Carries out a plan, all of it or, where a file is not what the plan says, nothing. Between `patch_planned` and
 * `patch_applied` every file is at its before or at its after, so that carrying it out again after a crash goes on where
 * it stopped: rolling forward is the same function.
 */
import type { Failure } from "../orders/status.ts";
import type { Folder, OpenFolders } from "../platform/folder.ts";
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
  const slice = vault.slices();
  let inlineLeft = INLINE_BYTES;
  const keep = async (picture: Picture | undefined): Promise<Image | undefined> => {
    if (picture === undefined) return undefined;
    const content = await vault.keep(picture.bytes, inlineLeft);
    if (!("blob" in content)) inlineLeft -= picture.bytes.length;
    return { sha256: sha256(picture.bytes), size_bytes: picture.bytes.length, mode: picture.mode, content };
  };
  const planned: PlannedFile[] = [];
  for (const [index, { place, before, after }] of changes.entries()) {
    await slice();
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
  /** Stay open until the plan is finished or dropped. */
  readonly folders: OpenFolders;
  readonly vault: Vault;
  /** The base's real path. */
  readonly base: string;
  readonly plan: readonly PlannedFile[];
  /** An earlier daemon may have carried some of it out; else it was made just now. */
  readonly begun: boolean;
}

/** A plan whose new contents lie beside their targets, synced, and nothing of which can be seen yet. */
export interface StagedPlan {
  readonly plan: readonly PlannedFile[];
  /**
   * Brings every file to its after, durably. A conflict that is seen before the first change leaves everything as it
   * was; one that comes later says how far it got. To be called once the plan is in the ledger.
   */
  finish(): Promise<Result<{ readonly changed: number }, Failure>>;
  /** Removes what was staged. */
  drop(): void;
}

/** One file of the plan and its folder. */
interface Target {
  readonly planned: PlannedFile;
  readonly folder: Folder;
  readonly name: string;
}

/**
 * Writes what the plan needs beside its targets. Changes nothing that anybody sees, so it may go on while the plan is on
 * its way to the ledger. Throws DISK_FULL and its like with nothing left behind.
 */
export async function stagePlan(request: ApplyRequest): Promise<StagedPlan> {
  const targets: Target[] = [];
  const slice = request.folders.slices();
  for (const planned of request.plan) {
    await slice();
    const names = planned.path.split("/");
    const name = names.pop() ?? "";
    // A folder that is gone together with the file that was to be deleted in it: an empty one does no harm.
    targets.push({ planned, folder: await request.folders.make(rootPath(planned, request), names), name });
  }
  const needed: Target[] = [];
  for (const target of targets) {
    await slice();
    if (!request.begun || judge(target) !== "after") needed.push(target);
  }
  await prepareAll(request.vault, needed);
  const drop = () => {
    for (const { folder, planned } of targets) folder.remove(planned.temporary);
  };
  return { plan: request.plan, finish: () => finishPlan(targets, drop, slice), drop };
}

async function finishPlan(
  targets: readonly Target[],
  drop: () => void,
  slice: () => Promise<void>,
): Promise<Result<{ readonly changed: number }, Failure>> {
  const judged: { readonly target: Target; readonly stands: ReturnType<typeof judge> }[] = [];
  for (const target of targets) {
    await slice();
    judged.push({ target, stands: judge(target) });
  }
  const foreign = judged.find(({ stands }) => stands === "neither");
  if (foreign !== undefined) {
    drop();
    return err(changedBySomebody(foreign.target, 0, targets.length));
  }
  const open = judged.flatMap(({ target, stands }) => (stands === "before" ? [target] : []));
  for (const [index, target] of open.entries()) {
    await slice();
    // One alone was judged just now. What somebody writes from here on falls to the rename, as with any editor.
    if (open.length > 1 && judge(target) !== "before") {
      drop();
      return err(changedBySomebody(target, index, open.length));
    }
    if (target.planned.after === undefined) target.folder.remove(target.name);
    else target.folder.finish(target.planned.temporary, target.name);
  }
  // Also of files that were at their after: their names may not be durable yet.
  await Promise.all([...new Set(targets.map(({ folder }) => folder))].map((folder) => folder.sync()));
  return ok({ changed: targets.length });
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
