/** What the guardrail looks at: what was accepted, what the configuration wants besides, and the machinery's own folders. */
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import type { Files } from "../platform/files.ts";
import { type Components, NO_COMPONENTS } from "../records/components.ts";
import type { Facts } from "../records/facts.ts";
import { Vault } from "../records/vault.ts";
import { ComponentCheck, type Finding, type Wanted } from "../upkeep/component-check.ts";
import type { BoundBase } from "./base.ts";
import type { Config } from "./config.ts";
import { type GuardRule, guardRules, type HealWish, isGlob } from "./guardrail-config.ts";
import { configInEffect, configPath } from "./settings.ts";

/** Kept by rounds and views, and looked at here, too; links are followed: some users keep them elsewhere. */
const OWN_FOLDERS = ["bridge/inbox", "bridge/inbox/CLC", "bridge/inbox/ENTRY", "g/followup/state"];

export interface GuardedComponents {
  readonly wanted: ReadonlyMap<string, Wanted>;
  /** What can be said without a look at any component. */
  readonly findings: readonly Finding[];
}

/** All of it, by configuration and ledger. */
export function guardedComponents(config: Config, facts: Facts): GuardedComponents {
  const { guarded } = facts.components ?? NO_COMPONENTS;
  const rules = guardRules(config.guardrail);
  const executables = rules.filter(({ executable }) => executable);
  const exact = new Set(executables.map(({ pattern }) => pattern));
  const globs = executables.filter(({ pattern }) => isGlob(pattern));
  const wanted = new Map<string, Wanted>();
  for (const [path, fingerprint] of Object.entries(guarded))
    wanted.set(path, { fingerprint, executable: exact.has(path) || globs.some(({ matches }) => matches(path)) });
  return { wanted, findings: [...unaccepted(rules, guarded), ...nothingGuarded(config, guarded)] };
}

/** How many there are, the machinery's own folders among them. */
export function countOf({ wanted }: GuardedComponents): number {
  return wanted.size + OWN_FOLDERS.length;
}

/** Which of the machinery's own folders are not there. */
export function missingFolders(files: Files, base: string): readonly Finding[] {
  return OWN_FOLDERS.flatMap((path) => {
    const real = files.realPath(join(base, path));
    if (real !== undefined && files.info(real)?.kind === "folder") return [];
    return [{ path, reason: "missing" as const, message: "the folder is not there" }];
  });
}

/** How everything is now, as a look from outside finds it. */
export interface GuardrailReport {
  readonly heal: HealWish;
  readonly count: number;
  readonly components: readonly {
    readonly path: string;
    readonly kind: "file" | "folder";
    readonly since: string;
    readonly by: string;
    readonly size_bytes?: number;
  }[];
  readonly findings: readonly (Finding & { readonly since?: string })[];
}

/** Looks at everything once, changing nothing; for commands, with or without a daemon. */
export async function lookAtComponents(
  files: Files,
  clock: Clock,
  base: BoundBase,
  facts: Facts,
): Promise<GuardrailReport> {
  const { config } = configInEffect(files, new Vault(files, base.vault), facts, configPath(base.path));
  const guarded = guardedComponents(config, facts);
  const looked = await new ComponentCheck(files, clock, base).look(guarded.wanted);
  const { drifts } = facts.components ?? NO_COMPONENTS;
  const findings = [...looked, ...guarded.findings, ...missingFolders(files, base.path)].map((finding) => {
    const since = drifts[finding.path]?.since;
    return { ...finding, ...(since === undefined ? {} : { since }) };
  });
  const components = [...guarded.wanted].map(([path, { fingerprint }]) => {
    const { kind, since, by, sizeBytes } = fingerprint;
    return { path, kind, since, by, ...(sizeBytes === undefined ? {} : { size_bytes: sizeBytes }) };
  });
  return { heal: config.guardrail.heal, count: countOf(guarded), components, findings };
}

/** What somebody wants guarded and nobody has accepted: nobody knows what it has to be. */
function unaccepted(rules: readonly GuardRule[], guarded: Components["guarded"]): Finding[] {
  const paths = Object.keys(guarded);
  const isAccepted = ({ pattern, matches }: GuardRule) =>
    isGlob(pattern) ? paths.some(matches) : guarded[pattern] !== undefined;
  return rules
    .filter((rule) => !rule.isUsual && !isAccepted(rule))
    .map(({ pattern }) => ({
      path: pattern,
      reason: "not_accepted",
      message: "guardrail.components names it, and nobody has accepted what it has to be: wo guardrail accept",
    }));
}

function nothingGuarded({ guardrail }: Config, guarded: Components["guarded"]): Finding[] {
  if (guardrail.components?.length !== 0 || Object.keys(guarded).length > 0) return [];
  const message = "guardrail.components is empty, and nothing was accepted: nothing would be missed";
  return [{ path: "guardrail.components", reason: "nothing_guarded", message }];
}
