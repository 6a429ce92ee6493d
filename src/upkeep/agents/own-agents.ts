/** The agents of this program: the daemon of a base, and the look from outside at whether it is there. */
import { dirname, join } from "node:path";
import { sha256 } from "../../platform/ids.ts";
import { logFolder } from "../../platform/machine.ts";
import { AGENT_VARIABLE } from "../../platform/self.ts";
import { canonicalText } from "../../records/canonical-text.ts";
import type { AgentSpec } from "./agent-spec.ts";
import type { NodeChoice } from "./stable-node.ts";

export const DAEMON_LABEL = "com.02luka.wo-bridge";
export const GUARDRAIL_LABEL = "com.02luka.wo_pipeline_guardrail";

const REVISION_LETTERS = 12;

/** Below the state root: what all agents of ours run, whichever copy that is. */
export const PROGRAM_END = "app/current/dist/bin/wo.js";

export interface AgentGround {
  readonly home: string;
  readonly base: string;
  readonly stateRoot: string;
  readonly node: NodeChoice;
}

/** What a program finds that is not in the folder of its Node. Nothing of the user's own PATH: what is in it changes. */
const PATH_REST = [
  "/opt/homebrew/bin",
  "/opt/homebrew/sbin",
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
  "/usr/sbin",
  "/sbin",
];

/** The PATH for an agent that begins with this program. */
export function agentPath(program?: string): string {
  return [...new Set([...(program === undefined ? [] : [dirname(program)]), ...PATH_REST])].join(":");
}

/** Both, in the order in which they are installed. Their program is the installed copy, never a checkout. */
export function ownAgents(ground: AgentGround): readonly AgentSpec[] {
  const daemon: AgentSpec = {
    ...common(ground, DAEMON_LABEL, ["daemon", "run"]),
    // Ends with 0 where only a person can mend what is wrong: it must not be started again then.
    life: { kind: "stays", restart: "on_failure", throttleSec: 10 },
    priority: "interactive",
  };
  const guardrail: AgentSpec = {
    ...common(ground, GUARDRAIL_LABEL, ["guardrail", "check", "--outside"]),
    life: { kind: "every", intervalSec: 300 },
    priority: "background",
  };
  return [withRevision(daemon), withRevision(guardrail)];
}

/**
 * Which text of the property list it is: launchd shows it of what is loaded, where most other keys are not shown. That it is
 * there tells the daemon that it is watched over.
 */
export const REVISION = AGENT_VARIABLE;

function withRevision(spec: AgentSpec): AgentSpec {
  return { ...spec, env: { ...spec.env, [REVISION]: revisionOf(spec) } };
}

function revisionOf({ env, ...rest }: AgentSpec): string {
  const { [REVISION]: _own, ...others } = env;
  return sha256(canonicalText({ ...rest, env: others })).slice(0, REVISION_LETTERS);
}

/** False when somebody has changed it since this program wrote it. */
export function isAsWritten(spec: AgentSpec): boolean {
  return spec.env[REVISION] === revisionOf(spec);
}

/** The base that an agent of ours serves; undefined when it does not say. */
export function baseOf({ argv }: Pick<AgentSpec, "argv">): string | undefined {
  const flag = argv.indexOf("-C");
  return flag === -1 ? undefined : argv[flag + 1];
}

/** The Node that an agent of ours was made for; undefined when it does not say. */
export function nodeOf({ argv: [path], env }: Pick<AgentSpec, "argv" | "env">): NodeChoice | undefined {
  const { WO_NODE_VERSION: version } = env;
  return path === undefined || version === undefined ? undefined : { path, version };
}

function common({ home, base, stateRoot, node }: AgentGround, label: string, words: readonly string[]) {
  const logs = logFolder(home);
  return {
    label,
    argv: [node.path, join(stateRoot, PROGRAM_END), "-C", base, ...words],
    env: {
      PATH: agentPath(node.path),
      LANG: "en_US.UTF-8",
      LUKA_SOT: base,
      // What it was made for: whether another Node has come in its place can be told.
      WO_NODE_VERSION: node.version,
    },
    cwd: home,
    stopGraceSec: 30,
    logs: { stdout: join(logs, `${label}.out.log`), stderr: join(logs, `${label}.err.log`) },
    umask: 0o077,
  };
}
