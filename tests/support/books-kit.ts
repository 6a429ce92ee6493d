/** Vaults and open books in folders of their own. */
import { join } from "node:path";
import type { Clock } from "../../src/platform/clock.ts";
import { type Disk, systemDisk } from "../../src/platform/disk.ts";
import { Files } from "../../src/platform/files.ts";
import type { Result } from "../../src/platform/result.ts";
import { Books, type BooksOptions, type Refusal } from "../../src/records/books.ts";
import { Checkpoints } from "../../src/records/checkpoint.ts";
import { Vault } from "../../src/records/vault.ts";
import { quickClock } from "./clocks.ts";
import { turn } from "./hand-clock.ts";
import { realFiles } from "./ledger-kit.ts";
import { valueOf } from "./results.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const RESERVE_BYTES = 4096;

/** A prepared vault with a small reserve. */
export async function newVault(path = join(temporaryFolder(), "vault")): Promise<Vault> {
  const vault = new Vault(realFiles, path, RESERVE_BYTES);
  await vault.prepare();
  return vault;
}

/** Of a vault, by a key beside it. */
export function checkpointsOf(vault: string): Checkpoints {
  return new Checkpoints(realFiles, vault, `${vault}.pem`);
}

/** Opens the vault's books, with what is bent. */
export async function tryOpenBooks(
  { path }: Vault,
  bend: Partial<BooksOptions> & { readonly disk?: Disk } = {},
): Promise<Result<Books, Refusal>> {
  const clock = bend.clock ?? quickClock();
  const files = new Files(bend.disk ?? systemDisk, clock);
  const opened = await Books.open({
    files,
    clock,
    vault: new Vault(files, path, RESERVE_BYTES),
    checkpoints: checkpointsOf(path),
    baseId: "base01",
    onFatal: () => undefined,
    onFull: () => undefined,
    check: () => undefined,
    ...bend,
  });
  await turn();
  return opened;
}

/** The same, where nothing is in the way. */
export async function openBooks(vault: Vault, disk: Disk = systemDisk, clock?: Clock): Promise<Books> {
  return valueOf(await tryOpenBooks(vault, { disk, ...(clock === undefined ? {} : { clock }) }));
}
