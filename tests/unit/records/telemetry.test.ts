import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Event } from "../../../src/records/events.ts";
import { Telemetry } from "../../../src/records/telemetry.ts";
import { recordingDisk } from "../../support/disks.ts";
import { accepted, planned, stepFinished } from "../../support/events.ts";
import { note, realFiles } from "../../support/ledger-kit.ts";
import { Desk, LEDGER } from "../../support/telemetry-kit.ts";
import { put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

test("each committed entry is one flat line with its seq, by the worker that people search for", async () => {
  const desk = await Desk.open();
  await desk.tell(stepFinished({ ok: false }));
  expect(JSON.parse(desk.text)).toEqual({
    ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    agent: "wo_executor",
    event: "step_finished",
    ok: false,
    seq: 1,
    wo_id: "WO-1",
    lane: "CLC",
    attempt: 1,
    step: 0,
    name: "a step",
    kind: "command",
    optional: false,
    exit_code: 0,
    timed_out: false,
    leftovers: false,
    duration_ms: 5,
    stdout_bytes: 3,
    stderr_bytes: 0,
    ledger: LEDGER,
  });
});

const kept = { path: "a.env", kind: "file", mode: 0o600, owner: 0, content: { text: "SECRET" } } as const;

test.each<readonly [string, Event, string]>([
  ["an order's source", accepted({ source: { text: "SECRET" } }), "SECRET"],
  ["what a command printed", stepFinished({ stdout_tail: "SECRET", stderr_tail: "SECRET" }), "SECRET"],
  ["a configuration", { event: "config_accepted", by: "me", sha256: "", config: { text: "SECRET" } }, "SECRET"],
  ["the content of files", planned(), "cdcd"],
  ["the content of a snapshot", { event: "snapshot_taken", by: "me", why: "", files: [kept] }, "SECRET"],
  ["the content of components", { event: "components_accepted", by: "me", why: "", components: [kept] }, "SECRET"],
])("a line that people tail does not hold %s", async (_what, event, secret) => {
  const desk = await Desk.open();
  await desk.tell(event);
  expect(desk.told).toEqual(["1"]);
  expect(desk.text).not.toContain(secret);
});

test("of a plan a line tells the paths", async () => {
  const desk = await Desk.open();
  await desk.tell(planned());
  expect(JSON.parse(desk.text)).toMatchObject({ files: ["a/b.txt"] });
});

test("what was committed while nobody wrote is caught up in order, each once", async () => {
  const desk = await Desk.open();
  await desk.tell(note("a"));
  await desk.commit(note("b"), note("c"));
  await desk.restart();
  await desk.tell(note("d"));
  expect(desk.told).toEqual(["1", "2", "3", "4"]);
  expect(desk.telemetry.behind).toBe(0);
});

test("nothing is told of that is not committed yet", async () => {
  const desk = await Desk.open();
  const committed = await desk.commit(note("a"), note("b"));
  rmSync(desk.path);
  desk.telemetry.push(committed.slice(0, 1));
  await desk.telemetry.settled();
  expect(desk.told).toEqual(["1"]);
});

test("what is told in one moment is one write", async () => {
  const { disk, calls } = recordingDisk();
  const desk = await Desk.open({ disk });
  const entries = await desk.commit(note("a"), note("b"));
  calls.splice(0);
  for (const entry of entries) desk.telemetry.push([entry]);
  await desk.telemetry.settled();
  expect(calls).toEqual(["write unified.jsonl"]);
});

test("a full file is put aside under its last seq, and the current one has the same name as ever", async () => {
  const desk = await Desk.open({ maxBytes: 1, keep: 2 });
  for (const name of ["a", "b", "c"]) await desk.tell(note(name));
  const files = Object.keys(treeOf(desk.folder)).toSorted();
  expect(files).toEqual(["unified.2.jsonl", "unified.3.jsonl", "unified.jsonl"]);
  expect(readFileSync(join(desk.folder, "unified.3.jsonl"), "utf8")).toContain('"seq":3');
});

test("a sign of life that fills the next file takes no place of one that was put aside", async () => {
  const desk = await Desk.open({ maxBytes: 1 });
  await desk.tell(note("a"));
  desk.telemetry.notice({ event: "wo_pipeline_healed", path: "g/x", what: "put back" });
  await desk.telemetry.settled();
  expect(readFileSync(join(desk.folder, "unified.1.jsonl"), "utf8")).toContain('"seq":1');
  expect(desk.text).toContain("wo_pipeline_healed");
});

test("after a rotation the writer goes on behind the last file that was put aside", async () => {
  const desk = await Desk.open({ maxBytes: 1 });
  for (const name of ["a", "b"]) await desk.tell(note(name));
  await desk.restart();
  await desk.tell(note("c"));
  expect(desk.told).toEqual(["3"]);
});

test("files that were put aside are kept by their numbers, not by their letters", async () => {
  const desk = await Desk.open({ maxBytes: 1, keep: 1 });
  put(join(desk.folder, "unified.old.jsonl"), "mine");
  await desk.tell(...Array.from({ length: 9 }, () => note("a")));
  await desk.tell(note("b"));
  const files = Object.keys(treeOf(desk.folder)).toSorted();
  expect(files).toEqual(["unified.10.jsonl", "unified.jsonl", "unified.old.jsonl"]);
});

test.each([
  ["nothing", {}, 0],
  ["an empty file", { "unified.jsonl": "" }, 0],
  ["our lines", { "unified.jsonl": line(3) + line(4) }, 4],
  ["our lines, foreign ones behind them", { "unified.jsonl": `${line(3)}{}\nx\n${line(9, "other00001")}` }, 3],
  ["a last line of ours that is torn", { "unified.jsonl": line(3) + line(4).slice(0, -1) }, 3],
  ["only files put aside", { "unified.jsonl": "", "unified.9.jsonl": "", "unified.10.jsonl": "" }, 10],
  ["our line far above much foreign text", { "unified.jsonl": line(7) + "x\n".repeat(700_000) }, 7],
])("a folder with %s says how far telemetry has come", (_what, contents, seq) => {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(contents)) put(join(folder, name), text);
  expect(Telemetry.lastSeq(realFiles, join(folder, "unified.jsonl"), LEDGER)).toBe(seq);
});

function line(seq: number, ledger = LEDGER): string {
  return `${JSON.stringify({ event: "x", seq, ledger })}\n`;
}
