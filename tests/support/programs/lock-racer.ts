/** Takes kernel locks as it is told on its standard input: `take NAME…`, answers `NAME got` or `NAME held by …`. */
import { createInterface } from "node:readline";
import { takeLock } from "../../../src/platform/lock.ts";

const self = `pid ${process.pid}`;

createInterface({ input: process.stdin }).on("line", (line) => {
  const names = line.split(" ").slice(1);
  void Promise.all(
    names.map(async (name) => {
      const lock = await takeLock(process.env["LOCK_FOLDER"] ?? "", name, self);
      process.stdout.write(`${name} ${lock.ok ? "got" : `held by ${lock.error}`}\n`);
    }),
  );
});
