/** What a doctor looks at, with the daemon alive or dead: the machine, the base, its vault and ledger, and the orders. */
import { join } from "node:path";
import { BridgeFolders } from "../bridge/lanes.ts";
import { kindOfName } from "../bridge/names.ts";
import { isoTime } from "../platform/clock.ts";
import { BridgeError } from "../platform/errors.ts";
import { runProgram } from "../platform/program.ts";
import { typedWord } from "../platform/shell.ts";
import type { OrderIndex } from "../records/order-index.ts";
import { Vault } from "../records/vault.ts";
import type { Check, Finding } from "../upkeep/doctor.ts";
import { verifyLedger } from "../upkeep/verify-ledger.ts";
import type { BoundBase } from "./base.ts";
import { configProblemText, laneRules } from "./config.ts";
import { lookAtComponents } from "./guarded.ts";
import { checkpointsOf, examineBooks, type Ground } from "./opening.ts";
import { type Runtime, readRuntime } from "./runtime.ts";
import { Sandbox } from "./sandbox.ts";
import { configInEffect, configPath } from "./settings.ts";
import { fileNeeds, ledgerBytes, type Need, orderNeeds } from "./status.ts";
import { placeRules } from "./surroundings.ts";

/** Who is looked at. */
export interface Patient {
  readonly ground: Ground;
  /** The base as it is registered; throws BASE_MISSING, BASE_UNKNOWN. */
  readonly bound: () => BoundBase;
  readonly node: { readonly version: string; readonly path: string };
  /** What the daemon says of itself; undefined when none answers. */
  readonly health: () => Promise<Runtime | undefined>;
}

const MIB = 1024 * 1024;
const ROOM_LOW_BYTES = 512 * MIB;
const ROOM_NONE_BYTES = 32 * MIB;
/** All of a ledger of this size is read in well under a second. */
const VERIFY_BYTES = 32 * MIB;
const HEARTBEAT_LATE_MS = 90_000;
const FILE_WAITS_MS = 60_000;
const GIT_LOCK_OLD_MS = 60_000;
const CLOCK_BACK_MS = 60_000;
const GIT_MS = 3000;
const NEEDS_SHOWN = 20;

/** What each check looks at, and what it means. */
const ABOUT: readonly (readonly [code: keyof Looks, about: string])[] = [
  ["runtime", "The Node that runs this, and where it lies. One that a version manager keeps goes when it is upgraded."],
  [
    "state",
    "The folder outside of every tree in which the registry, the vaults and the keys are: yours, and yours only.",
  ],
  [
    "base",
    "The folder that the daemon serves, and whether it is attached to a vault. An unknown one is never given an empty vault unasked.",
  ],
  [
    "git",
    "The git tree around the base. Its lock keeps orders that came by git waiting; without git nobody can tell which came by it.",
  ],
  ["room", "Free space for base and vault. Without it intake pauses, and what was begun is finished out of a reserve."],
  ["vault", "The folder that holds the record: yours, and readable by nobody else."],
  [
    "ledger",
    "The record itself: is the chain sound, is every content there, is it the one that the signed checkpoint has seen, and does telemetry know nothing more?",
  ],
  ["config", "wo-bridge.yaml: can it be read, and was what it allows accepted by a person?"],
  ["daemon", "The process that does the work: does it answer, has it shown a sign of life, is it of this version?"],
  ["inbox", "The lanes: may they be read, and does anything lie there longer than it takes to be taken?"],
  [
    "sandbox",
    "Whether commands can be kept to their base: found out by running one in a sandbox. Lanes that require it wait without.",
  ],
  ["clock", "The clock against what was written last: one that was set back makes new things look old."],
  ["guardrail", "Components: is each as it was accepted, and is anything guarded that nobody has accepted?"],
  [
    "orders",
    "Orders that wait for a person or have failed since yesterday, and files that were refused or passed over.",
  ],
];

type Looks = ReturnType<typeof looksAt>;

/** All checks, what others rest on first. */
export function checksOf(patient: Patient): readonly Check[] {
  const looks = looksAt(patient);
  return ABOUT.map(([code, about]) => ({ code, about, look: looks[code] }));
}

