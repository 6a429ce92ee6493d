/** Somebody with a home, a folder that may become a base, and a registry. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BindWish, type BoundBase, bindBase, findBase, lookUpBase } from "../../src/daemon/base.ts";
import { thisSystem } from "../../src/platform/system.ts";
import { realFiles } from "./ledger-kit.ts";
import { fakeMachine } from "./machines.ts";
import { put, temporaryFolder } from "./temporary-folder.ts";

const NO_WISH: BindWish = { init: false, vault: undefined, newId: false };
export class User {
  readonly folder = temporaryFolder();
  readonly machine = fakeMachine(temporaryFolder());
  readonly base = join(this.folder, "luka");
  sleeps = 0;

  constructor(files: readonly string[] = []) {
    mkdirSync(this.base);
    for (const path of files) put(join(this.base, path), "a: 1");
  }

  bind(wish: Partial<BindWish> = {}, path = this.base): Promise<BoundBase> {
    const sleep = async () => void (this.sleeps += 1);
    return bindBase({ files: realFiles, machine: this.machine, system: thisSystem, sleep }, findBase(realFiles, path), {
      ...NO_WISH,
      ...wish,
    });
  }

  lookUp(path = this.base): BoundBase | undefined {
    return lookUpBase(realFiles, this.machine, path);
  }

  get registry(): string {
    return readFileSync(this.registryPath, "utf8");
  }

  get registryPath(): string {
    return join(this.machine.stateRoot, "bases.json");
  }
}
