/** Real orders of real people, where they are at hand: each is dropped alone, and comes to rest as a correct reader has it. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { ordinaryWorld } from "../support/ordinary-world.ts";
import { asRecord, SAMPLES, until, type World } from "../support/world.ts";

interface Expected {
  readonly status: string;
  readonly id?: string;
  /** In its last error, its finding, or the message of its first problem. */
  readonly says?: RegExp;
  /** Files below the base that it leaves, besides the machinery's own. */
  readonly leaves?: readonly string[];
  /** What has to be there before. */
  readonly before?: Readonly<Record<string, string>>;
}

const WAITS: Expected = { status: "waiting", leaves: [] };

const TABLE: readonly (readonly [string, Expected])[] = [
  ["49718cd9a7c7", { status: "failed", says: /^conflict: .*tools\/hub_http\.zsh does not exist/, leaves: [] }],
  ["0555fc8e3ef4", { status: "done", leaves: ["g/src/antigravity/TEST_LAC_WO.txt"] }],
  ["e22e644de0f7", { status: "rejected", says: /bridge/, leaves: [] }],
  ["30b273b3d8e7", { status: "rejected", says: /cannot be an id/, leaves: [] }],
  ["5d899f5d91dd", { status: "failed", says: /^conflict: .*does not exist/, leaves: [] }],
  ["63aa4b49dce0", { status: "planned", leaves: [] }],
  ["d6e208711301", { status: "planned", leaves: [] }],
  ["3f87dcc130be", { status: "planned", leaves: [] }],
  ["4e4f2034067f", { status: "failed", says: /^check_failed: .*is not there/, leaves: [] }],
  [
    "ed689f98e912",
    {
      status: "failed",
      id: "ed689f98e912--WO-DEPLOY-LIGHTRAG",
      says: /^check_failed: environment\.required/,
      leaves: [],
    },
  ],
  ["31c375933718", { status: "done", leaves: [] }],
  ["6b9452df8df1", { status: "done", leaves: [] }],
  ["9625e51b912a", { status: "done", id: "001", leaves: ["g/tmp/hello.txt"] }],
  ["2d207d3019c2", { status: "failed", says: /^command_failed: /, leaves: [] }],
  ["0f8d13c15903", { status: "rejected", says: /refused/, leaves: [] }],
  ["fd565fc0c794", { status: "rejected", leaves: [] }],
  ["dc50ed890638", WAITS],
  ["0497f465c01e", WAITS],
  ["99b6d3b80f46", WAITS],
  ["1d54a78b9bf5", WAITS],
  ["b7d3a75a2d51", WAITS],
  ["d22eefac27d2", WAITS],
  ["ed61d10b59d6", WAITS],
  ["8134ff850693", WAITS],
  ["3ccc309bb241", WAITS],
];

/** Kept by the bridge itself. */
const OWN =
  /^(?:bridge\/|g\/followup\/|g\/telemetry\/|logs\/|apps\/dashboard\/|g\/apps\/dashboard\/|\.wo-base|wo-bridge\.yaml)/;

test("where the folder of real orders is there, it is not empty", ({ skip }) => {
  if (!existsSync(SAMPLES)) return skip("NOT TESTED HERE: the real orders are not at hand");
  expect(readdirSync(SAMPLES).length).toBeGreaterThan(20);
});

test.for(TABLE)("the real order %s comes to rest as it should", async ([name, expected], { skip }) => {
  const world = await ordinaryWorld();
  if (world === undefined) return skip("NOT TESTED HERE: no ordinary user can be had");
  if (!world.dropSample(name)) return skip("NOT TESTED HERE: the real orders are not at hand");
  const end = await restOf(world);

  expect(end).toMatchObject({ status: expected.status, ...(expected.id === undefined ? {} : { id: expected.id }) });
  if (expected.says !== undefined) expect(end.says).toMatch(expected.says);
  expect(leftIn(world)).toEqual(expected.leaves ?? []);
});

/** Files below the base that are not the bridge's own; its own come and go meanwhile. */
function leftIn(world: World): string[] {
  const tops = world.list("").filter((name) => name !== "bridge");
  const files = tops.flatMap((top) => {
    if (!statSync(world.path(top)).isDirectory()) return [top];
    const below = readdirSync(world.path(top), { recursive: true, withFileTypes: true });
    return below.flatMap((entry) => (entry.isFile() ? [relative(world.base, join(entry.parentPath, entry.name))] : []));
  });
  return files.filter((path) => !OWN.test(path)).toSorted();
}

/** How the one order of the world ended: by its state file, or by the problems that lie beside it. */
async function restOf(world: World): Promise<{ readonly status: string; readonly id: string; readonly says: string }> {
  let end: { readonly status: string; readonly id: string; readonly says: string } | undefined;
  await until(
    () => {
      end = rejected(world) ?? rested(world);
      return end !== undefined;
    },
    20_000,
    "the order is at rest",
  );
  return end ?? { status: "", id: "", says: "" };
}

function rejected(world: World) {
  const name = world.list("bridge/error/CLC").find((one) => one.endsWith(".error.json"));
  if (name === undefined) return undefined;
  const { problems } = asRecord(JSON.parse(world.read(`bridge/error/CLC/${name}`) ?? ""));
  const [first] = Array.isArray(problems) ? problems : [];
  return { status: "rejected", id: "", says: String(asRecord(first)["message"]) };
}

function rested(world: World) {
  const name = world.list("g/followup/state").find((one) => one.endsWith(".json"));
  const state = name === undefined ? {} : asRecord(JSON.parse(world.read(`g/followup/state/${name}`) ?? ""));
  const status = String(state["status"]);
  if (!["done", "failed", "waiting", "planned", "canceled"].includes(status)) return undefined;
  return { status, id: String(state["id"]), says: String(state["last_error"]) };
}