function looksAt(patient: Patient) {
  // What rests on the base cannot be told without one: asking for it throws then.
  const { ground, bound: base } = patient;
  const { files, machine } = ground;
  let known: ReturnType<typeof examineBooks> | undefined;
  const books = () => (known ??= examineBooks(files, machine, base()));
  return {
    runtime: () => runtimeFindings(patient),
    state: () => stateFindings(ground),
    base: () => baseFindings(patient),
    git: () => gitFindings(ground, base().path),
    room: () => roomFindings(ground, base()),
    vault: () => ownFolder(ground, base().vault, "the vault"),
    ledger: () => ledgerFindings(ground, base(), books()),
    config: () => configFindings(ground, base(), books().index),
    daemon: () => daemonFindings(patient, base()),
    inbox: () => inboxFindings(ground, base()),
    sandbox: () => sandboxFindings(ground, base(), books().index),
    clock: () => clockFindings(ground, base()),
    guardrail: () => guardrailFindings(ground, base(), books().index),
    orders: () => orderFindings(ground, base(), books().index),
  };
}

function runtimeFindings({ node, ground }: Patient): Finding[] {
  const [major = 0, minor = 0] = node.version.split(".").map(Number);
  const seen = `Node ${node.version}, ${node.path}, wo-bridge ${ground.machine.version}`;
  if (major < 20 || (major === 20 && minor < 19))
    return [{ mark: "error", seen: `${seen}: it is too old`, next: "install Node 20.19 or newer" }];
  const manager = /\/\.?(nvm|fnm|volta|asdf|mise|Cellar)\//.exec(node.path)?.[1];
  if (manager === undefined) return [{ mark: "ok", seen }];
  const next = "let the daemon run on a Node that stays: `brew install node`, and its opt link";
  return [{ mark: "warning", seen: `${seen}: ${manager} takes it away with an upgrade`, next }];
}

function stateFindings(ground: Ground): readonly Finding[] {
  const { files, machine } = ground;
  if (files.info(machine.home)?.kind !== "folder")
    return [{ mark: "error", seen: `there is no home folder ${machine.home}`, next: "set HOME to your own" }];
  if (files.info(machine.stateRoot) === undefined)
    return [{ mark: "error", seen: `nothing was ever attached: ${machine.stateRoot} is not there`, next: "wo init" }];
  return ownFolder(ground, machine.stateRoot, "the state folder");
}

/** A folder of this user, that nobody else may look into. */
function ownFolder({ files, machine }: Ground, path: string, what: string): readonly Finding[] {
  const info = files.info(path);
  if (info === undefined)
    return [
      { mark: "error", seen: `${what} ${path} is gone`, next: "put it back: it cannot be made again from the tree" },
    ];
  if (info.kind !== "folder") return [{ mark: "error", seen: `${what} ${path} is no folder`, next: `ls -ld ${path}` }];
  if (info.owner !== machine.userId) {
    const seen = `${what} ${path} belongs to user ${info.owner}, not to you (${machine.userId})`;
    return [{ mark: "error", seen, next: `sudo chown -R ${machine.user} ${path}` }];
  }
  if ((info.mode & 0o077) !== 0)
    return [{ mark: "warning", seen: `others may look into ${what} ${path}`, next: `chmod 700 ${path}` }];
  return [{ mark: "ok", seen: `${path}, yours only` }];
}

function baseFindings({ ground, bound }: Patient): Finding[] {
  try {
    const { path, vault } = bound();
    if (ground.files.info(join(path, ".wo-base")) !== undefined)
      return [{ mark: "ok", seen: `${path}, its vault ${vault}` }];
    return [{ mark: "warning", seen: `${path} has lost its .wo-base`, next: "wo daemon start puts it back" }];
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    return [{ mark: "error", seen: thrown.message, next: thrown.hint }];
  }
}

async function gitFindings({ files, clock }: Ground, base: string): Promise<Finding[]> {
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
  return [{ mark: "warning", seen: `${lock} is left`, since, next: `rm ${lock}    (when no git runs)` }];
}

function roomFindings({ files }: Ground, base: BoundBase): Finding[] {
  return [base.path, base.vault].map((folder) => {
    const free = files.freeBytes(folder);
    const seen = `${Math.round(free / MIB)} MiB free for ${folder}`;
    if (free >= ROOM_LOW_BYTES) return { mark: "ok", seen };
    return {
      mark: free < ROOM_NONE_BYTES ? "error" : "warning",
      seen,
      next: "free some space; work resumes by itself",
    };
  });
}

