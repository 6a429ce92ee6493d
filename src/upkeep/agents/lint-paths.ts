/** Paths that a job names: whole, there, and where an agent may go. */

import { basename, dirname } from "node:path";
import { isDict } from "../../platform/property-list.ts";
import { typedWord } from "../../platform/shell.ts";
import { NOT_EXPANDED } from "./agent-spec.ts";
import { expanded, finding, type Job, type LintFinding, notSeen, protection, textOf, textsOf } from "./job.ts";

const LOG_KEYS = ["StandardOutPath", "StandardErrorPath"] as const;
const LOG_LARGE_BYTES = 100 * 1024 * 1024;
const TMP = /^\/(?:private\/)?(?:var\/)?tmp\//;

/** `code` are the words that a shell or another interpreter reads: theirs to expand. */
export function lintPaths(job: Job, code: ReadonlySet<string>): LintFinding[] {
  const { dict } = job;
  const found: LintFinding[] = [];
  for (const { path, value } of namedPaths(job)) {
    found.push(...unexpandedIn(job, path, value));
    if (/[*?[]/.test(value)) {
      const why = `launchd looks for a file of just this name: ${value}`;
      found.push(finding("glob", { key: path.join("."), why, next: "write the path out" }));
    }
  }
  const words = textsOf(dict["ProgramArguments"]);
  for (const [index, word] of words.entries())
    if (!code.has(word)) found.push(...unexpandedIn(job, ["ProgramArguments", String(index)], word));
  const { EnvironmentVariables: env } = dict;
  if (isDict(env)) {
    for (const [name, value] of Object.entries(env))
      if (typeof value === "string") found.push(...unexpandedIn(job, ["EnvironmentVariables", name], value));
  }
  for (const key of LOG_KEYS) found.push(...logFindings(job, key));
  return [...found, ...folderFindings(job)];
}

function namedPaths({ dict }: Job) {
  const single = ["Program", "StandardInPath", ...LOG_KEYS, "WorkingDirectory", "RootDirectory"].flatMap((key) => {
    const value = textOf(dict[key]);
    return value === undefined ? [] : [{ path: [key], value }];
  });
  const listed = ["WatchPaths", "QueueDirectories"].flatMap((key) =>
    textsOf(dict[key]).map((value, index) => ({ path: [key, String(index)], value })),
  );
  return [...single, ...listed];
}

function unexpandedIn(job: Job, path: readonly string[], value: string): LintFinding[] {
  const left = NOT_EXPANDED.exec(value)?.[0];
  if (left === undefined) return [];
  const why = `launchd expands neither ~ nor $VARIABLES: the program gets ${left.replace(/^[=:]/, "")} as it stands here`;
  const to = expanded(job, value);
  const key = path.join(".");
  return [
    finding(
      "not_expanded",
      to === undefined ? { key, why, next: "write out what is meant" } : { key, why, mend: { key: path, to } },
    ),
  ];
}

function logFindings(job: Job, key: (typeof LOG_KEYS)[number]): LintFinding[] {
  const written = textOf(job.dict[key]);
  const path = written === undefined ? undefined : expanded(job, written);
  if (path === undefined || written === undefined) return [];
  if (!path.startsWith("/")) {
    const why = "counted from wherever launchd stands, which is /";
    return [finding("relative_path", { key, why, mend: { key: [key], to: logPath(job, path) } })];
  }
  const kept = protection(job, path);
  if (kept !== undefined)
    return [
      finding("protected_place", {
        key,
        why: `${kept}, and the job never starts (78)`,
        mend: { key: [key], to: logPath(job, path) },
      }),
    ];
  if (TMP.test(path) && !path.startsWith(`${job.ground.home}/`)) {
    const why =
      "in /tmp anybody can take the name, and it is emptied: when another user has it, the job never starts (78)";
    return [finding("log_in_tmp", { key, why, mend: { key: [key], to: logPath(job, path) } })];
  }
  return placeFindings(job, key, path);
}

/** In the folder for logs that every home has, under the job's own name. */
function logPath({ dict, ground }: Job, path: string): string {
  const label = textOf(dict["Label"]) ?? "agent";
  const name = basename(path);
  return `${ground.home}/Library/Logs/${name.startsWith(label) ? name : `${label}.${name}`}`;
}

function placeFindings({ ground }: Job, key: string, path: string): LintFinding[] {
  const cannot = (why: string, next: string) => [
    finding("log_unwritable", { key, why: `${why}: the job never starts (78)`, next }),
  ];
  const file = ground.look(path);
  if (file.kind === "elsewhere") return [];
  if (file.kind === "folder") return cannot(`${path} is a folder`, "name a file");
  if (file.kind === "refused") return [notSeen(key, path, file.errno)];
  if (file.kind !== "absent") {
    if (!isWritable(ground.userId, file))
      return cannot(
        `${path} belongs to another user, or nobody may write it`,
        `sudo chown $(id -un) ${typedWord(path)} && chmod u+w ${typedWord(path)}`,
      );
    if (file.sizeBytes < LOG_LARGE_BYTES) return [];
    const why = `${Math.round(file.sizeBytes / 1024 / 1024)} MiB: launchd appends for ever`;
    return [finding("log_large", { key, why, next: `: > ${typedWord(path)}` })];
  }
  const folder = dirname(path);
  const there = ground.look(folder);
  if (there.kind === "elsewhere") return [];
  if (there.kind === "refused") return [notSeen(key, folder, there.errno)];
  if (there.kind === "absent") {
    const why = `${folder} is not there: launchd tries to make it, and where it cannot the job never starts (78)`;
    return [finding("log_folder_missing", { key, why, next: `mkdir -p ${typedWord(folder)}` })];
  }
  if (there.kind !== "folder") return cannot(`${folder} is no folder`, "name another one");
  return isWritable(ground.userId, there) ? [] : cannot(`${folder} belongs to another user`, "name a folder of yours");
}

/** Groups are not looked into: what one of them may write is given the benefit of the doubt. */
function isWritable(userId: number, { mode, owner }: { readonly mode: number; readonly owner: number }): boolean {
  return owner === userId ? (mode & 0o200) !== 0 : (mode & 0o022) !== 0;
}

function folderFindings(job: Job): LintFinding[] {
  const key = "WorkingDirectory";
  const written = textOf(job.dict[key]);
  const path = written === undefined ? undefined : expanded(job, written);
  if (path === undefined) return [];
  if (!path.startsWith("/"))
    return [
      finding("relative_path", {
        key,
        why: "counted from wherever launchd stands, which is /",
        next: "write the whole path",
      }),
    ];
  const kept = protection(job, path);
  if (kept !== undefined)
    return [finding("protected_place", { key, why: kept, next: "work in a folder that is not protected" })];
  const there = job.ground.look(path);
  if (there.kind === "folder" || there.kind === "elsewhere") return [];
  if (there.kind === "refused") return [notSeen(key, path, there.errno)];
  return [
    finding("folder_missing", {
      key,
      why: `${path} is ${there.kind === "absent" ? "not there" : "no folder"}`,
      next: `mkdir -p ${typedWord(path)}, or name another one`,
    }),
  ];
}
