/** The files of the agents, as `wo agent lint` judges them, and what else launchd asks of a file. */
import { dirname } from "node:path";
import { changeMode } from "../../platform/change-mode.ts";
import type { Files } from "../../platform/files.ts";
import { typedWord } from "../../platform/shell.ts";
import type { Finding, Mend } from "../doctor.ts";
import { ANOTHERS, type Looked } from "./agent-patient.ts";
import { servesAnother } from "./agent-problems.ts";
import { agentFile, plistPath } from "./agent-state.ts";
import type { LintGround } from "./job.ts";
import { lintFile, type ToldFinding } from "./lint-file.ts";
import { thisGround } from "./lint-ground.ts";

const OTHERS_MAY_WRITE = 0o022;

export async function plistFindings({ files, machine, wanted, basePath }: Looked): Promise<readonly Finding[]> {
  const { home, userId } = machine;
  // By the file alone: launchctl may hang.
  const own = wanted.filter((spec) => {
    const file = agentFile({ files, home, userId }, spec);
    return !servesAnother({ file, job: { kind: "not loaded" } }, basePath);
  });
  if (own.length === 0) return [ANOTHERS];
  const paths = own.map(({ label }) => plistPath(home, label)).filter((path) => files.info(path) !== undefined);
  const [first] = paths;
  if (first === undefined) return [{ mark: "not_here", seen: "no agent is installed", next: "wo agent install" }];
  const ground = once(await thisGround(files, machine));
  const found: Finding[] = rightsFindings(files, dirname(first));
  for (const path of paths) found.push(...ownerFindings(files, userId, path), ...(await linted(files, ground, path)));
  if (found.length > 0) return found;
  return [{ mark: "ok", seen: `${paths.length} property lists in ${dirname(first)}, and what they run is there` }];
}

/** Both agents run the same script: it is read once. */
function once(ground: LintGround): LintGround {
  const known = new Map<string, ReturnType<LintGround["syntaxFault"]>>();
  const syntaxFault: LintGround["syntaxFault"] = (path) => {
    const fault = known.get(path) ?? ground.syntaxFault(path);
    known.set(path, fault);
    return fault;
  };
  return { ...ground, syntaxFault };
}

async function linted(files: Files, ground: LintGround, path: string): Promise<readonly Finding[]> {
  const { report } = await lintFile(files, ground, path);
  return report.findings.map((one) => {
    const mend = one.code === "writable_by_others" ? { mend: withoutOthers(files, path) } : {};
    return { mark: one.mark, seen: `${path}: ${one.why} (${one.code})`, next: nextOf(path, one), ...mend };
  });
}

function nextOf(path: string, { next, mended }: ToldFinding): string {
  return next ?? (mended === undefined ? "wo agent install" : `wo agent lint ${typedWord(path)} --fix`);
}

function ownerFindings(files: Files, userId: number, path: string): readonly Finding[] {
  const owner = files.info(path)?.owner;
  if (owner === undefined || owner === userId) return [];
  const seen = `${path} belongs to user ${owner}, not to you (${userId}): launchd refuses it`;
  return [{ mark: "error", seen, next: `sudo chown $(id -un) ${typedWord(path)}` }];
}

function rightsFindings(files: Files, folder: string): Finding[] {
  const mode = files.info(folder)?.mode ?? 0;
  if ((mode & OTHERS_MAY_WRITE) === 0) return [];
  const mend = withoutOthers(files, folder);
  return [
    { mark: "warning", seen: `others may write to ${folder}: theirs is what runs as you`, next: mend.would, mend },
  ];
}

function withoutOthers(files: Files, path: string): Mend {
  const would = `chmod go-w ${typedWord(path)}`;
  const apply = async () => {
    changeMode(files, path, (files.info(path)?.mode ?? 0o700) & 0o7777 & ~OTHERS_MAY_WRITE);
    return would;
  };
  return { would, apply };
}
