/** The file that others write to, wipe, cut and replace: every event ends up in it once. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Disk, systemDisk } from "../../../src/platform/disk.ts";
import { Telemetry } from "../../../src/records/telemetry.ts";
import { moodyDisk, refusingDisk, shortDisk } from "../../support/disks.ts";
import { note, realFiles } from "../../support/ledger-kit.ts";
import { Desk, LEDGER } from "../../support/telemetry-kit.ts";
import { put } from "../../support/temporary-folder.ts";

const asItIs = <T>(result: T): T => result;
const OTHERS = '{"event":"x"}\n';
const [MISSING, EMPTIED] = ['"reason":"missing"', '"reason":"emptied"'];
const lost = (count: number) => `${count} entries told again`;
const XS = Array.from({ length: 999 }, () => "x");

test.each<readonly [string, (desk: Desk) => unknown, readonly string[]]>([
  ["was wiped", (desk) => rmSync(desk.path), ["1", "2", "3", MISSING, lost(2)]],
  ["was wiped with its folder", (desk) => rmSync(desk.folder, { recursive: true }), ["1", "2", "3", MISSING, lost(2)]],
  ["was cut to nothing", (desk) => writeFileSync(desk.path, ""), ["1", "2", "3", EMPTIED, lost(2)]],
  ["was replaced by an older one", (desk) => replace(desk, firstLine(desk)), ["1", "2", "3", EMPTIED, lost(1)]],
  ["was replaced by somebody's", (desk) => replace(desk, OTHERS), [OTHERS.trim(), "1", "2", "3", EMPTIED, lost(2)]],
  ["was replaced by the same", (desk) => replace(desk, desk.text), ["1", "2", "3"]],
  ["was replaced by a longer one", (desk) => replace(desk, `${desk.text}${"x\n".repeat(999)}`), ["1", "2", ...XS, "3"]],
])("a file that %s under the writer ends up with every event once", async (_what, spoil, told) => {
  const desk = await Desk.open();
  await desk.tell(note("a"), note("b"));
  spoil(desk);
  await desk.tell(note("c"));
  expect(desk.told).toEqual(told);
});

test.each(["openAppend", "list"] as const)(
  "a file that git has made, and fills behind our %s, is told once",
  async (call) => {
    let fill: (() => void) | undefined;
    const then = <T>(result: T): T => {
      fill?.();
      return result;
    };
    const disk: Disk = {
      ...systemDisk,
      openAppend: (path, mode) => (call === "openAppend" ? then : asItIs)(systemDisk.openAppend(path, mode)),
      list: (path) => (call === "list" ? then : asItIs)(systemDisk.list(path)),
    };
    const desk = await Desk.open({ disk });
    await desk.tell(note("a"), note("b"));
    const older = firstLine(desk);
    rmSync(desk.path);
    put(desk.path, "");
    fill = () => {
      fill = undefined;
      writeFileSync(desk.path, older);
    };
    await desk.tell(note("c"));
    const lines = desk.told.filter((line) => Number(line) > 0);
    expect([fill, lines]).toEqual([undefined, ["1", "2", "3"]]);
  },
);

function firstLine(desk: Desk): string {
  return desk.text.slice(0, desk.text.indexOf("\n") + 1);
}

function replace(desk: Desk, text: string): void {
  renameSync(put(`${desk.path}.new`, text), desk.path);
}

test("a line in our name that tells of what has not happened yet holds up nothing", async () => {
  const desk = await Desk.open();
  await desk.tell(note("a"));
  const forged = `{"ledger":"${LEDGER}","seq": 999}`;
  writeFileSync(desk.path, `${forged}\n`, { flag: "a" });
  await desk.tell(note("b"));
  expect(desk.told.filter((line) => line !== forged)).toEqual(["1", "2"]);
});

test("lines of others are kept where they stand", async () => {
  const desk = await Desk.open();
  await desk.tell(note("a"));
  writeFileSync(desk.path, '{"by":"somebody"}\nno json at all\n', { flag: "a" });
  await desk.tell(note("b"));
  await desk.restart();
  expect(desk.told).toEqual(["1", '{"by":"somebody"}', "no json at all", "2"]);
});

test("lines of another ledger, that came by git, are not taken for our own", async () => {
  const desk = await Desk.open();
  await desk.tell(note("a"));
  writeFileSync(desk.path, `${JSON.stringify({ seq: 99, note: LEDGER, ledger: "another001" })}\n`, { flag: "a" });
  await desk.commit(note("b"));
  await desk.restart();
  expect(desk.told).toEqual(["1", "99", "2"]);
});

test.each([1, 30, 120])("our own line that a crash tore after %i bytes is cut and written whole", async (length) => {
  const desk = await Desk.open();
  await desk.tell(note("a"), note("b"));
  const whole = desk.text;
  writeFileSync(desk.path, whole.slice(0, whole.indexOf("\n") + 1 + length));
  await desk.restart();
  expect(desk.text).toBe(whole);
});

test("our own line that a crash tore inside of a character is cut and written whole", async () => {
  const desk = await Desk.open();
  await desk.tell(note("aää"));
  const whole = readFileSync(desk.path);
  writeFileSync(desk.path, whole.subarray(0, whole.indexOf("ä") + 1));
  await desk.restart();
  expect(desk.text).toBe(whole.toString());
});

test("our own line that was torn at any place is cut and written whole, to the byte", async () => {
  const problem = { place: { line: 3, column: 1 }, message: "ä", code: "syntax" as const };
  const event = {
    lane: "CLC",
    event: "wo_rejected" as const,
    claim: "c",
    wo_id: "WO-1",
    name: "n",
    problems: [problem],
  };
  for (let cut = 1; cut < 200; cut += 7) {
    const desk = await Desk.open();
    await desk.tell(event);
    const whole = readFileSync(desk.path);
    writeFileSync(desk.path, whole.subarray(0, -cut));
    await desk.restart();
    expect(desk.text).toBe(whole.toString());
  }
});

test.each(["", '{"by":"some'])("zeros that a power cut left behind %j are cut", async (before) => {
  const desk = await Desk.open();
  await desk.tell(note("a"));
  writeFileSync(desk.path, `${before}${"\0".repeat(5000)}`, { flag: "a" });
  await desk.commit(note("b"));
  await desk.restart();
  expect(desk.told).toEqual(["1", ...(before === "" ? [] : [before]), "2"]);
});

test("half a notice of ours, which nothing tells again, is cut", async () => {
  const desk = await Desk.open();
  await desk.tell(note("a"));
  const whole = desk.text;
  const half = '{"ts":"2026-11-21T21:58:32.560Z","agent":"wo_pipeline_guardrail","event":"wo_pipeline_healed","ok":tr';
  writeFileSync(desk.path, half, { flag: "a" });
  await desk.restart();
  expect(desk.text).toBe(whole);
});

test("half a line of somebody else is ended, not cut", async () => {
  const desk = await Desk.open();
  await desk.tell(note("a"));
  writeFileSync(desk.path, '{"by":"some', { flag: "a" });
  await desk.commit(note("b"));
  await desk.restart();
  expect(desk.told).toEqual(["1", '{"by":"some', "2"]);
});

test.each([
  ["has no room", refusingDisk("write", "ENOSPC")],
  ["takes half a line", shortDisk(1)],
  ["takes half a line, and does not let it be cut off", refusingDisk("truncate", "EROFS", { over: shortDisk(1) })],
  ["opens no more files", refusingDisk("openAppend", "EMFILE", { nth: 2 })],
])("a disk that %s delays a line, and neither loses nor doubles it", async (_what, disk) => {
  const desk = await Desk.open({ disk });
  rmSync(desk.path);
  await desk.tell(note("a"));
  await desk.tell(note("b"));
  expect(desk.told).toEqual(["1", "2"]);
});

test("what comes while the disk takes nothing is written in order when it does, signs of life too", async () => {
  const { disk, refuse } = moodyDisk("openAppend", "ENOSPC");
  const desk = await Desk.open({ disk });
  refuse(true);
  rmSync(desk.path);
  await desk.tell(note("a"));
  desk.telemetry.notice({ event: "wo_pipeline_healed", path: "g/x", what: "put back" });
  await desk.tell(note("b"));
  refuse(false);
  await desk.tell(note("c"));
  expect(desk.told).toEqual([expect.stringContaining("wo_pipeline_healed"), "1", "2", "3"]);
});

test("a sign of life that the disk refused is written when it takes something again", async () => {
  const desk = await Desk.open({ disk: refusingDisk("write", "ENOSPC") });
  desk.telemetry.notice({ event: "wo_pipeline_healed", path: "g/x", what: "put back" });
  await desk.telemetry.settled();
  await desk.tell(note("a"));
  expect(desk.told).toEqual([expect.stringContaining("wo_pipeline_healed"), "1"]);
});

test("a sign of life is a line without a seq, and is not told again by catching up", async () => {
  const desk = await Desk.open();
  desk.telemetry.notice({ event: "wo_pipeline_healed", path: "g/x", what: "put back" });
  await desk.tell(note("a"));
  await desk.restart();
  const [healed] = desk.text.split("\n");
  expect(JSON.parse(healed ?? "")).toMatchObject({
    agent: "wo_pipeline_guardrail",
    ok: true,
    path: "g/x",
    ledger: LEDGER,
  });
  expect(desk.told).toEqual([healed, "1"]);
});

test("what is committed while much is caught up is told once, in its turn", async () => {
  const desk = await Desk.open();
  await desk.commit(...Array.from({ length: 600 }, () => note("a")));
  const onBreathe = async () => desk.telemetry.push(await desk.commit(note("b")));
  await desk.restart({ onBreathe });
  expect(desk.told).toEqual(Array.from({ length: 601 }, (_, at) => String(at + 1)));
});

test("a line of ours that is longer than what is looked at at once is found, and not written a second time", async () => {
  const desk = await Desk.open();
  await desk.tell(note("a"), note("b".repeat(700_000)));
  await desk.restart();
  await desk.tell(note("c"));
  expect(desk.told).toEqual(["1", "2", "3"]);
});

test.each(["1e999", "-1", "2.5"])("a line with our ledger's name and the seq %s was not written by us", async (seq) => {
  const desk = await Desk.open();
  await desk.tell(note("a"));
  writeFileSync(desk.path, `{"ledger":"${LEDGER}","at":${seq},"seq": ${seq}}\n`, { flag: "a" });
  expect(Telemetry.lastSeq(realFiles, desk.path, LEDGER)).toBe(1);
});
