/** What the record says, and whether it may be believed: ledger, configuration, components, orders, the last canary. */
import { typedWord } from "../../platform/shell.ts";
import type { OrderIndex } from "../../records/order-index.ts";
import { Vault } from "../../records/vault.ts";
import type { Finding } from "../../upkeep/doctor.ts";
import { lookOverLedger } from "../../upkeep/verify-ledger.ts";
import type { BoundBase } from "../base.ts";
import { configProblemText } from "../config.ts";
import { lookAtComponents } from "../guarded.ts";
import { checkpointsOf, type examineBooks, type Ground } from "../opening.ts";
import type { Runtime } from "../runtime.ts";
import { configInEffect, configPath } from "../settings.ts";
import { fileNeeds, ledgerBytes, type Need, orderNeeds } from "../status.ts";

const MIB = 1024 * 1024;
/** All of a ledger of this size is read in well under a second. */
const VERIFY_BYTES = 8 * MIB;
/** As much of what it refers to, too. */
const CONTENT_BYTES = 64 * MIB;
const NEEDS_SHOWN = 20;

export type ReadBooks = ReturnType<typeof examineBooks>;

export async function ledgerFindings(
  { files, machine }: Ground,
  base: BoundBase,
  { index, refusal }: ReadBooks,
): Promise<Finding[]> {
  if (refusal !== undefined) return [{ mark: "error", seen: refusal.error.message, next: refusal.error.hint }];
  if (ledgerBytes({ files, base }) > VERIFY_BYTES)
    return [{ mark: "ok", seen: `${index.head.seq} entries; read from its snapshot on (all of it: wo ledger verify)` }];
  const checkpoints = checkpointsOf(files, machine, base);
  const report = await lookOverLedger(files, new Vault(files, base.vault), checkpoints, CONTENT_BYTES);
  const faults = report.findings.map(({ message, isDamage }): Finding => {
    const next = isDamage ? "wo ledger repair    (says what it would do)" : "wo daemon start mends it";
    return { mark: isDamage ? "error" : "warning", seen: message, next };
  });
  const { count, bytes } = report.unread;
  const mib = Math.round(bytes / MIB);
  const unread = count === 0 ? "" : `; ${count} contents (${mib} MiB) were not read: wo ledger verify reads all`;
  const sound: Finding = {
    mark: "ok",
    seen: `${report.entries} entries, chain intact, ${report.blobs} contents there${unread}`,
  };
  return faults.length > 0 ? faults : [sound];
}

export function configFindings({ files }: Ground, base: BoundBase, { index, refusal }: ReadBooks): Finding[] {
  const { facts } = index;
  const vault = new Vault(files, base.vault);
  const { problems, pending } = configInEffect(files, vault, facts, configPath(base.path));
  const isFirst = facts.config === undefined;
  const known = isFirst ? "; none was accepted before it: no daemon starts" : "; the last accepted one is in effect";
  // Of a record that ends too early nobody knows what was accepted behind that.
  const rest = isFirst && refusal !== undefined ? "" : known;
  const broken = problems.map((problem): Finding => {
    return { mark: "error", seen: `${configProblemText(problem)}${rest}`, next: "mend wo-bridge.yaml" };
  });
  const wishes = pending.map((wish): Finding => {
    return { mark: "warning", seen: `not accepted, and not in effect: ${wish}`, next: "wo config accept" };
  });
  const found = [...broken, ...wishes];
  const seen = isFirst ? "none was accepted yet: the defaults hold" : "as it was accepted";
  return found.length > 0 ? found : [{ mark: "ok", seen }];
}

/** `live`: the daemon that answers now. */
export function canaryFindings({ facts }: OrderIndex, live: Runtime | undefined): Finding[] {
  const { canary } = facts;
  if (canary === undefined) {
    const seen = facts.knowsCanaries
      ? "no canary yet: nobody has seen an order go the whole way"
      : "no canary since wo-bridge was upgraded; of those before that its index says nothing";
    return [{ mark: "not_here", seen, next: "wo canary" }];
  }
  const { ts: since, wo_id, fault } = canary;
  if (fault !== undefined)
    return [
      { mark: "error", seen: `the last canary (${wo_id}) did not come through: ${fault}`, since, next: "wo canary" },
    ];
  const before = live !== undefined && live.since > since ? ", before this daemon ran: wo canary asks again" : "";
  return [{ mark: "ok", seen: `the last canary came through whole${before}`, since }];
}

export async function guardrailFindings(
  { files, clock }: Ground,
  base: BoundBase,
  { facts }: OrderIndex,
): Promise<Finding[]> {
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

export function orderFindings({ files, clock }: Ground, base: BoundBase, index: OrderIndex): Finding[] {
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
