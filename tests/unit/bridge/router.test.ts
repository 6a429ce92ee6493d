/** Where the orders of a lane belong: a lane is there when the inbox or the configuration has it; none passes on twice. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BridgeFolders } from "../../../src/bridge/lanes.ts";
import { Router } from "../../../src/bridge/router.ts";
import type { LaneMode } from "../../../src/orders/lane-rules.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { fakeMachine } from "../../support/machines.ts";
import { orderIn } from "../../support/orders.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

function routerOf(folders: readonly string[], configured: Readonly<Record<string, LaneMode>> = {}): Router {
  const base = temporaryFolder();
  for (const name of folders) mkdirSync(join(base, "bridge", "inbox", name), { recursive: true });
  const modes = new Map(
    Object.entries({ entry: "route" as const, ...configured }).map(([k, v]) => [k.toLowerCase(), v]),
  );
  return new Router({
    folders: new BridgeFolders(realFiles, base, fakeMachine().userId),
    configured: () => Object.keys(configured),
    modeOf: (lane) => modes.get(lane.toLowerCase()) ?? "execute",
  });
}

const asking = (target: string) => orderIn(`target: ${target}\n`);

test("the lanes are those of the inbox, as it spells them, and those that only the configuration names", () => {
  const router = routerOf(["CLC", "ENTRY", "shell"], { clc: "hold", Sales: "execute", SECOND: "route" });
  expect(router.lanes).toEqual(["CLC", "shell", "Sales"]);
});

test.each([
  ["clc", { lane: "CLC" }],
  ["SALES", { lane: "Sales" }],
  ["lac", { lane: "ENTRY", noRoute: expect.stringContaining('"lac"') }],
  ["entry", { lane: "ENTRY", noRoute: expect.stringContaining('"entry"') }],
  ["second", { lane: "ENTRY", noRoute: expect.stringContaining('"second"') }],
])("an order that asks for %s out of a lane that passes on goes to %j", (target, way) => {
  const router = routerOf(["CLC", "ENTRY", "SECOND"], { Sales: "execute", SECOND: "route" });
  expect(router.wayOf(asking(target), "ENTRY")).toEqual(way);
});

test("in any other lane an order stays, whatever it asks for", () => {
  expect(routerOf(["CLC", "shell"]).wayOf(asking("shell"), "CLC")).toEqual({ lane: "CLC" });
});

test("without a lane to go to an order stays where it is", () => {
  expect(routerOf(["ENTRY"]).wayOf(asking("clc"), "ENTRY")).toMatchObject({ lane: "ENTRY" });
});
