/** Writes the agents of the default base as samples: `npm run launchagents`. Another folder than launchagents/ may be named. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { launchdPlist } from "../src/upkeep/agents/launchd-plist.ts";
import { ownAgents } from "../src/upkeep/agents/own-agents.ts";

const HOME = "/Users/you";

const agents = ownAgents({
  home: HOME,
  base: join(HOME, "02luka"),
  stateRoot: join(HOME, "Library", "Application Support", "wo-bridge"),
  node: { path: "/opt/homebrew/opt/node/bin/node", version: "22.12.0" },
});
for (const agent of agents) {
  const text = launchdPlist(agent);
  if (!text.ok) throw new Error(text.error.join("; "));
  writeFileSync(join(process.argv[2] ?? "launchagents", `${agent.label}.plist`), text.value);
}
