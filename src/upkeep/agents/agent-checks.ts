/**
 * What a doctor looks at where launchd keeps the daemon: the files of its agents, what they run, what launchd has loaded of
 * them, and how that ended. Needs no daemon, and no base that can be read: only where it lies.
 */
import { thisNode } from "../../platform/self.ts";
import type { Check, Finding } from "../doctor.ts";
import type { AgentPatient, Looked } from "./agent-patient.ts";
import type { AgentSpec } from "./agent-spec.ts";
import { type AgentState, agentFile, agentState, plistPath } from "./agent-state.ts";
import { endFindings } from "./end-checks.ts";
import { jobFindings } from "./job-checks.ts";
import { nodeOf, ownAgents } from "./own-agents.ts";
import { plistFindings } from "./plist-checks.ts";
import { stableNode } from "./stable-node.ts";
import { toolFindings } from "./tool-checks.ts";

const NOT_HERE: Finding = { mark: "not_here", seen: "no launchd on this machine: agents are not looked at" };

const ABOUT: readonly (readonly [keyof typeof LOOKS, readonly string[], string])[] = [
  [
    "launchd",
    [],
    "Whether there is a launchd, and a session of this user at the screen in it. Agents live in that session: who comes by SSH, or as root, does not see them. Then: log in at the screen, and ask there.",
  ],
  [
    "plists",
    ["state", "launchd"],
    "The property lists of the two agents in ~/Library/LaunchAgents: real files, yours, writable by nobody else, under their own label; and what `wo agent lint` finds in them: the way to the script that is really run, each Node and interpreter on it, logs, folders that macOS protects, restarts, secrets. Mend what it names, or write them anew: wo agent install.",
  ],
  [
    "tools",
    ["plists"],
    "The Node that the agent is given, against the one that it was made for; the wo-bridge that it starts, against this one; and whether git, sh and what else the work needs are on the agent's own PATH, which is not yours. Install what is missing, or write the agent anew: wo agent install.",
  ],
  [
    "jobs",
    ["launchd", "plists"],
    "What launchd has loaded, against the files: not loaded, switched off, another text than the file's, a second file or a second domain with the same label, a daemon that launchd does not keep. Load it: wo agent install, or the command shown.",
  ],
  [
    "ends",
    ["locks", "config", "plists", "tools", "jobs"],
    "How an agent ended last, and whether it ends again and again: 78 launchd could not start it (log, program), 127 a shell did not find the program, 126 it may not be executed (rights, or a folder that macOS protects), signals. The end of its own log is shown; launchd's own, which takes seconds to read, where there is time for it: wo doctor --check ends",
  ],
];

const LOOKS = {
  launchd: sessionFindings,
  plists: plistFindings,
  tools: toolFindings,
  jobs: jobFindings,
  ends: endFindings,
} as const satisfies Readonly<Record<string, (looked: Looked) => Promise<readonly Finding[]>>>;

/** In the order in which one rests on the other. */
export function agentChecks(ground: AgentPatient): readonly Check[] {
  const looked = lookedAt(ground);
  return ABOUT.map(([code, restsOn, about]) => ({
    code,
    restsOn,
    about,
    look: async () => (looked === undefined ? [NOT_HERE] : LOOKS[code](looked)),
  }));
}

function lookedAt(ground: AgentPatient): Looked | undefined {
  const { files, machine, launchctl } = ground;
  if (launchctl === undefined) return undefined;
  const basePath = files.realPath(ground.basePath) ?? ground.basePath;
  const { home, stateRoot, userId } = machine;
  const { path, version } = thisNode();
  const now = stableNode(path, version, (one) => files.realPath(one) !== undefined);
  // Which Node it is given is another question: one that was installed with another Node has not drifted by that.
  const asGiven = (spec: AgentSpec) => {
    const file = agentFile({ files, home, userId }, spec);
    const given = file.kind === "ours" ? nodeOf(file.spec) : undefined;
    return (
      ownAgents({ home, stateRoot, base: basePath, node: given ?? now }).find(({ label }) => label === spec.label) ??
      spec
    );
  };
  const wanted = ownAgents({ home, stateRoot, base: basePath, node: now }).map(asGiven);
  let states: Promise<readonly AgentState[]> | undefined;
  const tools = { files, launchctl, home, userId };
  return {
    ...ground,
    basePath,
    launchctl,
    wanted,
    states: () => (states ??= Promise.all(wanted.map((spec) => agentState(tools, spec)))),
  };
}

async function sessionFindings({ launchctl, machine, files, wanted }: Looked): Promise<readonly Finding[]> {
  const session = await launchctl.session();
  const sudo = machine.userId === 0 ? machine.env["SUDO_USER"] : undefined;
  if (sudo !== undefined)
    return [
      {
        mark: "unknown",
        seen: `asked as root, and the agents are those of ${sudo}`,
        next: `ask as ${sudo}, without sudo`,
      },
    ];
  if (session?.kind === "no session") {
    const next = "log in at the screen and ask there (over SSH agents are not seen)";
    return [{ mark: "unknown", seen: `nobody is logged in at the screen: ${session.said}`, next }];
  }
  if (session !== undefined)
    return [{ mark: "unknown", seen: session.said, next: `${launchctl.program} print ${launchctl.domain}` }];
  const isInstalled = wanted.some(({ label }) => files.info(plistPath(machine.home, label)) !== undefined);
  const seen = `${launchctl.program}, ${launchctl.domain}`;
  if (isInstalled) return [{ mark: "ok", seen }];
  const none = "no agent is installed: nobody starts the daemon at login, or again when it ends";
  return [
    { mark: "ok", seen },
    { mark: "warning", seen: none, next: "wo agent install" },
  ];
}
