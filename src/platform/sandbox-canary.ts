/** Whether sandboxes hold here: found by running a command in one, because versions and settings promise nothing. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diskError } from "./errors.ts";
import type { ProgramEnd } from "./program.ts";
import { findSandboxProgram, knowsCallsOf, sandboxedLines } from "./sandbox.ts";

const LIMIT_MS = 10_000;

/** The program to make sandboxes with; or why none is made here, and what to do about it. */
export type SandboxFinding =
  | { readonly program: string }
  | { readonly program: undefined; readonly fault: string; readonly advice: string };

/** Tries it out in `folder`, an absolute real path of an empty folder of ours; programs are looked for on `path`. Throws DISK_FULL and its like. */
export async function trySandbox(folder: string, path: string): Promise<SandboxFinding> {
  const program = findSandboxProgram(path);
  if (program === undefined) {
    const [wanted, advice] =
      process.platform === "darwin"
        ? ["/usr/bin/sandbox-exec", "it is part of macOS"]
        : ["bubblewrap", "apt install bubblewrap"];
    return { program, fault: `${wanted} is not there`, advice };
  }
  if (process.platform === "linux" && !knowsCallsOf(process.arch))
    return { program: undefined, fault: `no filter of system calls is known for ${process.arch}`, advice: "" };
  try {
    return await runCanary(folder, program);
  } catch (thrown) {
    throw diskError(thrown, folder);
  }
}

async function runCanary(folder: string, program: string): Promise<SandboxFinding> {
  const [inside, hidden] = [join(folder, "in"), join(folder, "hidden")];
  for (const made of [inside, hidden]) mkdirSync(made, { mode: 0o700 });
  writeFileSync(join(hidden, "key"), "seen\n");
  const spec = { program, writable: [inside], readOnly: [], pinned: [], hidden: [hidden], hosts: [] };
  const script = "echo in > in/made; echo out > out; cat hidden/key > in/seen; exit 42";
  const lines = sandboxedLines(["/bin/sh", "-c", script], spec, { cwd: folder, folder });
  const end = await runShell(lines.join("\n"), folder);
  const fault = faultOf(folder, end.exitCode, end.stderr);
  return fault === undefined ? { program } : { program: undefined, fault, advice: adviceFor(end.stderr) };
}

/** By Node's own means: loading the package takes longer than the canary, and every start waits for this. */
function runShell(script: string, cwd: string): Promise<Pick<ProgramEnd, "exitCode" | "stderr">> {
  const options = { cwd, env: { PATH: process.env["PATH"] }, timeout: LIMIT_MS, killSignal: "SIGKILL" } as const;
  return new Promise((resolve) => {
    execFile("/bin/sh", ["-c", script], options, (error, _stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      const exitCode = typeof code === "number" ? code : undefined;
      resolve({ exitCode, stderr: stderr === "" ? (error?.message ?? "") : stderr });
    });
  });
}

function faultOf(folder: string, exitCode: number | undefined, stderr: string): string | undefined {
  if (exitCode !== 42) return `its canary did not run: ${stderr.trim().split("\n")[0] ?? ""}`;
  if (sizeAt(join(folder, "in", "made")) !== 3) return "its canary could not write where it may";
  if (sizeAt(join(folder, "out")) !== undefined) return "its canary wrote where it may not";
  if (readFileSync(join(folder, "in", "seen"), "utf8") !== "") return "its canary saw what is hidden";
  return undefined;
}

function sizeAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** For the ways in which bubblewrap is known to be kept from its work. */
function adviceFor(stderr: string): string {
  if (/uid map|[Nn]o permissions|user namespace|Operation not permitted/.test(stderr))
    return "user namespaces are refused here: allow them (sysctl kernel.apparmor_restrict_unprivileged_userns=0, kernel.unprivileged_userns_clone=1)";
  return "run `bwrap --ro-bind / / --proc /proc true` to see why";
}
