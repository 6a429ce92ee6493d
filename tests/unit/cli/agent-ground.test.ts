/** Who may change agents, and from where. */
import { expect, test } from "vitest";
import { changeRefusal } from "../../../src/cli/agent-ground.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { Launchctl } from "../../../src/platform/launchctl.ts";
import { fakeMachine } from "../../support/machines.ts";

const files = new Files(systemDisk, systemClock);

async function refusal(userId: number, env: Readonly<Record<string, string>>): Promise<string | undefined> {
  const launchctl = Launchctl.find(files, { ...fakeMachine(), env: { WO_LAUNCHCTL: "/bin/true" } });
  if (launchctl === undefined) throw new Error("no /bin/true");
  const said = await changeRefusal({ machine: { ...fakeMachine(), userId, env } }, { tools: { launchctl } });
  return said?.code;
}

test("root may not, unless another launchctl is named; nobody may from inside of an agent", async () => {
  expect(await refusal(0, {})).toBe("root");
  expect(await refusal(501, {})).toBeUndefined();
  expect(await refusal(0, { WO_LAUNCHCTL: "/bin/true" })).toBeUndefined();
  expect(await refusal(501, { XPC_SERVICE_NAME: "com.02luka.wo-bridge" })).toBe("inside_agent");
  expect(await refusal(501, { XPC_SERVICE_NAME: "com.apple.Terminal" })).toBeUndefined();
});
