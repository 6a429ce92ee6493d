/** Rows on real processes: what is left of them when they end, and what they are given when they begin. */
import type { Row } from "./conformance.ts";

const BOOTSTRAP = "bootstrap DOMAIN PLIST";
const BOOTOUT = "bootout DOMAIN/LABEL";
const KILL = "kill SIGKILL DOMAIN/LABEL";
const STAYS = { RunAtLoad: true };

export const GROUPS: readonly Row[] = [
  {
    fact: "what a killed main process leaves gets TERM",
    tag: "[F macOS 15] §0",
    given: { plist: STAYS, program: { child: "plain" } },
    does: [BOOTSTRAP, "wait 5", KILL],
    sees: { state: "not running", child: "gone" },
  },
  {
    fact: "so does what one leaves that ended by itself",
    tag: "[F macOS 15] §0",
    given: { plist: STAYS, program: { child: "plain", livesS: 4 } },
    does: [BOOTSTRAP, "wait 6"],
    sees: { state: "not running", lastEnd: "0", child: "gone" },
  },
  {
    fact: "so does what one leaves that was booted out",
    tag: "[F macOS 15] §0",
    given: { plist: STAYS, program: { child: "plain" } },
    does: [BOOTSTRAP, "wait 5", BOOTOUT],
    sees: { loaded: 113, child: "gone" },
  },
  {
    fact: "it is TERM once and no KILL: a child that does not hear it lives on",
    tag: "[F macOS 15] §0",
    given: { plist: STAYS, program: { child: "deaf" } },
    does: [BOOTSTRAP, "wait 5", KILL, "wait 15"],
    sees: { state: "not running", child: "alive" },
  },
  {
    fact: "KILL after ExitTimeOut reaches the main process alone",
    tag: "[S core.c 4003] §0",
    given: { plist: STAYS, program: { child: "deaf", onTerm: "goes on" } },
    does: [BOOTSTRAP, "wait 5", BOOTOUT, "wait 15"],
    sees: { loaded: 113, child: "alive" },
  },
  {
    fact: "AbandonProcessGroup leaves the group alone",
    tag: "[M] §1.2",
    given: { plist: { ...STAYS, AbandonProcessGroup: true }, program: { child: "plain" } },
    does: [BOOTSTRAP, "wait 5", KILL, "wait 5"],
    sees: { state: "not running", child: "alive" },
  },
];

const SPAWN_FAILED = { state: "not running", runs: 1, lastEnd: "78: EX_CONFIG", jobState: "spawn failed", output: "" };

