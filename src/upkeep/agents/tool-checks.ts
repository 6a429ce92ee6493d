/** What an agent finds on its own PATH, and which Node and which wo-bridge it starts. */
import { basename, dirname, join } from "node:path";
import type { Files } from "../../platform/files.ts";
import { runProgram } from "../../platform/program.ts";
import type { Finding } from "../doctor.ts";
import { ANOTHERS, type Looked } from "./agent-patient.ts";
import { servesAnother } from "./agent-problems.ts";
import type { AgentSpec } from "./agent-spec.ts";
import { versionIn } from "./installed-copy.ts";
import { LAUNCHD_PATH } from "./job.ts";

const NODE_MS = 1200;
const ANEW = "wo agent install    (writes it for the Node and the wo-bridge of now)";

export async function toolFindings(looked: Looked): Promise<readonly Finding[]> {
  const { files, machine, basePath } = looked;
  const states = (await looked.states()).filter((state) => !servesAnother(state, basePath));
  if (states.length === 0) return [ANOTHERS];
  const [spec] = states.flatMap(({ file }) => (file.kind === "ours" ? [file.spec] : []));
  if (spec === undefined) {
    const isForeign = states.some(({ file }) => file.kind === "foreign");
    if (!isForeign) return [{ mark: "not_here", seen: "no agent is installed", next: "wo agent install" }];
    const seen = "the agent's file is none of this program's: what it starts was not looked at here";
    return [{ mark: "unknown", seen, next: "wo agent install" }];
  }
  const path = spec.env["PATH"] ?? LAUNCHD_PATH;
  const programs = await looked.programs();
  const missing = programs.filter((name) => !path.split(":").some((folder) => canRun(files, join(folder, name))));
  const found: Finding[] = missing.map((name) => {
    const seen = `${name} is in no folder of the agent's PATH (${path})`;
    return { mark: "error", seen, next: `install ${name} into one of them, or: wo agent install` };
  });
  found.push(...(await nodeFindings(files, spec)), ...versionFindings(files, spec, machine.version));
  if (found.length > 0) return found;
  const names = ["node", ...programs].join(", ");
  return [{ mark: "ok", seen: `${names} on the agent's own PATH; Node ${spec.env["WO_NODE_VERSION"] ?? ""}` }];
}

function canRun(files: Files, path: string): boolean {
  const real = files.realPath(path);
  const info = real === undefined ? undefined : files.info(real);
  return info?.kind === "file" && (info.mode & 0o111) !== 0;
}

async function nodeFindings(files: Files, { argv, env }: AgentSpec): Promise<readonly Finding[]> {
  const [program = ""] = argv;
  // One that is gone is told of the file; a shell is no Node.
  if (basename(program) !== "node" || !canRun(files, program)) return [];
  const { exitCode, stdout } = await runProgram([program, "--version"], { cwd: "/", timeoutMs: NODE_MS });
  const version = stdout.trim().replace(/^v/, "");
  if (exitCode !== 0) return [{ mark: "error", seen: `${program} does not run`, next: `${program} --version` }];
  const made = env["WO_NODE_VERSION"];
  if (made === undefined || made === version) return [];
  const seen = `${program} is Node ${version} by now, and the agent was made for ${made}`;
  return [{ mark: "warning", seen, next: ANEW }];
}

/** The package that the agent's script belongs to. */
function versionFindings(files: Files, { argv }: AgentSpec, own: string): readonly Finding[] {
  const script = files.realPath(argv[1] ?? "");
  if (script === undefined) return [];
  const version = versionIn(files, join(dirname(script), "..", ".."));
  if (version === own) return [];
  const found = version === undefined ? "a wo-bridge of no known version" : `wo-bridge ${version}`;
  return [{ mark: "warning", seen: `the agent starts ${found} (${script}), and this is ${own}`, next: ANEW }];
}
