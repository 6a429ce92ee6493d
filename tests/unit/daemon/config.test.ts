import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Config,
  configSchema,
  DEFAULT_CONFIG,
  holdTo,
  laneRules,
  readConfig,
} from "../../../src/daemon/config.ts";
import { DEFAULT_GUARDS, LANE_MODES } from "../../../src/orders/lane-rules.ts";
import { errorOf, valueOf } from "../../support/results.ts";

function read(text: string): Config {
  return valueOf(readConfig(Buffer.from(text)));
}

test.each(["", "\n\n", "# only words\n  # more\n", "version: 1\n"])("a file that says %j is the default", (text) => {
  expect(read(text)).toEqual(DEFAULT_CONFIG);
});

test("what a file does not say is as it is by default", () => {
  const config = read("intake:\n  settleMs: 100\nlanes:\n  CLC: {mode: hold}\n");
  expect(config).toEqual({
    ...DEFAULT_CONFIG,
    intake: { ...DEFAULT_CONFIG.intake, settleMs: 100 },
    lanes: { CLC: { mode: "hold", concurrency: 1, signature: "off", sandbox: "on", network: [] } },
  });
});

test.each([
  ["intke: {}", { code: "unknown_key", key: "intke", place: { line: 1, column: 1 }, hint: 'did you mean "intake"?' }],
  [
    "# words\nintake:\n  settlems: 5\n",
    { code: "unknown_key", key: "intake.settlems", place: { line: 3, column: 3 }, hint: 'did you mean "settleMs"?' },
  ],
  [
    'intake:\n  settleMs: "5"\n',
    {
      code: "wrong_type",
      key: "intake.settleMs",
      place: { line: 2, column: 13 },
      message: expect.stringMatching(/number.*string/),
    },
  ],
  ["intake:\n  settleMs: -1\n", { code: "wrong_value", key: "intake.settleMs", place: { line: 2, column: 13 } }],
  ["intake:\n  rescanMs: 99\n", { code: "wrong_value", message: expect.stringContaining("100") }],
  ["intake:\n  fromGit: maybe\n", { code: "wrong_value", message: expect.stringMatching(/hold.*run/) }],
  ["lanes:\n  CLC:\n    concurrency: 0\n", { key: "lanes.CLC.concurrency", place: { line: 3, column: 18 } }],
  [
    "lanes:\n  CLC:\n    modus: hold\n",
    { code: "unknown_key", key: "lanes.CLC.modus", hint: expect.stringContaining("mode") },
  ],
  ["policy:\n  roots: [a, 5]\n", { code: "wrong_type", key: "policy.roots[1]", place: { line: 2, column: 14 } }],
  ["version: 2\n", { code: "wrong_value", key: "version", place: { line: 1, column: 10 } }],
  ["- a\n", { code: "no_map" }],
  ["intake: [\n", { code: "syntax", place: expect.anything() }],
  ["concurrency: 1\nconcurrency: 2\n", { code: "duplicate_key", place: { line: 2, column: 1 } }],
])("the file %j is refused with its place and what would be right", (text, problem) => {
  expect(errorOf(readConfig(Buffer.from(text)))).toMatchObject([problem]);
});

test("every fault of a file is told at once, with the line in question", () => {
  const problems = errorOf(readConfig(Buffer.from("concurrency: 0\nintake: {settleMs: x}\nfoo: 1\n")));
  expect(new Set(problems.map(({ key }) => key))).toEqual(new Set(["concurrency", "intake.settleMs", "foo"]));
  expect(problems.find(({ key }) => key === "concurrency")?.frame).toContain("1 | concurrency: 0");
});

test("a configuration cannot be changed by whoever has it", () => {
  expect([read("concurrency: 2\n"), DEFAULT_CONFIG, holdTo(read(""), read("")).config].every(Object.isFrozen)).toBe(
    true,
  );
});

test.each([
  ["clc", "hold"],
  ["ClC", "hold"],
  ["OTHER", "execute"],
  ["ENTRY", "route"],
  ["entry", "route"],
])("the lane %s has the mode %s, named or not", (lane, mode) => {
  expect(laneRules(read("lanes: {CLC: {mode: hold}}"), lane)).toEqual({
    mode,
    concurrency: 1,
    signature: "off",
    sandbox: "on",
    network: [],
    guards: DEFAULT_GUARDS,
  });
});

test("ENTRY does what it is told to when it is named", () => {
  expect(laneRules(read("lanes: {entry: {mode: files-only}}"), "ENTRY").mode).toBe("files-only");
});

/** How strict the modes are, the strictest first: the promise, written down apart from the product's own list. */
const STRICT = ["hold", "route", "files-only", "execute"] as const;
const PAIRS = STRICT.flatMap((was, at) => STRICT.map((is, other) => [was, is, at <= other ? was : is] as const));

test.each(PAIRS)("a lane that was accepted as %s and is to be %s is %s", (was, is, expected) => {
  const { config, pending } = holdTo(read(`lanes: {CLC: {mode: ${was}}}`), read(`lanes: {CLC: {mode: ${is}}}`));
  expect(laneRules(config, "CLC").mode).toBe(expected);
  expect(pending).toEqual(expected === is ? [] : [`lanes.CLC.mode: ${was} → ${is}`]);
  expect([...LANE_MODES]).toEqual([...STRICT]);
});

