/** BullMQ over a redis at `port`: prints milliseconds from add to the handler's end, and jobs per second, as JSON. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Queue, QueueEvents, Worker } from "bullmq";

const [port, folder, serial, burst] = process.argv.slice(2);
const connection = { host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null };
const queue = new Queue("bench", { connection });
// Each job that is waited for listens.
queue.setMaxListeners(0);
const events = new QueueEvents("bench", { connection });
events.setMaxListeners(0);
const worker = new Worker(
  "bench",
  async (job) => writeFileSync(join(folder, String(job.data.name)), "z".repeat(1024)),
  { connection, concurrency: 1 },
);
await Promise.all([queue.waitUntilReady(), events.waitUntilReady(), worker.waitUntilReady()]);
const times = [];
for (let index = 0; index < Number(serial); index += 1) {
  const start = performance.now();
  const job = await queue.add("one", { name: `S${index}` });
  await job.waitUntilFinished(events);
  times.push(performance.now() - start);
}
const start = performance.now();
const jobs = await Promise.all(
  Array.from({ length: Number(burst) }, (_, index) => queue.add("one", { name: `B${index}` })),
);
await Promise.all(jobs.map((job) => job.waitUntilFinished(events)));
const rate = Number(burst) / ((performance.now() - start) / 1000);
await Promise.all([worker.close(), events.close(), queue.close()]);
process.stdout.write(JSON.stringify({ times, rate }));
process.exit(0);