function ledgerFindings(
  { files, machine }: Ground,
  base: BoundBase,
  { index, refusal }: ReturnType<typeof examineBooks>,
): Finding[] {
  if (refusal !== undefined) return [{ mark: "error", seen: refusal.error.message, next: refusal.error.hint }];
  if (ledgerBytes({ files, base }) > VERIFY_BYTES)
    return [{ mark: "ok", seen: `${index.head.seq} entries; read from its snapshot on (all of it: wo ledger verify)` }];
  const report = verifyLedger(files, new Vault(files, base.vault), checkpointsOf(files, machine, base));
  const faults = report.findings.map(({ message, isDamage }): Finding => {
    const next = isDamage ? "wo ledger repair    (says what it would do)" : "wo daemon start mends it";
    return { mark: isDamage ? "error" : "warning", seen: message, next };
  });
  const sound: Finding = {
    mark: "ok",
    seen: `${report.entries} entries, chain intact, ${report.blobs} contents there`,
  };
  return faults.length > 0 ? faults : [sound];
}

function configFindings({ files }: Ground, base: BoundBase, { facts }: OrderIndex): Finding[] {
  const vault = new Vault(files, base.vault);
  const { problems, pending } = configInEffect(files, vault, facts, configPath(base.path));
  const broken = problems.map((problem): Finding => {
    const seen = `${configProblemText(problem)}; the last accepted one is in effect`;
    return { mark: "error", seen, next: "mend wo-bridge.yaml" };
  });
  const wishes = pending.map((wish): Finding => {
    return { mark: "warning", seen: `not accepted, and not in effect: ${wish}`, next: "wo config accept" };
  });
  const found = [...broken, ...wishes];
  const seen = facts.config === undefined ? "none was accepted yet: the defaults hold" : "as it was accepted";
  return found.length > 0 ? found : [{ mark: "ok", seen }];
}

async function daemonFindings({ ground, health }: Patient, base: BoundBase): Promise<Finding[]> {
  const { files, machine, processes, clock } = ground;
  const live = await health();
  const known = live ?? readRuntime(files, new Vault(files, base.vault));
  if (known === undefined) return [{ mark: "error", seen: "no daemon has run here", next: "wo daemon start" }];
  const { pid, startTime, version, heartbeat, since, reason, hint } = known;
  if (known.state === "refused")
    return [
      { mark: "error", seen: `it refuses to work: ${reason ?? "unknown"}`, since, next: hint ?? "wo daemon status" },
    ];
  if (live === undefined) {
    const isThere = known.state === "running" && processes.isAlive({ pid, startTime });
    if (isThere)
      return [
        { mark: "error", seen: `pid ${pid} lives and does not answer`, since: heartbeat, next: `kill -9 ${pid}` },
      ];
    const how =
      known.state === "running"
        ? "it ended without a word"
        : `it was stopped${reason === undefined ? "" : `: ${reason}`}`;
    return [{ mark: "error", seen: `no daemon runs: ${how}`, since: heartbeat, next: "wo daemon start" }];
  }
  if (version !== machine.version) {
    const seen = `pid ${pid} runs wo-bridge ${version}, and this is ${machine.version}`;
    return [{ mark: "warning", seen, since, next: "wo daemon stop && wo daemon start" }];
  }
  if (clock.now() - Date.parse(heartbeat) > HEARTBEAT_LATE_MS)
    return [
      {
        mark: "error",
        seen: `pid ${pid} answers, and works no more`,
        since: heartbeat,
        next: "wo daemon stop && wo daemon start",
      },
    ];
  return [{ mark: "ok", seen: `up, pid ${pid}, wo-bridge ${version}`, since }];
}

