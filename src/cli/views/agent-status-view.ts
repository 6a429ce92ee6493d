/** How the agents are, for people. */
import { plainLine, type Terminal } from "../../platform/terminal.ts";
import type { AgentState } from "../../upkeep/agents/agent-state.ts";
import { jobText } from "../agent-health.ts";
import type { AgentsStatus } from "../agent-status.ts";

interface Told {
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/** Each agent, the program and the daemon; what is wrong stands below what it is about, with what to type. */
export function statusText(terminal: Terminal, status: AgentsStatus): string {
  const { agents, program, daemon, thisVersion, problems, base } = status;
  const lines = [`Base ${plainLine(base)}`];
  for (const { state, problems: own } of agents) lines.push("", ...agentLines(terminal, state, own));
  lines.push("", terminal.paint("bold", "daemon"));
  if (daemon === undefined) lines.push("  answers   no");
  else lines.push(`  answers   pid ${daemon.pid}, wo-bridge ${daemon.version}, ${daemon.state} since ${daemon.since}`);
  const installed = program === undefined ? "none" : `${program.version}    ${plainLine(program.folder)}`;
  lines.push(`  installed ${installed}`, `  this one  ${thisVersion}`, ...problemLines(terminal, problems));
  const isWell = problems.length === 0 && agents.every(({ problems: own }) => own.length === 0);
  if (isWell) lines.push("", terminal.paint("green", "✓ all is well: launchd keeps the daemon, and it answers"));
  return lines.join("\n");
}

function agentLines(terminal: Terminal, state: AgentState, problems: readonly Told[]): readonly string[] {
  const { label, path, job, isDisabled } = state;
  const on = isDisabled === undefined ? "nobody can tell" : isDisabled ? "off" : "on";
  return [
    terminal.paint("bold", label),
    `  file      ${plainLine(path)}    ${fileText(state)}`,
    `  launchd   ${plainLine(jobText(job))}${loadedText(state)}`,
    `  switched  ${on}`,
    ...problemLines(terminal, problems),
  ];
}

function fileText({ file }: AgentState): string {
  if (file.kind === "absent") return "not there";
  if (file.kind === "foreign") return "not ours";
  if (file.isCurrent) return "as it was written";
  return file.isEdited ? "changed by hand" : "of another version";
}

const LOADED: Readonly<Record<AgentState["reload"], string>> = {
  "not needed": "; as its file is",
  needed: "; reload needed",
  "cannot tell": "; whether it is as its file is, launchd does not show",
  "not loaded": "",
};

function loadedText({ reload }: AgentState): string {
  return LOADED[reload];
}

function problemLines(terminal: Terminal, problems: readonly Told[]): readonly string[] {
  return problems.flatMap(({ code, message, next }) => [
    `  ${terminal.paint("red", "✗")} ${plainLine(message)} ${terminal.paint("dim", `[${code}]`)}`,
    `    next: ${plainLine(next)}`,
  ]);
}
