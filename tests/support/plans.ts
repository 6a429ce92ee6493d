/** File actions on a real base: planned, kept in a real vault, staged and finished. */
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { FileAction, FileWork } from "../../src/orders/order.ts";
import type { Failure } from "../../src/orders/status.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { type Disk, systemDisk } from "../../src/platform/disk.ts";
import { Files } from "../../src/platform/files.ts";
import { OpenFolders } from "../../src/platform/folder.ts";
import type { Result } from "../../src/platform/result.ts";
import { keepPlan, type StagedPlan, stagePlan } from "../../src/processors/apply-patch.ts";
import { findPlace, type PlaceRules } from "../../src/processors/places.ts";
import { type PlannedChangeOf, planFiles } from "../../src/processors/plan.ts";
import type { PlannedFile } from "../../src/records/events.ts";
import { Vault } from "../../src/records/vault.ts";
import { valueOf } from "./results.ts";
import { folderWith, temporaryFolder } from "./temporary-folder.ts";

/** Rules that leave everything in the base free that belongs to nobody, to be bent by tests. */
export function rulesIn(base: string, bend: Partial<PlaceRules> = {}): PlaceRules {
  const guarded = { base: base.toLowerCase(), absolute: [], isProtected: () => false };
  return { base, home: join(base, "../home"), roots: [], launchAgents: undefined, guarded, ...bend };
}

export class PlanBench {
  readonly base: string;
  readonly rules: PlaceRules;
  vault = new Vault(new Files(systemDisk, systemClock), temporaryFolder());

  constructor(contents: Readonly<Record<string, string>>, bend: (base: string) => Partial<PlaceRules> = () => ({})) {
    this.base = folderWith(contents);
    this.rules = rulesIn(this.base, bend(this.base));
  }

  /** What these actions come to, after an earlier attempt with this plan. */
  plan(
    works: readonly FileWork[],
    previous: readonly PlannedFile[] = [],
  ): Promise<Result<readonly PlannedChangeOf[], Failure>> {
    const files = new Files(systemDisk, systemClock);
    const actions: readonly FileAction[] = works.map((work, index) => ({ ...work, at: ["files", index] }));
    const place = (path: string) => findPlace(files, path, this.rules);
    return planFiles(this.#folders(files), { actions, rules: this.rules, place, previous });
  }

  /** The plan as the ledger keeps it. */
  async keep(works: readonly FileWork[], previous: readonly PlannedFile[] = []): Promise<readonly PlannedFile[]> {
    await this.vault.prepare();
    return keepPlan(this.vault, valueOf(await this.plan(works, previous)), "01ABC-1");
  }

  /** Writes what a kept plan needs beside its targets. */
  stage(plan: readonly PlannedFile[], disk: Disk = systemDisk): Promise<StagedPlan> {
    const folders = this.#folders(new Files(disk, systemClock));
    return stagePlan({ folders, vault: this.vault, base: this.base, plan, begun: true });
  }

  /** Carries a kept plan out. */
  async apply(
    plan: readonly PlannedFile[],
    disk: Disk = systemDisk,
  ): Promise<Result<{ readonly changed: number }, Failure>> {
    return (await this.stage(plan, disk)).finish();
  }

  #folders(files: Files): OpenFolders {
    const folders = new OpenFolders(files);
    onTestFinished(() => folders.close());
    return folders;
  }
}

export const write = (path: string, content: string, mode?: number): FileWork => {
  return { kind: "write", path, content, ...(mode === undefined ? {} : { mode }) };
};
export const remove = (path: string): FileWork => ({ kind: "delete", path });
export const move = (path: string, to: string): FileWork => ({ kind: "move", path, to });
export const replace = (path: string, find: string, text: string): FileWork => {
  return { kind: "edit", path, find, how: "replace", text };
};
