/** One holder at a time; the kernel frees what a dead holder had; whoever loses learns who has it. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { randomName } from "../../../src/platform/ids.ts";
import { onLines } from "../../../src/platform/lines.ts";
import { holderOf, showHolder, takeLock } from "../../../src/platform/lock.ts";
import { errorOf, given, valueOf } from "../../support/results.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

/** Another process that holds a lock until it is killed. */
async function otherHolder(folder: string, name: string): Promise<{ readonly pid: number; die(): Promise<void> }> {
  const lock = new URL("../../../dist-tools/src/platform/lock.js", import.meta.url).href;
  const program = `const { takeLock } = await import(${JSON.stringify(lock)});
    await takeLock(${JSON.stringify(folder)}, ${JSON.stringify(name)}, "pid=" + process.pid);
    console.log("taken"); setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  onTestFinished(() => void child.kill("SIGKILL"));
  await new Promise<void>((resolve) => onLines(child.stdout, () => resolve()));
  return {
    pid: given(child.pid),
    die: () => {
      child.kill("SIGKILL");
      return exited;
    },
  };
}

test("a lock is had by one, who is named to the others, and by the next when it is let go", async () => {
  const [folder, name] = [temporaryFolder(), randomName()];
  const first = valueOf(await takeLock(folder, name, "pid=1 since=today"));

  expect(errorOf(await takeLock(folder, name, "pid=2"))).toBe("pid=1 since=today");
  await first.release();
  await valueOf(await takeLock(folder, name, "pid=2")).release();
});

test("who holds a lock is told to who does not want it, and asking takes nothing", async () => {
  const [folder, name] = [temporaryFolder(), randomName()];
  expect(await holderOf(folder, name)).toBeUndefined();
  const self = `pid ${process.pid}, since today`;
  const lock = valueOf(await takeLock(folder, name, self));
  expect(await holderOf(folder, name)).toBe(self);
  await lock.release();
});

test("locks of other names do not meet", async () => {
  const [folder, name] = [temporaryFolder(), randomName()];
  const locks = await Promise.all([name, `${name}2`, name.slice(1)].map((one) => takeLock(folder, one, "me")));

  for (const lock of locks) await valueOf(lock).release();
});

test("of many who ask at once, one gets it, and all others learn which", async () => {
  const [folder, name] = [temporaryFolder(), randomName()];
  const takers = Array.from({ length: 30 }, (_, index) => `taker=${index}`);
  const taken = await Promise.all(takers.map((self) => takeLock(folder, name, self)));
  const holder = takers[taken.findIndex(({ ok }) => ok)];

  expect(taken.filter(({ ok }) => ok)).toHaveLength(1);
  expect(new Set(taken.flatMap((lock) => (lock.ok ? [] : [lock.error])))).toEqual(new Set([holder]));
  for (const lock of taken) if (lock.ok) await lock.value.release();
});

test("another process that holds it is named; when it is killed the lock is free at once", async () => {
  const [folder, name] = [temporaryFolder(), randomName()];
  const other = await otherHolder(folder, name);

  expect(errorOf(await takeLock(folder, name, "me"))).toBe(`pid=${other.pid}`);
  await other.die();
  await valueOf(await takeLock(folder, name, "me")).release();
});

test("a holder that is asked and left alone stays the holder", async ({ skip }) => {
  if (process.platform !== "linux") skip("elsewhere the holder is read from a file");
  const [folder, name] = [temporaryFolder(), randomName()];
  const lock = valueOf(await takeLock(folder, name, "me"));
  for (let count = 0; count < 20; count += 1)
    createConnection(`\0wo-bridge/${name}`)
      .on("error", () => undefined)
      .destroy();

  expect(errorOf(await takeLock(folder, name, "other"))).toBe("me");
  await lock.release();
});

test("the holder is shown beside the base while it lives, and a dead one's sign is replaced", async () => {
  const path = join(temporaryFolder(), "base");
  put(join(`${path}.lock`, "left behind"), "");
  const hide = await showHolder(path);

  expect([existsSync(`${path}.lock`), existsSync(join(`${path}.lock`, "left behind"))]).toEqual([true, false]);
  await hide();
  await hide();
  expect(existsSync(`${path}.lock`)).toBe(false);
});

test("where the sign cannot be put up, nothing is the matter", async () => {
  const hide = await showHolder("/no/such/folder/base");

  await expect(hide()).resolves.toBeUndefined();
});
