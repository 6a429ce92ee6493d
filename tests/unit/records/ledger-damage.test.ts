/** One small ledger of real groups; whatever is done to its bytes is seen, or is the torn end that a crash may leave. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type ChainSeen, note, seeBytes, type WrittenLedger, writtenLedger } from "../../support/ledger-kit.ts";

const GROUPS = [[note("a"), note("b")], [note("c")], [note("d"), note("e"), note("f")]];
/** Lines before the last group: none of them may ever be lost without a word. */
const SETTLED_LINES = 3;

/** Lines that count when so many are sound: each group here is one append, and counts whole or not at all. */
function counting(length: number): number {
  return [0, 2, 3, 6].findLast((end) => end <= length) ?? 0;
}

function expectPrefix(written: WrittenLedger, seen: ChainSeen, length: number): void {
  expect(seen.entries).toEqual(written.entries.slice(0, counting(length)));
}

function offsetOf({ lines }: WrittenLedger, line: number): number {
  return Buffer.byteLength(lines.slice(0, line).join(""));
}

/** Damage at a line of an earlier group is told; in the last one it ends the chain before that append. */
function expectSeen(written: WrittenLedger, seen: ChainSeen, badLine: number): void {
  expectPrefix(written, seen, badLine);
  const atByte = offsetOf(written, badLine);
  if (badLine < SETTLED_LINES) expect(seen.read).toMatchObject({ ok: false, error: { atByte, seq: badLine + 1 } });
  else expect(seen.read).toMatchObject({ ok: true, value: { torn: { atByte: offsetOf(written, SETTLED_LINES) } } });
}

function lineAt({ lines }: WrittenLedger, offset: number): number {
  let end = 0;
  return lines.findIndex((line) => {
    end += Buffer.byteLength(line);
    return offset < end;
  });
}

test("an untouched ledger is read to its end", async () => {
  const written = await writtenLedger(GROUPS);
  const seen = seeBytes(written, written.bytes);
  expectPrefix(written, seen, 6);
  expect(seen.read).toMatchObject({ ok: true, value: { torn: undefined, head: { seq: 6 } } });
});

test("any changed byte is seen", async () => {
  const written = await writtenLedger(GROUPS);
  fc.assert(
    fc.property(fc.nat(written.bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(written.bytes);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      expectSeen(written, seeBytes(written, bytes), lineAt(written, at));
    }),
    { numRuns: 400 },
  );
});

test("a newline that became something else hides no line behind it", async () => {
  const written = await writtenLedger([[note("a")], [note("b")], [note("c")]]);
  const bytes = Buffer.from(written.bytes);
  bytes[Buffer.byteLength(written.lines.slice(0, 2).join("")) - 1] = 0x20;
  expect(seeBytes(written, bytes).read).toMatchObject({ ok: false, error: { seq: 2, readableTo: 3 } });
});

test("a byte that is no UTF-8 is seen, also where the character for such bytes stands", async () => {
  const written = await writtenLedger([[note("a \uFFFD b")], [note("c")]]);
  const bytes = Buffer.from(written.bytes);
  bytes[bytes.indexOf("\uFFFD")] = 0xf0;
  expect(seeBytes(written, bytes).read).toMatchObject({ ok: false, error: { seq: 1 } });
});

test("any missing byte is seen", async () => {
  const written = await writtenLedger(GROUPS);
  fc.assert(
    fc.property(fc.nat(written.bytes.length - 1), (at) => {
      const bytes = Buffer.concat([written.bytes.subarray(0, at), written.bytes.subarray(at + 1)]);
      expectSeen(written, seeBytes(written, bytes), lineAt(written, at));
    }),
    { numRuns: 200 },
  );
});

test("any two lines that changed places are seen", async () => {
  const written = await writtenLedger(GROUPS);
  fc.assert(
    fc.property(fc.nat(4), fc.nat(4), (from, distance) => {
      const to = from + 1 + (distance % (5 - from));
      const lines = [...written.lines];
      [lines[from], lines[to]] = [lines[to] ?? "", lines[from] ?? ""];
      const seen = seeBytes(written, lines.join(""));
      expectPrefix(written, seen, from);
      expect(seen.read.ok).toBe(false);
    }),
  );
});

test("any line that stands twice is seen", async () => {
  const written = await writtenLedger(GROUPS);
  fc.assert(
    fc.property(fc.nat(5), fc.nat(5), (copied, distance) => {
      const at = copied + 1 + (distance % (6 - copied));
      const lines = written.lines.toSpliced(at, 0, written.lines[copied] ?? "");
      const seen = seeBytes(written, lines.join(""));
      expectPrefix(written, seen, at);
      expect(seen.read.ok).toBe(false);
    }),
  );
});

test("any line that is missing is seen, but for the last ones", async () => {
  const written = await writtenLedger(GROUPS);
  fc.assert(
    fc.property(fc.nat(4), (missing) => {
      const seen = seeBytes(written, written.lines.toSpliced(missing, 1).join(""));
      expectPrefix(written, seen, missing);
      expect(seen.read.ok).toBe(false);
    }),
  );
});

test("any end that is missing leaves the whole lines before it, and half a line is told of", async () => {
  const written = await writtenLedger(GROUPS);
  fc.assert(
    fc.property(fc.nat(written.bytes.length), (length) => {
      const seen = seeBytes(written, written.bytes.subarray(0, length));
      const whole = length === written.bytes.length ? 6 : lineAt(written, length);
      expectPrefix(written, seen, whole);
      const left = length - offsetOf(written, counting(whole));
      const torn = left === 0 ? undefined : expect.objectContaining({ lostBytes: left });
      expect(seen.read).toMatchObject({ ok: true, value: { torn } });
    }),
    { numRuns: 200 },
  );
});
