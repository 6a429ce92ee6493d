/** What becomes of an order in its lane: refused before it waits, waiting before it runs. */
import { expect, test } from "vitest";
import { COMPARED_LENGTH } from "../../../src/orders/command-patterns.ts";
import { DEFAULT_GUARDS, type Guards, judge, type LaneRules, type Verdict } from "../../../src/orders/lane-rules.ts";
import { leastCpuMs } from "../../support/cpu.ts";
import { orderIn } from "../../support/orders.ts";

const FILES = "files: {a: x}\n";
const COMMANDS = "steps: [{run: ls}]\n";
const CHECK = "files: {a: x}\npost_verify: [test -f a]\n";
const PROSE = "title: look\n";
const HERE = { backlog: false, fromGit: false, signed: false };

const say = (verdict: Verdict): string =>
  ({
    run: () => "run",
    wait: () => `wait ${verdict.kind === "wait" ? verdict.reason : ""}`,
    refuse: () => `refuse ${verdict.kind === "refuse" ? verdict.refusals[0]?.code : ""}`,
  })[verdict.kind]();

test.each<[LaneRules["mode"], string, Partial<typeof HERE>, string]>([
  ["execute", FILES, {}, "run"],
  ["execute", COMMANDS, {}, "run"],
  ["execute", PROSE, {}, "wait assignee"],
  ["execute", FILES, { backlog: true }, "wait backlog"],
  ["execute", COMMANDS, { backlog: true, fromGit: true }, "wait backlog"],
  ["execute", PROSE, { backlog: true }, "wait backlog"],
  ["execute", COMMANDS, { fromGit: true }, "wait from_git"],
  ["execute", CHECK, { fromGit: true }, "wait from_git"],
  ["execute", FILES, { fromGit: true }, "run"],
  ["execute", `wo_id: A\n${COMMANDS}`, { fromGit: true, signed: true }, "run"],
  ["execute", COMMANDS, { fromGit: true, signed: true }, "wait from_git"],
  ["files-only", FILES, {}, "run"],
  ["files-only", FILES, { fromGit: true }, "run"],
  ["files-only", COMMANDS, {}, "refuse lane_refuses_commands"],
  ["files-only", CHECK, {}, "refuse lane_refuses_commands"],
  ["files-only", COMMANDS, { backlog: true }, "refuse lane_refuses_commands"],
  ["files-only", PROSE, {}, "wait assignee"],
  ["hold", FILES, {}, "wait held_lane"],
  ["hold", PROSE, {}, "wait held_lane"],
  ["hold", FILES, { backlog: true }, "wait backlog"],
  ["route", FILES, {}, "wait no_route"],
  ["route", COMMANDS, {}, "wait no_route"],
  ["route", PROSE, {}, "wait no_route"],
  ["route", COMMANDS, { fromGit: true }, "wait from_git"],
  ["route", FILES, { backlog: true }, "wait backlog"],
])("in a lane of mode %s, %j from %j comes to: %s", (mode, text, origin, expected) => {
  expect(say(judge(orderIn(text), { mode, guards: DEFAULT_GUARDS, signature: "off" }, { ...HERE, ...origin }))).toBe(
    expected,
  );
});

const runs = (command: string) =>
  say(
    judge(
      orderIn(JSON.stringify({ steps: [{ run: command }] })),
      { mode: "execute", guards: DEFAULT_GUARDS, signature: "off" },
      HERE,
    ),
  ) === "run";

test.each([
  "rm -rf /",
  "rm -fr /",
  "rm -r -f /",
  "rm -Rf /*",
  "rm -rf ~",
  "rm -rf ~/",
  'rm -rf "$HOME"',
  "rm -rf ${HOME}/*",
  "rm -rf -- /",
  "cd /tmp && rm -rf / ; ls",
  "sudo rm -rf / --no-preserve-root",
  "mkfs.ext4 /dev/sda1",
  "diskutil eraseDisk JHFS+ X disk2",
  "dd if=/dev/zero of=/dev/disk2",
  ":(){ :|:& };:",
  "true; shutdown -h now",
  "make && sudo reboot",
  "shutdown -h now",
  "reboot",
  "make\nreboot",
  "rm --recursive --force /",
])("%j is refused in every lane", (command) => {
  expect(runs(command)).toBe(false);
});

test.each([
  "rm -rf ./build",
  "rm -rf /tmp/x",
  "rm -rf ~/x",
  "rm -f /",
  "rm a.txt",
  "rm -rf node_modules dist",
  "dd if=a of=/dev/null",
  "dd if=/dev/zero of=image.bin",
  "echo shutdown at five",
  "grep reboot log.txt",
  "alarm -rf /",
])("%j runs", (command) => {
  expect(runs(command)).toBe(true);
});

