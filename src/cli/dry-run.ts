/** `wo submit --dry-run`: what an order would do, worked out on the base as it is, touching nothing. */
import { isUtf8 } from "node:buffer";
import { placeRules } from "../daemon/surroundings.ts";
import type { Order, Step } from "../orders/order.ts";
import type { Problem } from "../orders/problems.ts";
import type { Failure } from "../orders/status.ts";
import { diffText } from "../orders/unified-diff.ts";
import { assert, type BridgeError, EXIT } from "../platform/errors.ts";
import { OpenFolders } from "../platform/folder.ts";
import type { Result } from "../platform/result.ts";
import { plainCode, plainLine, type Terminal } from "../platform/terminal.ts";
import { findPlace, type PlaceRules } from "../processors/places.ts";
import { type PlannedChangeOf, planFiles, relativePath } from "../processors/plan.ts";
import type { BaseInEffect } from "./config-of-base.ts";
import { answer, type Context } from "./context.ts";
import type { Examined, JudgedInLane } from "./examine.ts";
import { problemsText, verdictText, wayText } from "./views/problems-view.ts";

interface Change {
  readonly path: string;
  readonly change: "create" | "change" | "delete";
  readonly beforeBytes: number;
  readonly afterBytes: number;
  readonly beforeMode: number | undefined;
  readonly afterMode: number | undefined;
  /** Undefined where one of the two is no text, or comparing them takes too long. */
  readonly diff: string | undefined;
}

/** Prints it: 1 when the order could not be carried out as things are, 5 when it would be refused. Throws why there is no base. */
export async function dryRun(
  context: Context,
  path: string,
  here: Result<BaseInEffect, BridgeError>,
  { order, judged, problems }: Examined & { readonly order: Order },
): Promise<number> {
  if (!here.ok) throw here.error;
  assert(judged !== undefined, "an order is judged where there is a base");
  const { base, config } = here.value;
  const { lane, entry, verdict } = judged;
  const rules = placeRules(context, base, config, lane);
  const { plan, finding } = await planOf(context, order, rules, verdict.kind === "refuse");
  const changes = plan.map(changeOf);
  const commands = order.steps.map(({ name, kind, when, argv }) => ({ name, kind, when, argv }));
  const told = verdict.kind === "refuse" ? { kind: verdict.kind, problems } : verdict;
  answer(context, "dry-run", { wo_id: order.id, entry, lane, verdict: told, changes, commands, finding }, () =>
    text(context, path, { order, judged, problems, changes, finding }),
  );
  if (verdict.kind === "refuse" || finding?.class === "policy") return EXIT.refused;
  return finding === undefined ? EXIT.yes : EXIT.no;
}

/** What would change, or why that cannot be said. Of an order whose paths are refused that is told with its problems. */
async function planOf(
  { files }: Context,
  order: Order,
  rules: PlaceRules,
  isRefused: boolean,
): Promise<{ readonly plan: readonly PlannedChangeOf[]; readonly finding: Failure | undefined }> {
  const open = new OpenFolders(files);
  const place = (path: string) => findPlace(files, path, rules);
  const plan = await planFiles(open, { actions: order.files, rules, place, previous: [] });
  open.close();
  if (plan.ok) return { plan: plan.value, finding: undefined };
  return { plan: [], finding: isRefused && plan.error.class === "policy" ? undefined : plan.error };
}

function changeOf({ place, before, after }: PlannedChangeOf): Change {
  const change = after === undefined ? "delete" : before === undefined ? "create" : "change";
  return {
    path: place.root === "." ? relativePath(place) : `${place.root}/${relativePath(place)}`,
    change,
    beforeBytes: before?.bytes.length ?? 0,
    afterBytes: after?.bytes.length ?? 0,
    beforeMode: before?.mode,
    afterMode: after?.mode,
    diff: [before, after].some((picture) => picture !== undefined && !isUtf8(picture.bytes))
      ? undefined
      : diffText(relativePath(place), before?.bytes.toString("utf8"), after?.bytes.toString("utf8")),
  };
}

interface Shown {
  readonly order: Order;
  readonly judged: JudgedInLane;
  readonly problems: readonly Problem[];
  readonly changes: readonly Change[];
  readonly finding: Failure | undefined;
}

function text({ terminal }: Context, path: string, { order, judged, problems, changes, finding }: Shown): string {
  const way = plainLine(wayText(judged));
  const lines = [
    `${terminal.paint("bold", plainLine(order.id))}  ${plainLine(order.header.title)}  ${order.header.priority}  for ${way}`,
  ];
  lines.push(...changes.flatMap((change) => changeLines(terminal, change)));
  lines.push(...order.checks.map(({ path: checked }) => `  ? ${plainLine(checked)}  (verified)`));
  lines.push(...order.steps.flatMap(stepLines));
  if (finding !== undefined)
    lines.push(`  ${terminal.paint("red", "✗")} ${finding.class}: ${plainLine(finding.message)}`);
  lines.push(`  lane   ${plainLine(verdictText(judged.verdict))}`);
  if (problems.length > 0) lines.push(problemsText(terminal, path, problems));
  lines.push("Nothing was written.");
  return lines.join("\n");
}

/** A file with all that changes in it. */
function changeLines(terminal: Terminal, { path, change, beforeBytes, afterBytes, ...more }: Change): string[] {
  const sign = { create: "+", change: "~", delete: "-" }[change];
  const modes = [more.beforeMode, more.afterMode].map((mode) => mode?.toString(8).padStart(4, "0"));
  const changed = modes[0] === modes[1] ? "" : `, mode ${modes.join(" → ")}`;
  const mode = { create: modes[1] === "0644" ? "" : `, mode ${modes[1]}`, change: changed, delete: "" }[change];
  const head = `  ${sign} ${plainLine(path)}  ${beforeBytes} → ${afterBytes} bytes${mode}`;
  if (more.diff === undefined) return [head, "      (no text, or too much of it to be compared)"];
  const lines = more.diff
    .split("\n")
    .slice(2)
    .filter((line) => line !== "");
  return [head, ...lines.map((line) => `      ${painted(terminal, plainCode(line))}`)];
}

function painted(terminal: Terminal, line: string): string {
  const colors = { "+": "green", "-": "red", "@": "cyan" } as const;
  const sign = line.charAt(0);
  return sign === "+" || sign === "-" || sign === "@" ? terminal.paint(colors[sign], line) : line;
}

/** A command with all its lines. */
function stepLines({ name, kind, when, argv }: Step): string[] {
  const marks = [kind === "check" ? "check" : "", when === "normal" ? "" : WHEN_TEXTS[when]].filter(
    (mark) => mark !== "",
  );
  const head = `  $ ${plainLine(name)}${marks.length === 0 ? "" : `  (${marks.join(", ")})`}`;
  const text = argv[1] === "-c" ? (argv[2] ?? "") : argv.join(" ");
  const lines = text.trimEnd().split("\n").map(plainCode);
  return lines.length === 1 && lines[0] === name ? [head] : [head, ...lines.map((line) => `      ${line}`)];
}

const WHEN_TEXTS = {
  before: "before anything is touched",
  always: "also after a failure",
  failed: "only after a failure",
} as const;