function inboxFindings({ files, machine, clock }: Ground, base: BoundBase): Finding[] {
  const { lanes, faults } = new BridgeFolders(files, base.path, machine.userId).list();
  const broken = faults.map(({ lane, message }): Finding => {
    return { mark: "error", seen: `lane ${lane} is not read: ${message}`, next: "mend its owner or mode" };
  });
  const waiting = lanes.flatMap(({ name: lane, folder }) =>
    (files.list(folder) ?? []).flatMap(({ name }) => {
      const modifiedMs = kindOfName(name) === "order" ? files.info(join(folder, name))?.modifiedMs : undefined;
      return modifiedMs === undefined || clock.now() - modifiedMs < FILE_WAITS_MS ? [] : [{ lane, name, modifiedMs }];
    }),
  );
  const [oldest] = waiting.toSorted((a, b) => a.modifiedMs - b.modifiedMs);
  const late: Finding[] =
    oldest === undefined
      ? []
      : [
          {
            mark: "warning",
            seen: `${waiting.length} files are not taken, the oldest is ${oldest.lane}/${oldest.name}`,
            since: isoTime(oldest.modifiedMs),
            next: "wo status",
          },
        ];
  const found = [...broken, ...late];
  return found.length > 0 ? found : [{ mark: "ok", seen: `${lanes.length} lanes, nothing waits to be taken` }];
}

async function sandboxFindings(ground: Ground, base: BoundBase, { facts }: OrderIndex): Promise<Finding[]> {
  const vault = new Vault(ground.files, base.vault);
  const { config } = configInEffect(ground.files, vault, facts, configPath(base.path));
  const rules = (lane: string) => placeRules(ground, base, config, lane);
  const sandbox = new Sandbox({ ...ground, vault: base.vault, config: () => config, placeRules: rules });
  await sandbox.look();
  const bound = Object.keys(config.lanes).filter((lane) => laneRules(config, lane).sandbox === "required");
  const missing = bound.flatMap((lane) => sandbox.missing(lane) ?? [])[0];
  if (missing !== undefined) return [{ mark: "error", seen: `${bound.join(", ")}: ${missing}`, next: "wo status" }];
  const [found = "", ...chosen] = sandbox.notes();
  const first: Finding = sandbox.isOn
    ? { mark: "ok", seen: found }
    : { mark: "warning", seen: found, next: "wo doctor --explain sandbox" };
  return [first, ...chosen.map((seen): Finding => ({ mark: "ok", seen }))];
}

function clockFindings({ files, clock }: Ground, base: BoundBase): Finding[] {
  const last = readRuntime(files, new Vault(files, base.vault))?.heartbeat;
  if (last === undefined) return [{ mark: "ok", seen: "nothing was written yet that could be younger than now" }];
  const backMs = Date.parse(last) - clock.now();
  if (!(backMs > CLOCK_BACK_MS)) return [{ mark: "ok", seen: `${isoTime(clock.now())}, behind every sign of life` }];
  const seen = `it is ${isoTime(clock.now())}, and the last sign of life was at ${last}: the clock was set back`;
  return [{ mark: "warning", seen, next: "set the clock; nothing is lost meanwhile" }];
}

async function guardrailFindings({ files, clock }: Ground, base: BoundBase, { facts }: OrderIndex): Promise<Finding[]> {
  const { count, findings, components } = await lookAtComponents(files, clock, base, facts);
  if (findings.length === 0) {
    const own = components.length === 0 ? ", all of them the daemon's own folders" : "";
    return [{ mark: "ok", seen: `${count} components are as they have to be${own}` }];
  }
  const shown = findings.slice(0, NEEDS_SHOWN).map(({ path, reason, message, since }): Finding => {
    const when = since === undefined ? {} : { since };
    return { mark: "error", seen: `${path}: ${reason}: ${message}`, ...when, next: `wo why ${typedWord(path)}` };
  });
  const more = findings.length - shown.length;
  return more === 0 ? shown : [...shown, { mark: "error", seen: `and ${more} more`, next: "wo guardrail check" }];
}

function orderFindings({ files, clock }: Ground, base: BoundBase, index: OrderIndex): Finding[] {
  const source = { files, base, index, nowMs: clock.now() };
  const needs: readonly Need[] = [...orderNeeds(source), ...fileNeeds(source)];
  const { counts } = index;
  const seen = `${counts.running} running, ${counts.pending} pending, ${counts.done} done: none needs you`;
  if (needs.length === 0) return [{ mark: "ok", seen }];
  const shown = needs.slice(0, NEEDS_SHOWN).map(({ what, since, next }): Finding => {
    return { mark: "warning", seen: what, since, next };
  });
  const more = needs.length - shown.length;
  return more === 0 ? shown : [...shown, { mark: "warning", seen: `and ${more} more`, next: "wo status" }];
}
