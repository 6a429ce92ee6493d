/** What nobody waits for is written in a thread of its own, many at a time, with the promises of Files. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { inlinePublisher, type Publisher, ThreadPublisher } from "../../../src/platform/publisher.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { thrownBy } from "../../support/results.ts";
import { folderWith, modeOf, put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const BUILT = new URL("../../../dist/platform/publisher-thread.js", import.meta.url);

function closing<T extends Publisher>(publisher: T): T {
  onTestFinished(() => publisher.close());
  return publisher;
}

const both: readonly [string, () => Publisher][] = [
  ["here", () => inlinePublisher(new Files(systemDisk, systemClock))],
  ["in a thread", () => new ThreadPublisher(systemClock, BUILT)],
];

test.each(both)("%s, files are published and moved with their modes, bytes and names", async (_where, open) => {
  const folder = folderWith({ "in/a.yaml": "order", "to/a.yaml": "older", "view.json": "old" });
  const publisher = closing(open());
  const [, , , moved, absent] = await Promise.all([
    publisher.publish(join(folder, "view.json"), "new"),
    publisher.publish(join(folder, "x/y.bin"), Buffer.from([1, 255]), { mode: 0o600 }),
    publisher.publish(join(folder, "z"), "now", { now: true }),
    publisher.moveNew(join(folder, "in/a.yaml"), join(folder, "to"), "a.yaml"),
    publisher.moveNew(join(folder, "in/none"), join(folder, "to"), "none"),
  ]);

  expect([moved, absent]).toEqual(["a~2.yaml", undefined]);
  expect(treeOf(folder)).toMatchObject({ "view.json": "new", z: "now", "to/a.yaml": "older", "to/a~2.yaml": "order" });
  expect([modeOf(join(folder, "x/y.bin")), modeOf(join(folder, "z"))]).toEqual([0o600, 0o644]);
});

test.each(both)("%s, what the disk refuses is told to whoever asked, and to nobody else", async (_where, open) => {
  const folder = folderWith({ file: "x" });
  const publisher = closing(open());
  const refused = thrownBy(() => publisher.publish(join(folder, "file/below"), "x"));
  await publisher.publish(join(folder, "other"), "y");

  expect(await refused).toMatchObject({ name: "BridgeError", code: "DISK_REFUSED" });
  expect(treeOf(folder)).toEqual({ file: "x", other: "y" });
});

test.each(both)(
  "%s, nothing is made in the place of a ground that is gone, and all is when it is back",
  async (_where, open) => {
    const folder = folderWith({ "base/g/view.json": "old" });
    const [base, aside] = [join(folder, "base"), join(folder, "aside")];
    const publisher = closing(open());
    await publisher.standOn(base, ".mark");
    await publisher.publish(join(base, "g/new/view.json"), "made");
    renameSync(base, aside);

    expect(await thrownBy(() => publisher.publish(join(base, "g/view.json"), "lost"))).toMatchObject({
      code: "BASE_MISSING",
      message: `${base} is gone: unmounted, moved or removed`,
    });
    await publisher.publish(join(folder, "beside/x"), "no ground");
    renameSync(aside, base);
    await publisher.publish(join(base, "g/other/view.json"), "back");
    expect(treeOf(folder)).toEqual({
      "base/g/view.json": "old",
      "base/g/new/view.json": "made",
      "base/g/other/view.json": "back",
      "beside/x": "no ground",
    });
  },
);

/** A thread that answers each task with the number of its batch and how many were in it. */
function countingPublisher(clock: HandClock): ThreadPublisher {
  const program = `import { parentPort } from "node:worker_threads";
    let batch = 0;
    parentPort.on("message", (tasks) => {
      batch += 1;
      if (tasks.some((task) => task.name === "die")) process.exit(3);
      parentPort.postMessage(tasks.map((task, index) => ({ ok: true, name: [batch, index, tasks.length].join("/") })));
    });`;
  return closing(new ThreadPublisher(clock, pathToFileURL(put(join(temporaryFolder(), "program.mjs"), program))));
}

const move = (publisher: Publisher, name: string) => publisher.moveNew("from", "to", name);

test("what is asked for within a few milliseconds goes along in one message", async () => {
  const clock = new HandClock();
  const publisher = countingPublisher(clock);
  const first = [move(publisher, "a"), move(publisher, "b")];
  await clock.pass(4);
  first.push(move(publisher, "c"));
  await clock.pass(1);
  const second = move(publisher, "d");
  await clock.pass(5);

  expect(await Promise.all([...first, second])).toEqual(["1/0/3", "1/1/3", "1/2/3", "2/0/1"]);
});

test("a message has room for as many as are asked for at once, up to its limit, and goes when it is full", async () => {
  const publisher = countingPublisher(new HandClock());
  const names = await Promise.all(Array.from({ length: 128 }, (_, index) => move(publisher, String(index))));

  expect([names[0], names[63], names[64], names[127]]).toEqual(["1/0/64", "1/63/64", "2/0/64", "2/63/64"]);
});

test("what somebody waits for goes at once, and takes along what waits", async () => {
  const publisher = countingPublisher(new HandClock());
  const waiting = move(publisher, "a");
  await publisher.publish("path", "x", { now: true });

  expect(await waiting).toBe("1/1/2");
});

test("while the thread has enough to do, what is asked for meanwhile is one message", async () => {
  const publisher = countingPublisher(new HandClock());
  const names = await Promise.all([
    publisher.publish("a", "x", { now: true }).then(() => move(publisher, "late")),
    publisher.publish("b", "x", { now: true }),
    move(publisher, "c"),
    publisher.publish("d", "x", { now: true }),
    move(publisher, "e"),
    publisher.publish("f", "x", { now: true }),
  ]);

  expect([names[2], names[4]]).toEqual(["3/2/4", "3/3/4"]);
});

test("of two files for one path the later one lasts, also when only for that one somebody waits", async () => {
  const folder = temporaryFolder();
  const publisher = closing(new ThreadPublisher(new HandClock(), BUILT));
  const path = join(folder, "x");
  const old = publisher.publish(path, "old");
  await publisher.publish(path, "new", { now: true });

  await old;
  expect(treeOf(folder)).toEqual({ x: "new" });
});

test("closing does what waits, and nothing more", async () => {
  const folder = temporaryFolder();
  const publisher = new ThreadPublisher(new HandClock(), BUILT);
  const published = publisher.publish(join(folder, "a"), "x");
  await publisher.close();

  await published;
  expect(treeOf(folder)).toEqual({ a: "x" });
  expect(await thrownBy(() => publisher.publish(join(folder, "b"), "x"))).toMatchObject({ code: "DISK_REFUSED" });
  expect(treeOf(folder)).toEqual({ a: "x" });
});

test("when the thread dies everybody who waits hears of it, and nobody waits later", async () => {
  const publisher = countingPublisher(new HandClock());
  const waiting = [thrownBy(() => move(publisher, "a")), thrownBy(() => move(publisher, "die"))];
  void publisher.publish("path", "x", { now: true }).catch(() => undefined);

  expect(await Promise.all(waiting)).toMatchObject([
    { message: "the publishing thread ended" },
    { message: "the publishing thread ended" },
  ]);
  expect(await thrownBy(() => move(publisher, "b"))).toBeInstanceOf(Error);
});