interface Wish {
  readonly accepted?: string;
  readonly wanted?: string;
}

function hold({ accepted = "", wanted = "" }: Wish) {
  return holdTo(read(accepted), read(wanted));
}

const CLC_HELD = "lanes: {CLC: {mode: hold}}";
test.each([
  ["a lane that is named no more", { accepted: CLC_HELD }, "CLC", "hold"],
  ["a lane that is named newly", { wanted: CLC_HELD }, "CLC", "hold"],
  ["ENTRY, which is to execute now", { wanted: "lanes: {ENTRY: {mode: execute}}" }, "ENTRY", "route"],
  ["a lane in another spelling", { accepted: CLC_HELD, wanted: "lanes: {clc: {mode: execute}}" }, "clc", "hold"],
])("%s gets no more rights than were accepted", (_what, wish, lane, mode) => {
  expect(laneRules(hold(wish).config, lane).mode).toBe(mode);
});

const { path: PATH } = DEFAULT_CONFIG.commands;
test.each<readonly [string, Wish, (config: Config) => unknown, unknown]>([
  [
    "a root less",
    { accepted: "policy: {roots: [/a, /b]}", wanted: "policy: {roots: [/b]}" },
    (c) => c.policy.roots,
    ["/b"],
  ],
  ["a guard more", { wanted: "policy: {protect: [b]}" }, (c) => c.policy.protect, ["b"]],
  ["git's files to be held", { accepted: "intake: {fromGit: run}" }, (c) => c.intake.fromGit, "hold"],
  ["signatures", { wanted: "lanes: {CLC: {signature: required}}" }, (c) => laneRules(c, "CLC").signature, "required"],
  [
    "a sandbox that is required",
    { wanted: "lanes: {CLC: {sandbox: required}}" },
    (c) => laneRules(c, "CLC").sandbox,
    "required",
  ],
  [
    "a host less",
    { accepted: "lanes: {CLC: {network: [a.example, b.example]}}", wanted: "lanes: {CLC: {network: [b.example]}}" },
    (c) => laneRules(c, "CLC").network,
    ["b.example"],
  ],
  ["no helper", { accepted: "notify: {command: [a]}" }, (c) => c.notify.command, []],
])("a tree that asks for %s gets it at once", (_what, wish, pick, expected) => {
  const { config, pending } = hold(wish);
  expect({ got: pick(config), pending }).toEqual({ got: expected, pending: [] });
});

test.each<readonly [string, Wish, (config: Config) => unknown, unknown]>([
  ["policy.roots: + /a", { wanted: "policy: {roots: [/a]}" }, (c) => c.policy.roots, []],
  ["policy.protect: − a", { accepted: "policy: {protect: [a]}" }, (c) => c.policy.protect, ["a"]],
  ["intake.fromGit: hold → run", { wanted: "intake: {fromGit: run}" }, (c) => c.intake.fromGit, "hold"],
  ["commands.path or commands.env changed", { wanted: "commands: {path: /evil}" }, (c) => c.commands.path, PATH],
  ["commands.path or commands.env changed", { wanted: "commands: {env: {LD_PRELOAD: x}}" }, (c) => c.commands.env, {}],
  ["lanes.CLC.sandbox: on → off", { wanted: "lanes: {CLC: {sandbox: off}}" }, (c) => laneRules(c, "CLC").sandbox, "on"],
  [
    "lanes.CLC.signature: required → off",
    { accepted: "lanes: {CLC: {signature: required}}" },
    (c) => laneRules(c, "CLC").signature,
    "required",
  ],
  [
    "lanes.CLC.sandbox: required → on",
    { accepted: "lanes: {CLC: {sandbox: required}}" },
    (c) => laneRules(c, "CLC").sandbox,
    "required",
  ],
  [
    "lanes.CLC.network: + b.example",
    {
      accepted: "lanes: {CLC: {network: [a.example]}}",
      wanted: "lanes: {CLC: {network: [a.example, b.example]}}",
    },
    (c) => laneRules(c, "CLC").network,
    ["a.example"],
  ],
  ["notify.command: b c", { wanted: "notify: {command: [b, c]}" }, (c) => c.notify.command, []],
])("a tree that asks for more does not get it, and the wish is told: %s", (told, wish, pick, expected) => {
  const { config, pending } = hold(wish);
  expect({ got: pick(config), pending }).toEqual({ got: expected, pending: [told] });
});

test("what has nothing to do with rights takes effect at once", () => {
  const wanted = read("concurrency: 9\nintake: {settleMs: 7}\ntelemetry: {keep: 1}\nlanes: {CLC: {concurrency: 3}}\n");
  const { config, pending } = holdTo(read("lanes: {CLC: {concurrency: 2}}"), wanted);
  expect({ config, pending }).toEqual({ config: wanted, pending: [] });
});

test("any configuration held to itself is itself", () => {
  const mode = fc.constantFrom(...LANE_MODES);
  const words = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,5}$/), { maxLength: 3 });
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), mode), words, words, (modes, roots, protect) => {
      const lanes = Object.fromEntries(Object.entries(modes).map(([lane, mode]) => [lane, { mode }]));
      const config = configSchema.parse({ lanes, policy: { roots, protect } });
      expect(holdTo(config, config)).toEqual({ config, pending: [] });
    }),
  );
});