test.each(["steps: [{skill: bash, args: [-c, rm -rf /]}]\n", "post_verify: [rm -rf /]\n", "cmd: rm -rf /\n"])(
  "%j is refused however it is asked for, and the refusal names it",
  (text) => {
    const verdict = judge(
      orderIn(text),
      { mode: "hold", guards: DEFAULT_GUARDS, signature: "off" },
      { ...HERE, backlog: true, fromGit: true },
    );

    expect(verdict).toMatchObject({ kind: "refuse", refusals: [{ code: "command_refused" }] });
    expect(verdict.kind === "refuse" && verdict.refusals[0]?.message).toContain("rm -rf /");
  },
);

test.each([
  ["rm with flags without end", `rm ${"-r ".repeat(40_000)}x`],
  ["rm with one flag without end", `rm -${"r".repeat(120_000)}!`],
  ["dd without end", "dd ".repeat(40_000)],
  ["quotes without end", `rm ${"'".repeat(120_000)}`],
  ["commands without end", "rm;".repeat(40_000)],
])("judging %s is quick: its time grows with its length, not with the square of it", (_what, run) => {
  const order = orderIn(JSON.stringify({ steps: [{ run }] }));
  const cost = leastCpuMs(() => judge(order, { mode: "execute", guards: DEFAULT_GUARDS, signature: "off" }, HERE));
  // Some ten milliseconds; squared it took seconds.
  expect(cost).toBeLessThan(150);
});

const guarded = (guards: Partial<Guards>, text: string) =>
  judge(orderIn(text), { mode: "execute", guards: { ...DEFAULT_GUARDS, ...guards }, signature: "off" }, HERE);
const refusal = (guards: Partial<Guards>, text: string) => {
  const verdict = guarded(guards, text);
  return verdict.kind === "refuse" ? verdict.refusals[0] : undefined;
};

const TWO_FILES = "files: {a: '123', b: 'äö'}\n";
const TWO_COMMANDS = "steps: [{run: ls}]\npost_verify: [test -f a]\n";
const EDIT = "edits: [{path: a, find: x, after: '12345'}]\n";

test.each<readonly [Partial<Guards>, string, string | undefined, string]>([
  [{ maxFiles: 1 }, TWO_FILES, "too_many_files", "2 file actions, this lane allows 1"],
  [{ maxFiles: 2 }, TWO_FILES, undefined, ""],
  [{ maxFiles: 0 }, COMMANDS, undefined, ""],
  [{ maxCommands: 1 }, TWO_COMMANDS, "too_many_commands", "2 commands, this lane allows 1"],
  [{ maxCommands: 2 }, TWO_COMMANDS, undefined, ""],
  [{ maxFileBytes: 3 }, TWO_FILES, "file_too_large", "writes 4 bytes, this lane allows 3"],
  [{ maxFileBytes: 4 }, TWO_FILES, undefined, ""],
  [{ maxFileBytes: 4 }, EDIT, "file_too_large", "writes 5 bytes, this lane allows 4"],
])("under the caps %j the order %j is refused as %s", (guards, text, code, says) => {
  const problem = refusal(guards, text);
  expect(problem?.code).toBe(code);
  expect(problem?.message ?? "").toContain(says);
});

const DENIED = { deny: [{ pattern: "git push *", reason: "pushing is for people" }], allow: [] };

test("a refused command is told with its step, the pattern and the reason", () => {
  const text = "steps: [{run: ls}, {name: publish, run: 'make && git push'}]\n";
  expect(refusal({ commands: DENIED }, text)).toMatchObject({
    code: "command_refused",
    message: 'the command "publish" is refused: it matches "git push *": pushing is for people',
    at: ["steps", 1],
  });
});

test("checks are held to the patterns as well, and dry runs, and orders that would wait", () => {
  for (const text of ["post_verify: [git push]\n", "dry_run: true\nsteps: [{run: git push}]\n"])
    expect(refusal({ commands: DENIED }, text)?.code).toBe("command_refused");
  const held = { mode: "hold", guards: { ...DEFAULT_GUARDS, commands: DENIED }, signature: "off" } as const;
  expect(say(judge(orderIn("steps: [{run: git push}]"), held, HERE))).toBe("refuse command_refused");
});

test("what is never run is not run because it is allowed", () => {
  const commands = { deny: [], allow: [[{ pattern: "*", reason: "all" }]] };
  expect(refusal({ commands }, "steps: [{run: sudo rm -rf /}]")?.message).toContain("everything below /");
  expect(guarded({ commands }, COMMANDS).kind).toBe("run");
});

