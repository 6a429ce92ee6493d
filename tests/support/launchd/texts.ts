/** What launchctl prints. The manual calls it "not API in any sense at all"; these are the shapes that captures of it have. */
import type { End, Job } from "./job.ts";
import type { Domain, Launchd } from "./launchd.ts";

const MEANINGS: Readonly<Record<number, string>> = {
  3: "No such process",
  5: "Input/output error",
  36: "Operation now in progress",
  37: "Operation already in progress",
  109: "Invalid property list",
  110: "Invalid or missing service identifier",
  111: "Invalid or missing Program/ProgramArguments",
  112: "Could not find specified domain",
  113: "Could not find specified service",
  119: "Service is disabled",
  122: "Path had bad ownership/permissions",
  125: "Domain does not support specified action",
  134: "Service cannot load in requested session",
};
/** Those that are the same number on macOS and Linux. */
const SIGNALS = [
  ["SIGHUP", 1, "Hangup"],
  ["SIGINT", 2, "Interrupt"],
  ["SIGQUIT", 3, "Quit"],
  ["SIGILL", 4, "Illegal instruction"],
  ["SIGTRAP", 5, "Trace/BPT trap"],
  ["SIGABRT", 6, "Abort trap"],
  ["SIGFPE", 8, "Floating point exception"],
  ["SIGKILL", 9, "Killed"],
  ["SIGSEGV", 11, "Segmentation fault"],
  ["SIGTERM", 15, "Terminated"],
] satisfies readonly (readonly [NodeJS.Signals, number, string])[];
const EXIT_NAMES: Readonly<Record<number, string>> = {
  64: "EX_USAGE",
  70: "EX_SOFTWARE",
  75: "EX_TEMPFAIL",
  78: "EX_CONFIG",
};

/** `5: Input/output error`. */
export function meaningOf(code: number): string {
  return `${code}: ${MEANINGS[code] ?? "unknown error code"}`;
}

/** A signal as people write it: `9`, `KILL`, `SIGKILL`; undefined when there is none of the name. */
export function signalOf(word: string): NodeJS.Signals | undefined {
  return SIGNALS.find(([name, number]) => word === String(number) || word === name || `SIG${word}` === name)?.[0];
}

function numberOf(signal: string): number {
  return SIGNALS.find(([name]) => name === signal)?.[1] ?? 0;
}

/** `print gui/UID/LABEL`. Fields of the job have one tab; the blocks hold others of the same names. */
export function jobText(launchd: Launchd, domain: Domain, job: Job): string {
  const { agent } = job;
  const count = job.pid === undefined ? 0 : 1;
  const blocks = ["resource", "jetsam"].map((kind, index) =>
    block(`${kind} coalition`, [
      `ID = ${7000 + index}`,
      `type = ${kind}`,
      "state = active",
      "active count = 1",
      `name = ${agent.label}`,
    ]),
  );
  const lines = [
    `active count = ${count}`,
    `path = ${job.path}`,
    "type = LaunchAgent",
    `state = ${job.state}`,
    "",
    `program = ${agent.program}`,
    block("arguments", agent.argv),
    "",
    `working directory = ${agent.folder ?? "/"}`,
    "",
    ...(agent.outPath === undefined ? [] : [`stdout path = ${agent.outPath}`]),
    ...(agent.errPath === undefined ? [] : [`stderr path = ${agent.errPath}`]),
    block("default environment", ["PATH => /usr/bin:/bin:/usr/sbin:/sbin"]),
    "",
    block("environment", [
      "OSLogRateLimit => 64",
      ...Object.entries(agent.env).map(([name, value]) => `${name} => ${value}`),
      `XPC_SERVICE_NAME => ${agent.label}`,
    ]),
    "",
    `domain = ${domain}/${launchd.userId} [100005]`,
    `minimum runtime = ${agent.throttleMs / 1000}`,
    `exit timeout = ${agent.exitTimeoutMs / 1000}`,
    `runs = ${job.launchesMs.length}`,
    ...(job.pid === undefined ? [] : [`pid = ${job.pid}`]),
    lastEndText(job.lastEnd),
    "",
    ...blocks.flatMap((text) => [text, ""]),
    ...(agent.intervalMs === undefined ? [] : [`run interval = ${agent.intervalMs / 1000} seconds`]),
    ...(job.spawnFailed ? ["job state = spawn failed"] : []),
    `properties = ${propertiesOf(job).join(" | ")}`,
  ];
  return `${domain}/${launchd.userId}/${agent.label} = {\n${lines.map((line) => (line === "" ? "" : `\t${line}`)).join("\n")}\n}\n`;
}

function block(name: string, lines: readonly string[]): string {
  return `${name} = {\n${lines.map((line) => `\t\t${line}\n`).join("")}\t}`;
}

function propertiesOf({ agent }: Job): string[] {
  return [
    ...(agent.keepAlive === undefined ? [] : ["keepalive"]),
    ...(agent.runAtLoad ? ["runatload"] : []),
    ...(agent.abandonsGroup ? ["abandon process group"] : []),
    "inferred program",
  ];
}

function lastEndText(end: End | undefined): string {
  if (end === undefined) return "last exit code = (never exited)";
  if ("signal" in end) {
    const words = SIGNALS.find(([name]) => name === end.signal)?.[2] ?? end.signal;
    return `last terminating signal = ${words}: ${numberOf(end.signal)}`;
  }
  const name = EXIT_NAMES[end.code];
  return `last exit code = ${end.code}${name === undefined ? "" : `: ${name}`}`;
}

/** `print gui/UID`. */
export function domainText(launchd: Launchd, domain: Domain): string {
  const jobs = launchd.jobs().map((job) => `${job.pid ?? 0} - \t${job.agent.label}`);
  return `${domain}/${launchd.userId} = {\n\ttype = ${domain === "gui" ? "login" : "user"}\n\t${block("services", jobs)}\n}\n`;
}

/** `print-disabled gui/UID`: also labels that were enabled again; no line is no override. */
export function disabledText(launchd: Launchd): string {
  const words = launchd.faults.oldDisabledWords ? ["true", "false"] : ["disabled", "enabled"];
  const lines = [...launchd.disabled].map(([label, is]) => `"${label}" => ${words[is ? 0 : 1] ?? ""}`);
  return `\t${block("disabled services", lines)}\n`;
}

/** `list`: the exit code, or the signal as a negative number. */
export function tableText(launchd: Launchd): string {
  const rows = launchd.jobs().map((job) => `${job.pid ?? "-"}\t${statusOf(job.lastEnd)}\t${job.agent.label}\n`);
  return `PID\tStatus\tLabel\n${rows.join("")}`;
}

function statusOf(end: End | undefined): number {
  if (end === undefined) return 0;
  return "code" in end ? end.code : -numberOf(end.signal);
}

/** `list LABEL`: the status as wait(2) gives it, an exit code times 256. */
export function dictionaryText(job: Job): string {
  const { agent, lastEnd, pid } = job;
  const raw = lastEnd === undefined ? 0 : "code" in lastEnd ? lastEnd.code * 256 : numberOf(lastEnd.signal);
  const lines = [
    `"LimitLoadToSessionType" = "${agent.sessions[0] ?? ""}";`,
    `"Label" = "${agent.label}";`,
    `"OnDemand" = ${agent.keepAlive?.always === true ? "false" : "true"};`,
    `"LastExitStatus" = ${raw};`,
    ...(pid === undefined ? [] : [`"PID" = ${pid};`]),
    `"Program" = "${agent.program}";`,
  ];
  return `{\n${lines.map((line) => `\t${line}\n`).join("")}};\n`;
}
