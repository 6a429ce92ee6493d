/** What a doctor looks at, with the daemon alive or dead: the machine, the base, its vault and ledger, agents, and the orders. */
import { agentChecks } from "../upkeep/agents/agent-checks.ts";
import type { Check, Finding } from "../upkeep/doctor.ts";
import { daemonFindings, lockFindings } from "./checks/daemon-checks.ts";
import {
  baseFindings,
  clockFindings,
  gitFindings,
  ownFolder,
  roomFindings,
  runtimeFindings,
  stateFindings,
} from "./checks/ground-checks.ts";
import type { Patient } from "./checks/patient.ts";
import {
  canaryFindings,
  configFindings,
  guardrailFindings,
  ledgerFindings,
  orderFindings,
  type ReadBooks,
} from "./checks/record-checks.ts";
import { inboxFindings, programsOf, sandboxFindings } from "./checks/work-checks.ts";
import { examineBooks } from "./opening.ts";

type Look = () => Promise<readonly Finding[]> | readonly Finding[];

/** Code, what it rests on, and what it looks at, what it means, and what to do. */
const ABOUT: readonly (readonly [code: string, restsOn: readonly string[], about: string])[] = [
  [
    "runtime",
    [],
    "The Node that runs this, and where it lies. One that a version manager keeps goes when it is upgraded: let the daemon run on one that stays.",
  ],
  [
    "state",
    [],
    "The folder outside of every tree in which the registry, the vaults and the keys are: yours, and yours only. --apply state takes rights of others away.",
  ],
  [
    "base",
    ["state"],
    "The folder that the daemon serves, whether it is attached to a vault, and whether a second folder carries its id. An unknown one is never given an empty vault unasked. --apply base puts its mark back.",
  ],
  [
    "room",
    ["base"],
    "Free space for base and vault. Without it intake pauses, and what was begun is finished out of a reserve. Free some: work resumes by itself.",
  ],
  [
    "vault",
    ["base"],
    "The folder that holds the record: yours, and readable by nobody else. One that is gone cannot be made again from the tree: bring it back. --apply vault takes rights of others away.",
  ],
  [
    "clock",
    ["vault"],
    "The clock against what was written last: one that was set back makes new things look old, and every age wrong. Set it.",
  ],
  [
    "ledger",
    ["vault"],
    "The record itself: is the chain sound, is every content there, is it the one that the signed checkpoint has seen, and does telemetry know nothing more? wo ledger repair says what it would take.",
  ],
  [
    "locks",
    ["vault"],
    "Who holds the base: one process, by a lock that the kernel drops with it. Another one than the daemon that is known here is a second program, version or vault for the same base. Files that a dead daemon leaves exclude nobody.",
  ],
  [
    "config",
    ["vault", "ledger"],
    "wo-bridge.yaml: can it be read, and was what it allows accepted by a person? Mend it, or wo config accept.",
  ],
  // launchd, plists, tools, jobs, ends: their own.
  [
    "daemon",
    ["room", "vault", "clock", "ledger", "locks", "config", "plists", "tools", "jobs", "ends"],
    "The process that does the work: does it live, does it answer, has it shown a sign of life within 90 s, is it of this version, has it files left to open? Start it, or see wo daemon status.",
  ],
  [
    "canary",
    ["daemon"],
    "When somebody last saw an order go the whole way: file, state, telemetry, result. A process that lives may do nothing. Send one: wo canary.",
  ],
  [
    "git",
    ["base"],
    "The git tree around the base. Its lock keeps orders that came by git waiting; without git nobody can tell which came by it. A lock that no git holds is removed by hand.",
  ],
  [
    "inbox",
    ["base", "daemon"],
    "The lanes: may they be read, and does anything lie there longer than it takes to be taken? Mend a lane's owner and mode; files wait meanwhile.",
  ],
  [
    "sandbox",
    ["vault"],
    "Whether commands can be kept to their base: found out by running one in a sandbox. Lanes that require it wait without. On Linux: apt install bubblewrap, and let users make namespaces.",
  ],
  [
    "guardrail",
    ["base", "ledger"],
    "Components: is each as it was accepted, and is anything guarded that nobody has accepted? wo why PATH says what became of one.",
  ],
  [
    "orders",
    ["ledger", "daemon"],
    "Orders that wait for a person or have failed since yesterday, and files that were refused or passed over. wo show ID says more of one.",
  ],
];

/** The checks of launchd's agents stand before this one. */
const AGENTS_BEFORE = "daemon";

/** All checks, what others rest on first. */
export function checksOf(patient: Patient): readonly Check[] {
  const books = booksOf(patient);
  const looks = looksAt(patient, books);
  return ABOUT.flatMap(([code, restsOn, about]) => {
    const look = looks[code];
    const check = look === undefined ? [] : [{ code, restsOn, about, look }];
    return code === AGENTS_BEFORE ? [...agentsOf(patient, books), ...check] : check;
  });
}

/** Read once, and not before the daemon has said how it is: reading keeps this process busy, and its answer would be late. */
function booksOf({ ground: { files, machine }, bound, health }: Patient): () => Promise<ReadBooks> {
  let known: Promise<ReadBooks> | undefined;
  const read = async () => {
    await Promise.allSettled([health()]);
    return examineBooks(files, machine, bound());
  };
  return () => (known ??= read());
}

function agentsOf(
  { ground, launchctl, launchdLog, basePath, health, bound }: Patient,
  books: () => Promise<ReadBooks>,
): readonly Check[] {
  const { files, machine, clock } = ground;
  const programs = async () => programsOf(ground, bound(), (await books()).index);
  return agentChecks({ files, machine, clock, launchctl, launchdLog, basePath, answering: health, programs });
}

function looksAt(patient: Patient, books: () => Promise<ReadBooks>): Readonly<Record<string, Look>> {
  // What rests on the base cannot be told without one: asking for it throws then.
  const { ground, bound: base } = patient;
  const index = async () => (await books()).index;
  return {
    runtime: () => runtimeFindings(patient),
    state: () => stateFindings(ground),
    base: () => baseFindings(patient),
    room: () => roomFindings(ground, base()),
    vault: () => ownFolder(ground, base().vault, "the vault"),
    clock: () => clockFindings(ground, base()),
    ledger: async () => ledgerFindings(ground, base(), await books()),
    locks: () => lockFindings(patient, base()),
    config: async () => configFindings(ground, base(), await books()),
    daemon: () => daemonFindings(patient, base()),
    canary: async () => canaryFindings(await index(), await patient.health()),
    git: () => gitFindings(ground, base().path),
    inbox: () => inboxFindings(ground, base()),
    sandbox: async () => sandboxFindings(ground, base(), await index()),
    guardrail: async () => guardrailFindings(ground, base(), await index()),
    orders: async () => orderFindings(ground, base(), await index()),
  };
}
