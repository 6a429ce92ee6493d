/** What everything rests on: the program, the user's folders, the base and its tree, room and time. */
import { join } from "node:path";
import { changeMode } from "../../platform/change-mode.ts";
import { isoTime } from "../../platform/clock.ts";
import { BridgeError } from "../../platform/errors.ts";
import { runProgram } from "../../platform/program.ts";
import { typedWord } from "../../platform/shell.ts";
import { Vault } from "../../records/vault.ts";
import { nodeWarning } from "../../upkeep/agents/stable-node.ts";
import type { Finding } from "../../upkeep/doctor.ts";
import { type BoundBase, MARK_FILE, restoreMark, twinOf } from "../base.ts";
import type { Ground } from "../opening.ts";
import { readRuntime } from "../runtime.ts";
import type { Patient } from "./patient.ts";

const MIB = 1024 * 1024;
const ROOM_LOW_BYTES = 512 * MIB;
const ROOM_NONE_BYTES = 32 * MIB;
const GIT_LOCK_OLD_MS = 60_000;
const CLOCK_BACK_MS = 60_000;
const GIT_MS = 1200;
const OWN_MODE = 0o700;

export function runtimeFindings({ node, ground }: Patient): Finding[] {
  const [major = 0, minor = 0] = node.version.split(".").map(Number);
  const seen = `Node ${node.version}, ${node.path}, wo-bridge ${ground.machine.version}`;
  if (major < 20 || (major === 20 && minor < 19))
    return [{ mark: "error", seen: `${seen}: it is too old`, next: "install Node 20.19 or newer" }];
  const warning = nodeWarning(node.path);
  if (warning === undefined) return [{ mark: "ok", seen }];
  return [{ mark: "warning", seen: `Node ${node.version}: ${warning.message}`, next: warning.hint }];
}

export function stateFindings(ground: Ground): readonly Finding[] {
  const { files, machine } = ground;
  if (files.info(files.realPath(machine.home) ?? machine.home)?.kind !== "folder")
    return [{ mark: "error", seen: `there is no home folder ${machine.home}`, next: "set HOME to your own" }];
  const { stateRoot } = machine;
  const info = files.info(stateRoot);
  if (info === undefined)
    return [{ mark: "error", seen: `nothing was ever attached: ${stateRoot} is not there`, next: "wo init" }];
  if (info.kind !== "link") return ownFolder(ground, stateRoot, "the state folder");
  const real = files.realPath(stateRoot);
  if (real === undefined) {
    const next = `ls -l ${typedWord(stateRoot)}    (bring back what it leads to: its volume, perhaps)`;
    return [{ mark: "error", seen: `the state folder ${stateRoot} is a link that leads nowhere`, next }];
  }
  const found = ownFolder(ground, real, "the state folder");
  return found.map((one) => ({ ...one, seen: `${one.seen} (${stateRoot} is a link to it)` }));
}

/** A folder of this user, that nobody else may look into. */
export function ownFolder({ files, machine }: Ground, path: string, what: string): readonly Finding[] {
  const info = files.info(path);
  if (info === undefined)
    return [
      { mark: "error", seen: `${what} ${path} is gone`, next: "put it back: it cannot be made again from the tree" },
    ];
  if (info.kind !== "folder")
    return [{ mark: "error", seen: `${what} ${path} is no folder`, next: `ls -ld ${typedWord(path)}` }];
  if (info.owner !== machine.userId) {
    const seen = `${what} ${path} belongs to user ${info.owner}, not to you (${machine.userId})`;
    return [{ mark: "error", seen, next: `sudo chown -R ${machine.user} ${typedWord(path)}` }];
  }
  if ((info.mode & 0o077) === 0) return [{ mark: "ok", seen: `${path}, yours only` }];
  const next = `chmod 700 ${typedWord(path)}`;
  const apply = async () => {
    changeMode(files, path, OWN_MODE);
    return next;
  };
  return [{ mark: "warning", seen: `others may look into ${what} ${path}`, next, mend: { would: next, apply } }];
}

export function baseFindings({ ground, bound }: Patient): Finding[] {
  const { files, machine } = ground;
  let base: BoundBase;
  try {
    base = bound();
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    return [{ mark: "error", seen: thrown.message, next: thrown.hint }];
  }
  const { path, vault, id } = base;
  const twin = twinOf(files, machine, base);
  if (twin !== undefined) {
    const next = `in the copy: wo init --new-id    (or remove the copy)`;
    return [{ mark: "error", seen: `${path} and ${twin} carry the same base id ${id}: one is a copy`, next }];
  }
  if (files.info(join(path, MARK_FILE)) !== undefined) return [{ mark: "ok", seen: `${path}, its vault ${vault}` }];
  const apply = async () => {
    await restoreMark(files, path, id);
    return `put back ${join(path, MARK_FILE)} with the id ${id}`;
  };
  const mend = { would: `put back ${MARK_FILE}`, apply };
  return [{ mark: "warning", seen: `${path} has lost its .wo-base`, next: "wo daemon start puts it back", mend }];
}

export async function gitFindings({ files, clock }: Ground, base: string): Promise<Finding[]> {
  const version = await runProgram(["git", "--version"], { cwd: "/", timeoutMs: GIT_MS });
  if (version.exitCode !== 0)
    return [{ mark: "error", seen: "git does not run: orders that came by git wait", next: "install git" }];
  const words = ["rev-parse", "--path-format=absolute", "--git-dir"] as const;
  const tree = await runProgram(["git", ...words], { cwd: base, timeoutMs: GIT_MS });
  const name = version.stdout.trim();
  if (tree.exitCode !== 0) return [{ mark: "ok", seen: `${name}; the base is in no git tree` }];
  const lock = join(tree.stdout.trim(), "index.lock");
  const ageMs = clock.now() - (files.info(lock)?.modifiedMs ?? clock.now());
  if (ageMs <= GIT_LOCK_OLD_MS) return [{ mark: "ok", seen: `${name}, ${tree.stdout.trim()}` }];
  const since = isoTime(clock.now() - ageMs);
  return [{ mark: "warning", seen: `${lock} is left`, since, next: `rm ${typedWord(lock)}    (when no git runs)` }];
}

export function roomFindings({ files }: Ground, base: BoundBase): Finding[] {
  return [base.path, base.vault].map((folder) => {
    const free = files.freeBytes(folder);
    const seen = `${Math.round(free / MIB)} MiB free for ${folder}`;
    if (free >= ROOM_LOW_BYTES) return { mark: "ok", seen };
    const next = `df -h ${typedWord(folder)}    (free some space; work resumes by itself)`;
    if (free >= ROOM_NONE_BYTES) return { mark: "warning", seen: `only ${seen}`, next };
    return { mark: "error", seen: `the disk is full: ${seen}`, next };
  });
}

export function clockFindings({ files, clock }: Ground, base: BoundBase): Finding[] {
  const last = readRuntime(files, new Vault(files, base.vault))?.heartbeat;
  if (last === undefined) return [{ mark: "ok", seen: "nothing was written yet that could be younger than now" }];
  const backMs = Date.parse(last) - clock.now();
  if (!(backMs > CLOCK_BACK_MS)) return [{ mark: "ok", seen: `${isoTime(clock.now())}, behind every sign of life` }];
  const seen = `it is ${isoTime(clock.now())}, and the last sign of life was at ${last}: the clock was set back`;
  return [
    { mark: "error", seen, next: "date -u    (set the clock; until then no age here is right, and nothing is lost)" },
  ];
}