test("commands too long to be compared are refused where patterns are given, and only there", () => {
  const text = `steps: [{run: "echo ${"x".repeat(COMPARED_LENGTH)}"}]`;
  expect(refusal({ commands: DENIED }, text)?.message).toContain("compared");
  expect(guarded({}, text).kind).toBe("run");
});

test.each([
  ["unsigned", FILES, {}, "refuse unsigned"],
  ["unsigned, one of them from before", FILES, { backlog: true }, "refuse unsigned"],
  ["signed", `wo_id: A\n${FILES}`, { signed: true }, "run"],
  ["signed, without an id of their own", FILES, { signed: true }, "refuse bad_id"],
])(
  "in a lane that takes signed orders only, orders that are %s come to what they have to",
  (_what, text, origin, expected) => {
    const rules = { mode: "execute", guards: DEFAULT_GUARDS, signature: "required" } as const;
    expect(say(judge(orderIn(text), rules, { ...HERE, ...origin }))).toBe(expected);
  },
);

test("a signature that does not hold for all of an order is told every reason, and its commands wait where git has them", () => {
  const text = "lpe_patch_file: ops/a.yaml\nsteps: [{run: ls}]\n";
  const rules = { mode: "execute", guards: DEFAULT_GUARDS, signature: "required" } as const;
  const verdict = judge(orderIn(text), rules, { ...HERE, signed: true });
  const told = verdict.kind === "refuse" ? verdict.refusals.map(({ code, at }) => [code, at?.join(".")]) : [];
  expect(told).toEqual([
    ["bad_id", undefined],
    ["unsigned_operations", "lpe_patch_file"],
  ]);
  const free = { ...rules, signature: "off" } as const;
  const fromGit = { ...HERE, fromGit: true, signed: true };
  expect(say(judge(orderIn(`wo_id: A\n${text}`), free, fromGit))).toBe("wait from_git");
  expect(say(judge(orderIn(`wo_id: A\nlpe_patch_file_sha256: ${"a".repeat(64)}\n${text}`), free, fromGit))).toBe("run");
});

test("everything that a lane has against an order is told, each at the action that it is about", () => {
  const text = `
files: {a: "12345", b: "1", c: "123456"}
steps: [{name: one, run: "git push; git push -f"}, {run: ls}, {name: three, run: "rm -rf /; reboot; npm ci && npm t"}]
`;
  const guards = {
    ...DEFAULT_GUARDS,
    maxFiles: 2,
    maxFileBytes: 4,
    maxCommands: 2,
    commands: { deny: DENIED.deny, allow: [[{ pattern: "l*", reason: "it looks" }]] },
  };
  const verdict = judge(orderIn(text), { mode: "files-only", guards, signature: "required" }, HERE);
  const told = verdict.kind === "refuse" ? verdict.refusals.map(({ code, at }) => [code, at?.join(".")]) : [];
  expect(told).toEqual([
    ["unsigned", undefined],
    ["lane_refuses_commands", "steps.0"],
    ["command_refused", "steps.0"],
    ["command_refused", "steps.0"],
    ["command_refused", "steps.2"],
    ["command_refused", "steps.2"],
    ["command_refused", "steps.2"],
    ["too_many_files", "files.c"],
    ["too_many_commands", "steps.2"],
    ["file_too_large", "files.a"],
    ["file_too_large", "files.c"],
  ]);
  const words = verdict.kind === "refuse" ? verdict.refusals.map(({ message }) => message).join("\n") : "";
  expect(words).toMatch(/"three" is refused: it removes everything below[^]*"three" is refused: it stops the machine/);
  expect(words).toContain('"rm -rf /", "reboot", "npm ci", "npm t" match nothing that is allowed: "l*" (it looks)');
});

test("a signature that does not count is told in place of one that is missing", () => {
  const rules = { mode: "execute", guards: DEFAULT_GUARDS, signature: "required" } as const;
  const fault = { code: "bad_signature", message: "it is another file's" } as const;
  expect(judge(orderIn(FILES), rules, { ...HERE, fault })).toEqual({ kind: "refuse", refusals: [fault] });
  expect(judge(orderIn(FILES), { ...rules, signature: "off" }, { ...HERE, fault })).toEqual({ kind: "run" });
});

test("commands too long to be compared are told at the first that is too much", () => {
  const run = `echo ${"x".repeat(COMPARED_LENGTH / 2)}`;
  const text = JSON.stringify({ steps: [{ run }, { run }, { run: "rm -rf /" }] });
  const verdict = guarded({ commands: DENIED }, text);
  expect(verdict.kind === "refuse" && verdict.refusals.map(({ at }) => at)).toEqual([
    ["steps", 2],
    ["steps", 1],
  ]);
});
