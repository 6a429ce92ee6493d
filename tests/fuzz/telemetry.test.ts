/** However the end of the telemetry file is torn or mixed with lines of others: every event is in it once, theirs are kept. */
import { readFileSync, writeFileSync } from "node:fs";
import { array, constantFrom, nat, oneof, record, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { isRecord, parseJson } from "../../src/platform/result.ts";
import { Telemetry } from "../../src/records/telemetry.ts";
import { fuzz } from "../support/fuzz.ts";
import { note } from "../support/ledger-kit.ts";
import { shelfFiles } from "../support/shelf.ts";
import { Desk, LEDGER } from "../support/telemetry-kit.ts";

const PATH = "/g/telemetry/unified.jsonl";
const own = (seq: number, filler: number) =>
  `${JSON.stringify({ event: "x", seq, ledger: LEDGER, files: "f".repeat(filler) })}\n`;

/** What somebody else may have written: other programs, another ledger, what a disk made of it. */
const foreign = oneof(
  constantFrom(
    "\n",
    "{}\n",
    '{"by":"somebody"}\n',
    "no json at all\n",
    `{"seq":99,"ledger":"another001","of":"${LEDGER}"}\n`,
    `{"seq":"7","ledger":"${LEDGER}"}\n`,
    `{"seq":1e999,"ledger":"${LEDGER}"}\n`,
    `{"seq":-1,"ledger":"${LEDGER}"}\n`,
    `{"seq":3.5,"ledger":"${LEDGER}"}\n`,
    `{"seq":5,"ledger":"${LEDGER}"`,
    `${"x".repeat(300_000)}\n`,
  ),
  string({ maxLength: 20, unit: "binary" }).map((text) => text.replaceAll("\n", "")),
  string({ maxLength: 20 }).map((text) => `${text.replaceAll("\n", "")}\n`),
);
const piece = oneof(
  {
    weight: 3,
    arbitrary: record({
      seq: nat(50),
      filler: oneof({ weight: 30, arbitrary: nat(80) }, constantFrom(270_000, 700_000)),
    }).map(({ seq, filler }) => own(seq + 1, filler)),
  },
  { weight: 3, arbitrary: foreign },
);

test("the last seq of ours is found in any file: the highest of the last piece that holds whole lines of ours", async () => {
  const input = record({ pieces: array(piece, { maxLength: 12 }), torn: uint8Array({ maxLength: 40 }) });
  const tally = await fuzz("telemetry-reader", 0.1, input, ({ pieces, torn }, tally) => {
    const bytes = Buffer.concat([Buffer.from(pieces.join("")), torn]);
    const seq = Telemetry.lastSeq(shelfFiles(new Map([[PATH, bytes]])), PATH, LEDGER);
    const seqs = ownSeqs(bytes.toString("utf8"));
    tally.add(seqs.length === 0 ? "none" : "some");
    if (bytes.length < 200_000) expect(seq).toBe(Math.max(0, ...seqs));
    else expect(seqs.length === 0 ? [0] : seqs).toContain(seq);
    // Of what is in order, as a writer leaves it, it is the last.
    if (seqs.every((one, index) => index === 0 || one >= (seqs[index - 1] ?? 0))) expect(seq).toBe(seqs.at(-1) ?? 0);
  });
  expect(tally.of("none")).toBeGreaterThan(0);
  expect(tally.of("some")).toBeGreaterThan(0);
});

/** Of whole lines, in their order. */
function ownSeqs(text: string): number[] {
  return text
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => {
      const value = parseJson(line);
      const seq = isRecord(value) && value["ledger"] === LEDGER ? value["seq"] : undefined;
      return typeof seq === "number" && Number.isSafeInteger(seq) && seq > 0 ? [seq] : [];
    });
}

const spoils = record({
  keep: nat(100),
  tail: array(foreign, { maxLength: 3 }),
  before: array(foreign, { maxLength: 2 }),
  next: nat(2),
});

test("whatever a crash or somebody else leaves at the end, a writer that starts tells each event once and keeps the rest", async () => {
  const tally = await fuzz("telemetry-writer", 0.05, spoils, async ({ keep, tail, before, next }, tally) => {
    const desk = await Desk.open();
    await desk.tell(note("a"), note("b"), note("c"));
    const whole = readFileSync(desk.path);
    const cut = Math.floor((whole.length * keep) / 100);
    const foreignBefore = before.filter((text) => text.endsWith("\n")).join("");
    // Pieces that make a line of ours together are none of somebody else's.
    const joined = tail.join("");
    const foreignTail = ownSeqs(`${joined}\n`).length === 0 ? joined : "";
    writeFileSync(
      desk.path,
      Buffer.concat([Buffer.from(foreignBefore), whole.subarray(0, cut), Buffer.from(foreignTail)]),
    );
    for (let index = 0; index < next; index += 1) await desk.commit(note(`next ${index}`));
    await desk.restart();
    const text = desk.text;
    await desk.close();
    expect(ownSeqs(text)).toEqual(Array.from({ length: 3 + next }, (_, index) => index + 1));
    expect(text.startsWith(foreignBefore)).toBe(true);
    // Zeros at the end are a power cut's, and nobody's.
    expect(text).toContain(foreignTail.replace(/\0+$/, ""));
    tally.add(cut === whole.length ? "whole" : "torn");
  });
  expect(tally.of("torn")).toBeGreaterThan(0);
});
