/** graphile-worker over a PostgreSQL: prints milliseconds from addJob to the task's end, and jobs per second, as JSON. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Logger, makeWorkerUtils, run } from "graphile-worker";

const [connectionString, folder, serial, burst] = process.argv.slice(2);
const logger = new Logger(() => () => undefined);
const waiting = new Map();
const taskList = {
  one: async ({ name }) => {
    writeFileSync(join(folder, name), "z".repeat(1024));
    waiting.get(name)?.();
  },
};
const utils = await makeWorkerUtils({ connectionString, logger });
await utils.migrate();
const runner = await run({ connectionString, concurrency: 1, noHandleSignals: true, taskList, logger });
const done = (name) => new Promise((resolve) => waiting.set(name, resolve));
const times = [];
for (let index = 0; index < Number(serial); index += 1) {
  const start = performance.now();
  const ended = done(`S${index}`);
  await utils.addJob("one", { name: `S${index}` });
  await ended;
  times.push(performance.now() - start);
}
const start = performance.now();
const names = Array.from({ length: Number(burst) }, (_, index) => `B${index}`);
const all = names.map(done);
await Promise.all(names.map((name) => utils.addJob("one", { name })));
await Promise.all(all);
const rate = Number(burst) / ((performance.now() - start) / 1000);
await runner.stop();
await utils.release();
process.stdout.write(JSON.stringify({ times, rate }));
process.exit(0);
