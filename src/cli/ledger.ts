/** `wo ledger verify|show|repair`. */
import { checkpointsOf } from "../daemon/opening.ts";
import { planRepair, type RepairPlan, repairLedger } from "../daemon/repair.ts";
import { EXIT } from "../platform/errors.ts";
import { Vault } from "../records/vault.ts";
import { type LedgerReport, verifyLedger } from "../upkeep/verify-ledger.ts";
import { answer, type Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";
import { groundOf } from "./ground.ts";
import { showLog } from "./log.ts";

/** Reads all of it; 6 when anything is damaged. */
export function verify(context: Context): number {
  const { files, machine } = context;
  const base = boundBase(context);
  const report = verifyLedger(files, new Vault(files, base.vault), checkpointsOf(files, machine, base));
  const isDamaged = report.findings.some(({ isDamage }) => isDamage);
  answer(context, "ledger", { ...report, sound: !isDamaged }, () => reportText(context, report, isDamaged));
  return isDamaged ? EXIT.integrity : EXIT.yes;
}

function reportText(
  { terminal }: Context,
  { entries, headSeq, blobs, pruned, findings }: LedgerReport,
  isDamaged: boolean,
): string {
  const head = isDamaged
    ? `${terminal.paint("red", "✗")} the ledger is damaged, or not the one it was`
    : `${terminal.paint("green", "✓")} the chain is intact`;
  const lines = findings.map(({ code, message }) => `  ${terminal.paint("yellow", "!")} ${message} [${code}]`);
  const next = isDamaged ? ["next: wo ledger repair    (says what it would do; --apply does it)"] : [];
  const gone = pruned === 0 ? "" : `, ${pruned} of them pruned`;
  return [`${head}: ${entries} entries up to ${headSeq}, ${blobs} blobs${gone}`, ...lines, ...next].join("\n");
}

/** Plans a repair; with `apply` carries it out. */
export async function repair(context: Context, apply: boolean): Promise<number> {
  const base = boundBase(context);
  const wish = { path: base.path, vault: context.machine.env["WO_VAULT"], by: context.actor };
  const plan = apply ? await repairLedger(groundOf(context), wish) : planRepair(context.files, context.machine, base);
  answer(context, "repair", { needed: plan !== undefined, applied: plan !== undefined && apply, plan }, () =>
    planText(context, plan, apply),
  );
  return plan === undefined || apply ? EXIT.yes : EXIT.integrity;
}

function planText({ terminal }: Context, plan: RepairPlan | undefined, applied: boolean): string {
  if (plan === undefined) return `${terminal.paint("green", "✓")} the ledger can be continued: nothing to repair`;
  const { lostFrom, lostTo, held, reason, segment } = plan;
  const verb = applied ? "" : "would ";
  const lines = [
    `${terminal.paint("yellow", "!")} ${reason}`,
    `  ${applied ? "lost" : "would be lost"}: entries ${lostFrom} to ${lostTo}${segment === "" ? "" : `; ${segment} is kept as it is`}`,
    `  ${held.length} orders ${verb}wait for you, none is run again${held.length === 0 ? "" : `: ${held.slice(0, 10).join(", ")}`}`,
  ];
  return [...lines, applied ? "next: wo daemon start    wo status" : "next: wo ledger repair --apply"].join("\n");
}

/** The newest entries. */
export function show(context: Context, lines: number): Promise<number> {
  return showLog(context, undefined, { lines });
}
