/** Which lanes an order asks for, in every shape that people write it in; what is no name is passed over. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { findLane, laneNamed, readRoute } from "../../../src/orders/routing.ts";
import { orderIn } from "../../support/orders.ts";
import { errorOf, valueOf } from "../../support/results.ts";

const none = { candidates: [] };

test.each<[string, object]>([
  ["title: x", none],
  ["target: clc", { candidates: ["clc"] }],
  ["target: ' clc '", { candidates: ["clc"] }],
  ["target: ''", none],
  ["target: 7", none],
  ["target: [clc]", none],
  ["target: {lane: clc}", none],
  ["target_candidates: [clc, shell]", { candidates: ["clc", "shell"] }],
  ["target_candidates: clc, shell", { candidates: ["clc", "shell"] }],
  ["target_candidates: [clc, 7, [a], {b: c}, null, shell]", { candidates: ["clc", "shell"] }],
  ["target_candidates: true", none],
  ["route_hints: shell", { candidates: ["shell"] }],
  ["route_hints: shell, clc", { candidates: ["shell", "clc"] }],
  ["route_hints: [shell, clc]", { candidates: ["shell", "clc"] }],
  ["route_hints: {preferred_executor: lac, fallback_order: [clc, shell]}", { candidates: ["lac", "clc", "shell"] }],
  ["route_hints: {fallback_order: 'clc, shell'}", { candidates: ["clc", "shell"] }],
  ["route_hints: {preferred_executor: [lac], other: clc}", none],
  ["route_hints: 3", none],
  ["assignee: CLC", { candidates: ["CLC"] }],
  ["assignee: [CLC]", none],
  [
    "assignee: e\nroute_hints: {preferred_executor: c, fallback_order: [d]}\ntarget_candidates: [b]\ntarget: a",
    { candidates: ["a", "b", "c", "d", "e"] },
  ],
  ["target: clc\ntarget_candidates: [CLC, shell]", { candidates: ["clc", "shell"] }],
  ["strict_target: CLC", { strict: "CLC", candidates: [] }],
  ["strict_target: CLC\ntarget: shell", { strict: "CLC", candidates: ["shell"] }],
  ["strict_target: true\ntarget: clc", { strict: "clc", candidates: ["clc"] }],
  ["strict_target: yes\ntarget: clc", { strict: "clc", candidates: ["clc"] }],
  ["strict_target: true\nassignee: clc", { candidates: ["clc"] }],
  ["strict_target: false\ntarget: clc", { candidates: ["clc"] }],
  ["strict_target: 'No'\ntarget: clc", { candidates: ["clc"] }],
  ["strict_target: {lane: clc}\ntarget: shell", { candidates: ["shell"] }],
])("%j asks for %j", (text, route) => {
  expect(orderIn(`${text}\n`).route).toEqual(route);
});

test("whatever stands in these keys, the order is read, and asks for few lanes by texts", () => {
  const keys = ["target", "strict_target", "target_candidates", "route_hints", "assignee"];
  const hints = fc.record({ preferred_executor: fc.jsonValue(), fallback_order: fc.jsonValue() });
  const values = fc.oneof(fc.jsonValue(), hints, fc.array(fc.string(), { maxLength: 50 }));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), values), (data) => {
      const { strict = "x", candidates } = readRoute(data);
      expect([strict, ...candidates].every((name) => name.trim() === name && name !== "")).toBe(true);
      expect(candidates.length).toBeLessThanOrEqual(20);
    }),
  );
});

test("of many names the first twenty are taken", () => {
  const names = Array.from({ length: 30 }, (_, index) => `L${index}`);
  expect(readRoute({ target: "T", target_candidates: names, route_hints: names.map((name) => `H${name}`) })).toEqual({
    candidates: ["T", ...names.slice(0, 19)],
  });
});

const LANES = ["CLC", "Shell", "clc", "naïve"];

test.each<[string, object, string]>([
  ["the first that there is", { candidates: ["lac", "shell", "CLC"] }, "Shell"],
  ["its own spelling, where both are there", { candidates: ["clc"] }, "clc"],
  ["whatever the case", { candidates: ["cLc"] }, "CLC"],
  ["however an accent is composed", { candidates: ["NAI\u0308VE"] }, "naïve"],
  ["the strict one before any other", { strict: "shell", candidates: ["CLC"] }, "Shell"],
])("an order gets %s", (_what, route, lane) => {
  expect(valueOf(findLane({ candidates: [], ...route }, LANES))).toBe(lane);
});

test.each<[object, readonly string[], string]>([
  [{}, ["CLC", "LAC"], "it names no lane; it can be passed on to CLC, LAC"],
  [{ candidates: ["foo"] }, ["CLC"], 'it asks for "foo"; it can be passed on to CLC'],
  [{ candidates: ["foo", "bar"] }, ["CLC"], 'it asks for "foo" or "bar"; it can be passed on to CLC'],
  [{ strict: "foo", candidates: ["CLC"] }, ["CLC"], 'it asks for "foo" and no other; it can be passed on to CLC'],
  [{ candidates: ["clcc"] }, ["CLC"], 'it asks for "clcc"; it can be passed on to CLC (did you mean CLC?)'],
  [{ candidates: ["foo"] }, [], 'it asks for "foo"; there is no lane that it can be passed on to'],
])("%j among %j: %s", (route, lanes, message) => {
  expect(errorOf(findLane({ candidates: [], ...route }, lanes))).toBe(message);
});

test("a message names ten lanes at most, cuts long names and shows nothing that moves a terminal", () => {
  const lanes = Array.from({ length: 12 }, (_, index) => `L${index}`);
  const message = errorOf(findLane({ candidates: [`a\u001b[2J\ud800${"x".repeat(1000)}`] }, lanes));
  expect(message).toContain("L9 and 2 more");
  expect(message.length).toBeLessThan(200);
  expect(message).toMatch(/^[\P{Cc}]*$/u);
  expect(message.isWellFormed()).toBe(true);
});

test("a name is a lane's only as a whole", () => {
  expect(["CL", "CLC2", "../CLC", "bridge/inbox/CLC", ""].map((name) => laneNamed(name, LANES))).toEqual(
    Array.from({ length: 5 }, () => undefined),
  );
});
