/** `wo ledger verify|note|show|repair`. */
import { checkpointsOf } from "../daemon/opening.ts";
import { planRepair, type RepairPlan, repairLedger } from "../daemon/repair.ts";
import { EXIT } from "../platform/errors.ts";
import { keepNote, keptNotes } from "../platform/git-notes.ts";
import { checkpointText } from "../records/checkpoint.ts";
import { Vault } from "../records/vault.ts";
import { type KeptCheckpoint, type LedgerReport, verifyLedger } from "../upkeep/verify-ledger.ts";
import { answer, type Context, complain } from "./context.ts";
import { boundBase } from "./daemon-client.ts";
import { groundOf } from "./ground.ts";
import { showLog } from "./log.ts";

/** Reads all of it, and asks whether it passes through the checkpoints in the vault and in git's notes; 6 when anything is damaged. */
export async function verify(context: Context): Promise<number> {
  const { files, machine } = context;
  const base = boundBase(context);
  const checkpoints = checkpointsOf(files, machine, base);
  const notes = await keptNotes(files, base.path);
  const kept = (notes.ok ? notes.value : []).flatMap(({ commit, text }): readonly KeptCheckpoint[] => {
    const name = `git's note on ${commit.slice(0, 10)}`;
    const state = checkpoints.judge(text, name);
    return state.kind === "proven" ? [{ name, state }] : [];
  });
  const report = verifyLedger(files, new Vault(files, base.vault), checkpoints, kept);
  const isDamaged = report.findings.some(({ isDamage }) => isDamage);
  const unread = notes.ok ? [] : [`git's notes could not be read: ${notes.error}`];
  answer(context, "ledger", { ...report, sound: !isDamaged, notes: kept.length, unread }, () =>
    [
      reportText(context, report, isDamaged),
      ...(kept.length === 0
        ? []
        : [`it ${isDamaged ? "was held against" : "passes through"} ${kept.length} of git's notes`]),
      ...unread,
    ].join("\n"),
  );
  return isDamaged ? EXIT.integrity : EXIT.yes;
}

/** Keeps the signed end of the ledger as a note of git, which travels where the vault does not. */
export async function note(context: Context): Promise<number> {
  const { files, machine, terminal } = context;
  const base = boundBase(context);
  const state = checkpointsOf(files, machine, base).read();
  if (state.kind !== "proven") {
    const hint = "wo ledger verify says how the ledger is; a daemon makes a checkpoint when it starts";
    complain(context, { code: "no_checkpoint", message: "the ledger has no checkpoint of this machine", hint });
    return EXIT.no;
  }
  const kept = await keepNote(files, base.path, checkpointText(state.checkpoint));
  if (!kept.ok) {
    complain(context, { code: "no_note", message: `git keeps no note: ${kept.error}` });
    return EXIT.no;
  }
  const { seq } = state.checkpoint;
  answer(context, "note", { seq, commit: kept.value }, () =>
    [
      `${terminal.paint("green", "✓")} entry ${seq} is noted on commit ${kept.value.slice(0, 10)}`,
      "next: git push origin refs/notes/wo-bridge, so that it is kept elsewhere, too",
    ].join("\n"),
  );
  return EXIT.yes;
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