export const SPAWNING: readonly Row[] = [
  {
    fact: "a log that cannot be opened lets no process begin",
    tag: "[F] §0 StandardOutPath, §1.4 code 78",
    given: { plist: { ...STAYS, StandardErrorPath: "FOLDER/a-file/err.log" }, program: { prints: "echo here" } },
    does: [BOOTSTRAP],
    sees: SPAWN_FAILED,
    on: "processes",
  },
  {
    fact: "with KeepAlive that is tried again and again",
    tag: "[F] §1.4 code 78",
    given: { plist: { KeepAlive: true, StandardErrorPath: "FOLDER/a-file/err.log", ThrottleInterval: 600 } },
    does: [BOOTSTRAP],
    sees: { ...SPAWN_FAILED, state: "spawn scheduled" },
    on: "processes",
  },
  {
    fact: "the log's folder is made",
    tag: "[F] §0 StandardOutPath",
    given: { plist: { ...STAYS, StandardErrorPath: "FOLDER/new/folder/err.log" }, program: { prints: "echo here" } },
    does: [BOOTSTRAP],
    sees: { state: "running", output: "here\n" },
    on: "processes",
  },
  {
    fact: "logs are appended to",
    tag: "[S core.c 5189] §1.1",
    given: { plist: STAYS, program: { prints: "echo here" } },
    does: [BOOTSTRAP, "wait 15", "kickstart -k DOMAIN/LABEL"],
    sees: { runs: 2, output: "here\nhere\n" },
    on: "processes",
  },
  {
    fact: "a program that is not there does not begin",
    tag: "[F] §1.4 code 78",
    given: { plist: { ...STAYS, ProgramArguments: ["/no/such/program"] } },
    does: [BOOTSTRAP],
    sees: SPAWN_FAILED,
    on: "processes",
  },
  {
    fact: "a program and its words in one string are no program",
    tag: "[F] §1.4 code 78",
    given: { plist: { ...STAYS, ProgramArguments: ["/bin/echo here"] } },
    does: [BOOTSTRAP],
    sees: SPAWN_FAILED,
    on: "processes",
  },
  {
    fact: "a script whose interpreter is missing does not begin",
    tag: "[F] §1.4 code 78",
    given: { plist: { ...STAYS, ProgramArguments: ["FOLDER/no-interpreter"] } },
    does: [BOOTSTRAP],
    sees: SPAWN_FAILED,
    on: "processes",
  },
  {
    fact: "a program without a path is looked for in the standard folders",
    tag: "[M] §1.2",
    given: { plist: { ...STAYS, ProgramArguments: ["echo", "here"] } },
    does: [BOOTSTRAP],
    sees: { lastEnd: "0", output: "here\n" },
    on: "processes",
  },
  {
    fact: "words are taken as they are: no shell, no home, no variables, no patterns",
    tag: "[S] §1.1",
    given: { plist: { ...STAYS, ProgramArguments: ["/bin/echo", "~", "$HOME", "*", "a  b"] } },
    does: [BOOTSTRAP],
    sees: { lastEnd: "0", output: "~ $HOME * a  b\n" },
    on: "processes",
  },
  {
    fact: "its folder is /, its limit 256 files, its PATH the system's",
    tag: "[F macOS 15] §1.1",
    given: { plist: STAYS, program: { prints: 'pwd; ulimit -n; umask; echo "$PATH"' } },
    does: [BOOTSTRAP],
    sees: { output: "/\n256\n0022\n/usr/bin:/bin:/usr/sbin:/sbin\n" },
    on: "processes",
  },
  {
    fact: "its environment is bare",
    tag: "[F macOS 15] §1.1",
    given: { plist: STAYS, program: { prints: "env | cut -d= -f1 | grep -v '^_$' | sort | tr '\\n' ' '" } },
    does: [BOOTSTRAP],
    sees: {
      output: "HOME LOGNAME OSLogRateLimit PATH PWD SHELL SSH_AUTH_SOCK TMPDIR USER XPC_FLAGS XPC_SERVICE_NAME ",
    },
    on: "double",
  },
  {
    fact: "EnvironmentVariables come before that, but for what is no string",
    tag: "[M] §1.2; [S] §1.1",
    given: {
      plist: { ...STAYS, EnvironmentVariables: { PATH: "/opt/x:/bin:/usr/bin", A: "b c", N: 3 } },
      program: { prints: 'echo "$PATH|$A|${N-none}"' },
    },
    does: [BOOTSTRAP],
    sees: { output: "/opt/x:/bin:/usr/bin|b c|none\n" },
    on: "processes",
  },
  {
    fact: "it knows its label",
    tag: "[F macOS 15] §1.1",
    given: { plist: STAYS, program: { prints: 'case "$XPC_SERVICE_NAME" in com.example.*) echo known;; esac' } },
    does: [BOOTSTRAP],
    sees: { output: "known\n" },
    on: "processes",
  },
  {
    fact: "it leads its own group",
    tag: "[F macOS 15] §0",
    given: { plist: STAYS, program: { prints: '[ "$(ps -o pgid= -p $$ | tr -d " ")" = $$ ] && echo leads' } },
    does: [BOOTSTRAP],
    sees: { output: "leads\n" },
    on: "processes",
  },
  {
    fact: "WorkingDirectory is its folder",
    tag: "[M] §1.2",
    given: { plist: { ...STAYS, WorkingDirectory: "/usr/bin" }, program: { prints: "pwd" } },
    does: [BOOTSTRAP],
    sees: { output: "/usr/bin\n" },
    on: "processes",
  },
  {
    fact: "a WorkingDirectory that is not there does not keep it from running",
    tag: "[S] §1.1",
    given: { plist: { ...STAYS, WorkingDirectory: "/no/such/folder" }, program: { prints: "pwd" } },
    does: [BOOTSTRAP],
    sees: { state: "running", output: "/\n" },
    on: "double",
  },
  {
    fact: "a number in Umask is decimal",
    tag: "[M] §1.2",
    given: { plist: { ...STAYS, Umask: 63 }, program: { prints: "umask" } },
    does: [BOOTSTRAP],
    sees: { output: "0077\n" },
    on: "processes",
  },
  {
    fact: "a text in Umask is octal behind a 0",
    tag: "[M] §1.2",
    given: { plist: { ...STAYS, Umask: "077" }, program: { prints: "umask" } },
    does: [BOOTSTRAP],
    sees: { output: "0077\n" },
    on: "processes",
  },
  {
    fact: "a log that TCC denies lets no process begin",
    tag: "[F] §1.4 code 78, §1.6",
    given: {
      plist: { ...STAYS, StandardErrorPath: "FOLDER/Documents/err.log" },
      faults: { denied: ["FOLDER/Documents"] },
    },
    does: [BOOTSTRAP],
    sees: SPAWN_FAILED,
    on: "double",
  },
  {
    fact: "a program that TCC denies ends with 126",
    tag: "[F] §1.4 code 126, §1.6",
    given: {
      plist: { ...STAYS, ProgramArguments: ["/bin/cat", "FOLDER/Documents/x"], StandardErrorPath: "FOLDER/out.log" },
      faults: { denied: ["FOLDER/Documents"] },
    },
    does: [BOOTSTRAP],
    sees: { state: "not running", lastEnd: "126", output: "Operation not permitted\n" },
    on: "double",
  },
];
