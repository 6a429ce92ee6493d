/** `wo agent install` is killed at each of its steps: the next install mends what it left, and nothing runs twice. */
import { chmodSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { AgentWorld, DAEMON_LABEL, GUARDRAIL_LABEL } from "../support/agent-kit.ts";
import { put } from "../support/temporary-folder.ts";
import { type CommandEnd, ROOT } from "../support/world.ts";

const HOOK = pathToFileURL(join(ROOT, "dist-tools/tests/support/programs/die-at-rename.js")).href;

/** Install, killed before or after the rename to a name that ends like this. */
function dyingAtRename(here: AgentWorld, at: string): Promise<CommandEnd> {
  const main = join(here.checkout, "dist/bin/wo.js");
  const env = { ...here.env, WO_DIE_AT: at };
  return here.world.run([process.execPath, "--import", HOOK, main, "agent", "install"], env);
}

/** Install, killed by its launchctl: before this verb is heard, or after. */
function dyingAtVerb(here: AgentWorld, when: string, verb: string): Promise<CommandEnd> {
  const real = `'${here.launchd.launchctl}' "$@"`;
  const die = when === "before" ? "kill -9 $PPID; exit 1" : `${real}; kill -9 $PPID; exit 1`;
  const path = put(
    join(here.world.root, "launchctl"),
    `#!/bin/sh\nif [ "$1" = ${verb} ]; then ${die}; fi\nexec ${real}\n`,
  );
  chmodSync(path, 0o755);
  const main = join(here.checkout, "dist/bin/wo.js");
  return here.world.run([process.execPath, main, "agent", "install"], { ...here.env, WO_LAUNCHCTL: path });
}

async function isMended(here: AgentWorld): Promise<void> {
  await here.install();
  const status = await here.agent("status");
  expect(status, status.stdout).toMatchObject({ code: 0 });
  expect(here.copies.filter((name) => name.startsWith("."))).toEqual([]);
  const files = [DAEMON_LABEL, GUARDRAIL_LABEL].map((label) => `${label}.plist`);
  expect(readdirSync(dirname(here.plist())).toSorted()).toEqual(files);
  expect(here.launchd.processesOf(DAEMON_LABEL)).toEqual([await here.pid()]);
}

test.each([
  ["before", "/app/0.1.0", []],
  ["after", "/app/0.1.0", ["0.1.0"]],
  ["before", "/app/current", ["0.1.0"]],
  ["after", "/app/current", ["0.1.0", "current"]],
  ["before", `${DAEMON_LABEL}.plist`, ["0.1.0", "current"]],
  ["after", `${DAEMON_LABEL}.plist`, ["0.1.0", "current"]],
  ["after", `${GUARDRAIL_LABEL}.plist`, ["0.1.0", "current"]],
])("killed %s the rename to %s", async (when, name, copies) => {
  const here = await AgentWorld.make();
  expect((await dyingAtRename(here, `${when} ${name}`)).code).toBe(255);
  expect(here.copies.filter((one) => !one.startsWith("."))).toEqual(copies);
  await isMended(here);
});

test.each([
  ["before", "bootout"],
  ["before", "enable"],
  ["before", "bootstrap"],
  ["after", "bootstrap"],
])("killed %s launchctl %s", async (when, verb) => {
  const here = await AgentWorld.make();
  expect((await dyingAtVerb(here, when, verb)).code).toBe(255);
  await isMended(here);
});

test("an upgrade that was killed once the new copy was in use: the next one starts the daemon in it", async () => {
  const here = await AgentWorld.make();
  await here.install();
  const old = await here.pid();
  here.becomeVersion("0.2.0");
  expect((await dyingAtRename(here, "after /app/current")).code).toBe(255);
  expect(await here.pid()).toBe(old);
  await isMended(here);
  expect(await here.pid()).not.toBe(old);
});

test("an upgrade that was killed between stopping and starting: the next one starts it", async () => {
  const here = await AgentWorld.make();
  await here.install();
  here.becomeVersion("0.2.0");
  expect((await dyingAtVerb(here, "before", "kickstart")).code).toBe(255);
  await here.ctl("bootout", here.target);
  await isMended(here);
});
