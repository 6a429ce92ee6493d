/** Patterns, caps and secrets in the configuration: what a lane gets, and what a tree may change by itself. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Config, holdTo, laneRules, readConfig } from "../../../src/daemon/config.ts";
import { DEFAULT_GUARDS, type Guards, SECRET_RULES } from "../../../src/orders/lane-rules.ts";
import { errorOf, valueOf } from "../../support/results.ts";

type Json = Readonly<Record<string, unknown>>;
const read = (config: Json): Config => valueOf(readConfig(Buffer.from(JSON.stringify(config))));
const inLane = (config: Json) => laneRules(read(config), "CLC").guards;

const PUSH = { pattern: "git push *", reason: "people push" };
const NPM = { pattern: "npm *", reason: "own scripts" };
const MAKE = { pattern: "make *", reason: "build" };

test("without a word in it the limits are those of the orders themselves, and secrets are refused", () => {
  expect(inLane({})).toEqual(DEFAULT_GUARDS);
  expect(DEFAULT_GUARDS).toMatchObject({ maxFiles: 10_000, maxFileBytes: 5 * 1024 * 1024, secrets: "refuse" });
});

test.each<readonly [string, Json, Partial<Guards>]>([
  ["a cap for all", { policy: { maxFiles: 5 } }, { maxFiles: 5 }],
  ["a lane's own cap", { policy: { maxFiles: 5 }, lanes: { clc: { maxFiles: 9 } } }, { maxFiles: 9 }],
  ["another lane's cap", { lanes: { X: { maxCommands: 1 } } }, {}],
  ["a lane's word on secrets", { lanes: { CLC: { secrets: "allow" } } }, { secrets: "allow" }],
  [
    "patterns for all and for the lane",
    { policy: { commands: { deny: [PUSH], allow: [NPM] } }, lanes: { CLC: { commands: { deny: [MAKE], allow: [] } } } },
    { commands: { deny: [PUSH, MAKE], allow: [[NPM], []] } },
  ],
])("a lane gets %s", (_what, config, expected) => {
  expect(inLane(config)).toEqual({ ...DEFAULT_GUARDS, ...expected });
});

test.each<readonly [Json, string]>([
  [{ policy: { commands: { deny: ["git push"] } } }, "policy.commands.deny[0]"],
  [{ policy: { commands: { deny: [{ pattern: "x" }] } } }, "policy.commands.deny[0].reason"],
  [{ policy: { commands: { deny: [{ ...PUSH, pattern: "a  b" }] } } }, "policy.commands.deny[0].pattern"],
  [{ policy: { commands: { deny: [{ ...PUSH, pattern: " a" }] } } }, "policy.commands.deny[0].pattern"],
  [{ policy: { commands: { deny: [{ ...PUSH, pattern: "x".repeat(257) }] } } }, "policy.commands.deny[0].pattern"],
  [{ policy: { maxFiles: 10_001 } }, "policy.maxFiles"],
  [{ lanes: { CLC: { maxFileBytes: -1 } } }, "lanes.CLC.maxFileBytes"],
  [{ policy: { secrets: "maybe" } }, "policy.secrets"],
  [{ policy: { commands: { denied: [] } } }, "policy.commands.denied"],
])("the configuration %j is refused at %s", (config, key) => {
  expect(errorOf(readConfig(Buffer.from(JSON.stringify(config)))).map((problem) => problem.key)).toEqual([key]);
});

const policy = (guards: Json): Json => ({ policy: guards });
const lane = (guards: Json): Json => ({ lanes: { CLC: guards } });
const deny = (...list: readonly object[]) => ({ commands: { deny: list } });
const allow = (...list: readonly object[]) => ({ commands: { allow: list } });

test.each<readonly [string, Json, Json, Partial<Guards>]>([
  ["a lower cap", {}, policy({ maxFiles: 3 }), { maxFiles: 3 }],
  ["a lower cap of the lane", lane({ maxFiles: 5 }), lane({ maxFiles: 3 }), { maxFiles: 3 }],
  ["secrets refused", policy({ secrets: "allow" }), {}, {}],
  ["secrets refused in the lane", lane({ secrets: "allow" }), {}, {}],
  ["one more denial", policy(deny(PUSH)), policy(deny(PUSH, MAKE)), { commands: { deny: [PUSH, MAKE], allow: [] } }],
  ["a denial in the lane", {}, lane(deny(PUSH)), { commands: { deny: [PUSH], allow: [] } }],
  ["a list of what is allowed", {}, policy(allow(NPM)), { commands: { deny: [], allow: [[NPM]] } }],
  ["less that is allowed", policy(allow(NPM, MAKE)), policy(allow(MAKE)), { commands: { deny: [], allow: [[MAKE]] } }],
  [
    "another reason",
    policy(deny(PUSH)),
    policy(deny({ ...PUSH, reason: "x" })),
    { commands: { deny: [{ ...PUSH, reason: "x" }], allow: [] } },
  ],
])("a tree that asks for %s gets it at once", (_what, accepted, wanted, expected) => {
  const { config, pending } = holdTo(read(accepted), read(wanted));
  expect({ guards: laneRules(config, "CLC").guards, pending }).toEqual({
    guards: { ...DEFAULT_GUARDS, ...expected },
    pending: [],
  });
});

test.each<readonly [string, Json, Json, Partial<Guards>]>([
  ["policy.maxFiles: 3 → 4", policy({ maxFiles: 3 }), policy({ maxFiles: 4 }), { maxFiles: 3 }],
  ["policy.maxFileBytes: 3 → 5242880", policy({ maxFileBytes: 3 }), {}, { maxFileBytes: 3 }],
  ["lanes.CLC.maxCommands: 3 → 10000", lane({ maxCommands: 3 }), {}, { maxCommands: 3 }],
  [
    "lanes.CLC.maxFiles: 3 → 9",
    policy({ maxFiles: 3 }),
    { policy: { maxFiles: 3 }, ...lane({ maxFiles: 9 }) },
    { maxFiles: 3 },
  ],
  ["policy.secrets: refuse → allow", {}, policy({ secrets: "allow" }), {}],
  ["lanes.CLC.secrets: refuse → allow", {}, lane({ secrets: "allow" }), {}],
  ["policy.commands.deny: − git push *", policy(deny(PUSH)), {}, { commands: { deny: [PUSH], allow: [] } }],
  [
    "lanes.CLC.commands.deny: − git push *",
    lane(deny(PUSH)),
    lane(deny(MAKE)),
    { commands: { deny: [MAKE, PUSH], allow: [] } },
  ],
  [
    "policy.commands.allow: + make *",
    policy(allow(NPM)),
    policy(allow(NPM, MAKE)),
    { commands: { deny: [], allow: [[NPM]] } },
  ],
  [
    "lanes.CLC.commands.allow: the list is gone, everything would be allowed",
    lane(allow(NPM)),
    {},
    { commands: { deny: [], allow: [[NPM]] } },
  ],
])("a tree that asks for more does not get it, and the wish is told: %s", (told, accepted, wanted, expected) => {
  const { config, pending } = holdTo(read(accepted), read(wanted));
  expect({ guards: laneRules(config, "CLC").guards, pending }).toEqual({
    guards: { ...DEFAULT_GUARDS, ...expected },
    pending: [told],
  });
});

const patterns = fc.uniqueArray(fc.constantFrom(PUSH, NPM, MAKE), { maxLength: 3 });
const commands = fc.record({ deny: patterns, allow: patterns }, { requiredKeys: [] });
const guards = fc.record(
  {
    commands,
    maxFiles: fc.integer({ min: 0, max: 3 }),
    maxFileBytes: fc.integer({ min: 0, max: 3 }),
    maxCommands: fc.integer({ min: 0, max: 3 }),
    secrets: fc.constantFrom(...SECRET_RULES),
  },
  { requiredKeys: [] },
);
const configs = fc.record({ policy: guards, lanes: fc.dictionary(fc.constantFrom("CLC", "OTHER"), guards) });

test("any tree, held to any accepted configuration, allows a lane no more than either", () => {
  fc.assert(
    fc.property(configs, configs, fc.constantFrom("CLC", "OTHER", "THIRD"), (was, is, name) => {
      const [accepted, wanted] = [read(was), read(is)];
      const { config } = holdTo(accepted, wanted);
      const has = laneRules(config, name).guards;
      for (const { guards: most } of [laneRules(accepted, name), laneRules(wanted, name)]) {
        expect(has.maxFiles).toBeLessThanOrEqual(most.maxFiles);
        expect(has.maxFileBytes).toBeLessThanOrEqual(most.maxFileBytes);
        expect(has.maxCommands).toBeLessThanOrEqual(most.maxCommands);
        expect([has.secrets, most.secrets]).not.toEqual(["allow", "refuse"]);
        expect(has.commands.deny).toEqual(expect.arrayContaining([...most.commands.deny]));
        for (const pattern of [PUSH, NPM, MAKE]) {
          const allows = (lists: Guards["commands"]["allow"]) => lists.every((list) => list.includes(pattern));
          const names = (lists: Guards["commands"]["allow"]) =>
            lists.every((list) => list.some((one) => one.pattern === pattern.pattern));
          expect([names(has.commands.allow), names(most.commands.allow) || allows(most.commands.allow)]).not.toEqual([
            true,
            false,
          ]);
        }
      }
    }),
  );
});

test("any guards held to themselves are themselves", () => {
  fc.assert(
    fc.property(configs, (config) => {
      expect(holdTo(read(config), read(config))).toEqual({ config: read(config), pending: [] });
    }),
  );
});
