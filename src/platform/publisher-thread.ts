/** The program of the publishing thread: does its tasks in order, and answers a batch when all of it is done. */
import { systemClock } from "./clock.ts";
import { systemDisk } from "./disk.ts";
import { BridgeError, messageOf } from "./errors.ts";
import { Files } from "./files.ts";
import type { PublisherEnd, PublisherTask } from "./publisher.ts";
import { isRecord } from "./result.ts";
import { answerInThread } from "./thread.ts";

const files = new Files(systemDisk, systemClock);
let last: Promise<unknown> = Promise.resolve();

answerInThread((tasks) => {
  const ends = last.then(async () => {
    const done: PublisherEnd[] = [];
    for (const task of Array.isArray(tasks) ? tasks : []) done.push(await doTask(task));
    return done;
  });
  last = ends;
  return ends;
});

async function doTask(task: unknown): Promise<PublisherEnd> {
  try {
    if (!isTask(task)) throw new Error("no task");
    if (task.verb === "move") return { ok: true, name: await files.moveNew(task.from, task.folder, task.name) };
    if (task.verb === "ground") files.standOn(task.path, task.sign);
    else await files.publish(task.path, task.bytes, task.mode);
    return { ok: true, name: undefined };
  } catch (thrown) {
    // The error goes back to whoever asked, in the other thread.
    return { ok: false, code: thrown instanceof BridgeError ? thrown.code : undefined, message: messageOf(thrown) };
  }
}

function isTask(value: unknown): value is PublisherTask {
  return isRecord(value) && ["publish", "move", "ground"].includes(String(value["verb"]));
}
