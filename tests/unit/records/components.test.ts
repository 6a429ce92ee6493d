/** What is guarded, and what has drifted, as the ledger tells it. */
import { expect, test } from "vitest";
import { type Components, foldComponents, movedComponents, NO_COMPONENTS } from "../../../src/records/components.ts";
import type { Event } from "../../../src/records/events.ts";
import { factsSchema, foldFacts, NO_FACTS } from "../../../src/records/facts.ts";
import { chainOf } from "../../support/events.ts";

const BASE = { path: "/home/u/base", home: "/home/u" };
const image = (text: string) => ({ sha256: `sha of ${text}`, size_bytes: text.length, mode: 0o755, content: { text } });
const file = (path: string, text = "x") => ({ path, kind: "file" as const, owner: 501, ...image(text) });
const accepted = (...components: ReturnType<typeof file>[]): Event => {
  return { event: "components_accepted", by: "me", why: "", components };
};
const drifted = (missing: string): Event => ({
  event: "wo_pipeline_drift",
  missing,
  reason: "missing",
  message: "gone",
});
const healed = (path: string, restored: boolean): Event => ({ event: "wo_pipeline_healed", path, what: "", restored });
const applied = (components: Extract<Event, { event: "patch_applied" }>["components"]): Event => {
  return {
    event: "patch_applied",
    wo_id: "WO-1",
    lane: "CLC",
    attempt: 1,
    changed: 1,
    ...(components && { components }),
  };
};

function after(...events: readonly Event[]): Components {
  return chainOf(events).reduce((components, { entry }) => foldComponents(components, entry), NO_COMPONENTS);
}

test("what somebody accepted is guarded as it was then, and as it was last accepted", () => {
  const { guarded } = after(accepted(file("a"), file("b")), accepted(file("a", "new")));
  expect(Object.keys(guarded)).toEqual(["a", "b"]);
  expect(guarded["a"]).toMatchObject({ kind: "file", mode: 0o755, by: "me", sizeBytes: 3, content: { text: "new" } });
});

test("what is released is guarded no more, and its drift is over", () => {
  const released: Event = { event: "components_released", by: "me", why: "", paths: ["a"] };
  expect(after(accepted(file("a"), file("b")), drifted("a"), drifted("b"), released)).toMatchObject({
    guarded: { b: {} },
    drifts: { b: { reason: "missing" } },
  });
  expect(after(accepted(file("a")), drifted("a"), healed("a", true), released)).toEqual(NO_COMPONENTS);
});

test("a drift lasts from when it was first told until it is healed, however often it is told", () => {
  const again: Event = { event: "wo_pipeline_drift", missing: "a", reason: "moved", message: "m", since: "2026-01-01" };
  const { drifts } = after(accepted(file("a")), drifted("a"), again);
  expect(drifts["a"]).toMatchObject({ reason: "moved", since: "2026-01-01" });
  expect(after(accepted(file("a")), drifted("a"), healed("a", false))).toMatchObject({ drifts: {}, heals: {} });
});

test("the newest five times at which a component was put back are known", () => {
  const often = Array.from({ length: 7 }, () => healed("a", true));
  expect(after(accepted(file("a")), ...often).heals["a"]).toHaveLength(5);
});

test("an order that writes a guarded file says what it has to be from then on; others it does not guard", () => {
  const plan = [
    { root: ".", path: "a", after: image("by order") },
    { root: ".", path: "other", after: image("x") },
    { root: "/elsewhere", path: "a", after: image("x") },
  ];
  const moved = movedComponents(after(accepted(file("a"))), BASE, plan);
  expect(moved).toEqual([{ path: "a", ...image("by order") }]);
  expect(after(accepted(file("a")), applied(moved)).guarded).toMatchObject({
    a: { content: { text: "by order" }, by: "WO-1", owner: 501 },
  });
  expect(after(applied(moved)).guarded).toEqual({});
});

test("the same of a LaunchAgent, whose plan leads from the home on", () => {
  const name = "~/Library/LaunchAgents/x.plist";
  const before = after(accepted(file(name)));
  const planFrom = (root: string) => [{ root, path: "Library/LaunchAgents/x.plist", after: image("by order") }];
  expect(movedComponents(before, BASE, planFrom(BASE.home))).toEqual([{ path: name, ...image("by order") }]);
  expect(movedComponents(before, BASE, planFrom("."))).toEqual([]);
});

test("an order that takes a guarded file away releases it", () => {
  const before = after(accepted(file("a")));
  const moved = movedComponents(before, BASE, [{ root: ".", path: "a" }]);
  expect(moved).toEqual([{ path: "a" }]);
  expect(after(accepted(file("a")), drifted("a"), applied(moved))).toEqual(NO_COMPONENTS);
});

test("facts from before there were components are read, and stay as they are by what is about none", () => {
  expect(factsSchema.parse(JSON.parse(JSON.stringify(NO_FACTS)))).toEqual(NO_FACTS);
  const [first] = chainOf([applied(undefined)]);
  expect(first && foldFacts(NO_FACTS, first)).toBe(NO_FACTS);
  const facts = chainOf([accepted(file("a")), drifted("a")]).reduce(foldFacts, NO_FACTS);
  expect(factsSchema.parse(JSON.parse(JSON.stringify(facts)))).toEqual(facts);
});
