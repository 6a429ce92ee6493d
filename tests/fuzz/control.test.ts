/** Whatever is asked over the control socket is answered, soon and in form; what is not understood changes nothing. */
import { type Arbitrary, array, constantFrom, dictionary, jsonValue, oneof, option, record, string } from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { ComponentDesk } from "../../src/daemon/component-desk.ts";
import { answerControl } from "../../src/daemon/control.ts";
import { isAnswer, requestSchema } from "../../src/daemon/control-api.ts";
import { statusOf } from "../../src/daemon/status.ts";
import { isRecord, parseJson } from "../../src/platform/result.ts";
import { fuzz } from "../support/fuzz.ts";
import type { HandClock } from "../support/hand-clock.ts";
import { assembledParts } from "../support/parts-kit.ts";

const CALLS = [
  "health",
  "status",
  "show",
  "wait",
  "announce",
  "approve",
  "cancel",
  "retry",
  "accept_config",
  "prune",
  "rebuild",
  "canary",
  "stop",
];
const name = oneof(
  constantFrom(
    "WO-1",
    "wo-1",
    "",
    "../../etc/passwd",
    "CLC",
    "a.yaml",
    ".claimed",
    "\u0000",
    "\uD800",
    "x".repeat(5000),
  ),
  string({ unit: "binary", maxLength: 12 }),
);
const ids = oneof({ weight: 6, arbitrary: array(name, { minLength: 1, maxLength: 4 }) }, name, jsonValue());
const odd = <T>(right: Arbitrary<T>) =>
  oneof<{ readonly weight: number; readonly arbitrary: Arbitrary<unknown> }[]>(
    { weight: 9, arbitrary: right },
    { weight: 1, arbitrary: jsonValue() },
  );
const SOON_MS = 10_000;
/** A request as a client of ours would send it, each field right, odd, absent or of another kind. */
const request = record(
  {
    call: oneof({ weight: 12, arbitrary: constantFrom(...CALLS) }, { weight: 1, arbitrary: oneof(name, jsonValue()) }),
    id: odd(name),
    ids,
    by: oneof({ weight: 4, arbitrary: constantFrom("me") }, name, jsonValue()),
    reason: odd(name),
    lane: odd(option(name, { nil: undefined })),
    name,
    wo_id: name,
    passed: odd(constantFrom(true, false)),
    total_ms: odd(constantFrom(0, -1, 1e300)),
    message: name,
    __proto__: jsonValue(),
  },
  { requiredKeys: [] },
);
const line = oneof(
  { weight: 8, arbitrary: request.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: dictionary(name, jsonValue()).map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: string({ unit: "binary", maxLength: 40 }) },
);

async function answerer() {
  const kit = await assembledParts();
  onTestFinished(() => kit.ending.abort());
  const { books, clock, parts, settings, base, files, housekeeping } = kit;
  const runtime = {
    v: 1,
    state: "running",
    pid: 1,
    startTime: "1",
    version: "0",
    base: base.path,
    since: "",
    heartbeat: "",
  } as const;
  const status = () => statusOf({ files, base, index: books.index, runtime, nowMs: 0 });
  let stops = 0;
  const stop = () => {
    stops += 1;
  };
  const components = new ComponentDesk({ files, clock, books, base, settings });
  const live = { books, parts, settings, components, housekeeping };
  return {
    books,
    clock,
    answer: answerControl({ index: books.index, runtime: () => runtime, status, stop, live }),
    stops: () => stops,
  };
}

/** False when it still waits after ten seconds, and far more of its own time. */
async function endsSoon(work: Promise<void>, clock: HandClock): Promise<boolean> {
  const ended = work.then(() => true);
  // The disk takes time of its own.
  for (const end = performance.now() + SOON_MS; performance.now() < end; ) {
    if (await Promise.race([ended, clock.pass(50).then(() => false)])) return true;
  }
  return false;
}

test("any request is answered in form; what is not understood changes nothing and is told as such", async () => {
  const { books, clock, answer, stops } = await answerer();
  const tally = await fuzz("control", 0.05, line, async (text, tally) => {
    const before = { seq: books.headSeq, stops: stops() };
    const answers: unknown[] = [];
    const gone = new AbortController();
    const message = parseJson(text);
    const asked = requestSchema.safeParse(message);
    const answered = answer(message, (one) => answers.push(JSON.parse(JSON.stringify(one))), gone.signal);
    // Who waits for an order that nobody knows hangs up.
    if (asked.success && asked.data.call === "wait") gone.abort();
    expect(await endsSoon(answered, clock)).toBe(true);
    expect(answers.every(isAnswer)).toBe(true);
    if (asked.success) return tally.add(asked.data.call);
    expect(answers).toMatchObject([{ ok: false, error: { code: "bad_request", exit: 2, hint: expect.any(String) } }]);
    expect({ seq: books.headSeq, stops: stops() }).toEqual(before);
    tally.add(isRecord(message) ? "refused" : "no request");
  });
  expect(tally.share("refused")).toBeGreaterThan(0.05);
  expect(1 - tally.share("refused") - tally.share("no request")).toBeGreaterThan(0.05);
});
