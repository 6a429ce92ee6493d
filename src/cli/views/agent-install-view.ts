/** What `wo agent install` would do, and what it did. */
import { plainCode, plainLine, type Terminal } from "../../platform/terminal.ts";
import { differencesText } from "../../upkeep/agents/agent-problems.ts";
import { shown } from "../../upkeep/agents/load-agent.ts";
import type { Installed } from "../agent-install.ts";
import type { AgentPlan, InstallPlan } from "../agent-plan.ts";

/** The plan as data. */
export function plannedData(plan: InstallPlan): object {
  const { copy, program, folders, stops, place } = plan;
  const agents = plan.agents.map((agent) => {
    const { label, path, file, move, text } = agent;
    return { label, path, file, move, text, commands: commandsOf(plan, agent) };
  });
  const node = { path: place.node.path, version: place.node.version };
  return { dryRun: true, base: place.base, node, program, copy, folders: folders.map(([path]) => path), agents, stops };
}

/** What a person would type in its place. */
function commandsOf({ place }: InstallPlan, { label, path, move, enable }: AgentPlan): readonly string[] {
  const { launchctl } = place.tools;
  const target = launchctl.target(label);
  const words: Readonly<Record<AgentPlan["move"], readonly (readonly string[])[]>> = {
    load: [
      ["bootout", target],
      ["enable", target],
      ["bootstrap", launchctl.domain, path],
    ],
    restart: [...(enable ? [["enable", target]] : []), ["kickstart", "-k", target]],
    none: enable ? [["enable", target]] : [],
  };
  return words[move].map((one) => shown(launchctl, one));
}

/** Every file and every command, in order. */
export function planText(terminal: Terminal, plan: InstallPlan): string {
  const { copy, program, folders, stops, place } = plan;
  const lines = [`Base      ${plainLine(place.base)}`, `Node      ${place.node.path} (${place.node.version})`];
  const size = `${copy.files} files, ${Math.round(copy.bytes / 1024)} KiB`;
  lines.push(copy.isNew ? `Program   would copy ${copy.from} to ${program}: ${size}` : `Program   ${program} is there`);
  if (copy.before !== copy.name) lines.push(`          app/current: ${copy.before ?? "nothing"} → ${copy.name}`);
  for (const [path] of folders) lines.push(`Folder    would make ${path}`);
  if (stops !== undefined) lines.push(`Daemon    would stop the one that was started by hand: pid ${stops}`);
  for (const agent of plan.agents) lines.push(...agentLines(plan, agent));
  lines.push("", "next: wo agent install");
  return lines.map((line) => (line.startsWith("next") ? terminal.paint("bold", line) : line)).join("\n");
}

const WORDS: Readonly<Record<AgentPlan["file"], string>> = {
  new: "would write",
  changed: "would change",
  unchanged: "is as it would be written",
  "replaces somebody's": "would keep beside as .bak, and write",
};

function agentLines(plan: InstallPlan, agent: AgentPlan): readonly string[] {
  const { path, file, state, text } = agent;
  const content = text.trimEnd().split("\n");
  const lines = ["", file === "unchanged" ? `File      ${path} ${WORDS[file]}` : `File      ${WORDS[file]} ${path}`];
  if (file === "changed")
    lines.push(`          ${plainLine(differencesText(state.fileDrift)) || "its text or its rights"}`);
  if (file !== "unchanged") lines.push(...content.map((line) => `  ${plainCode(line)}`));
  const commands = commandsOf(plan, agent);
  if (commands.length === 0) lines.push("launchd   would not be asked for anything: it is loaded as it is written");
  return [...lines, ...commands.map((command) => `launchd   would run ${plainLine(command)}`)];
}

const MOVES: Readonly<Record<AgentPlan["move"], string>> = {
  load: "loaded",
  restart: "restarted",
  none: "loaded as it is, left alone",
};
const FILES: Readonly<Record<AgentPlan["file"], string>> = {
  new: "written",
  changed: "written anew",
  unchanged: "unchanged",
  "replaces somebody's": "written",
};

/** What was done, and that it works. */
export function installedText(terminal: Terminal, done: Installed): string {
  const good = terminal.paint("green", "✓");
  const lines = [`${good} program   ${done.program}${done.copied ? "" : "    was there"}`];
  if (done.stopped !== undefined)
    lines.push(
      `${good} the daemon that was started by hand (pid ${done.stopped}) was stopped: its agent takes its place`,
    );
  for (const { path, file, move, backup } of done.agents) {
    lines.push(`${good} ${plainLine(path)}    ${FILES[file]}, ${MOVES[move]}`);
    if (backup !== undefined) lines.push(`  what lay there: ${plainLine(backup)}`);
  }
  const { pid, version } = done.daemon;
  lines.push(`${good} daemon up    pid ${pid}, wo-bridge ${version}, kept by launchd, from login on`);
  const doubts = [...done.warnings, ...done.notGuarded.map((why) => `not guarded: ${why}`)];
  for (const doubt of doubts) lines.push(`${terminal.paint("yellow", "!")} ${plainLine(doubt)}`);
  if (done.removedCopies.length > 0) lines.push(`  removed old copies: ${done.removedCopies.join(", ")}`);
  return [...lines, "next: wo canary, wo agent status"].join("\n");
}
