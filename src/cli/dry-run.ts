/** `wo submit --dry-run`: what an order would do, worked out on the base as it is, touching nothing. */
import { isUtf8 } from "node:buffer";
import { BridgeFolders } from "../bridge/lanes.ts";
import { laneRules } from "../daemon/config.ts";
import { placeRules, routerOf } from "../daemon/surroundings.ts";
import { judge, type Verdict } from "../orders/lane-rules.ts";
import type { Order, Step } from "../orders/order.ts";
import type { Failure } from "../orders/status.ts";
import { diffText } from "../orders/unified-diff.ts";
import { EXIT } from "../platform/errors.ts";
import { OpenFolders } from "../platform/folder.ts";
import { plainCode, plainLine, type Terminal } from "../platform/terminal.ts";
import { findPlace } from "../processors/places.ts";
import { type PlannedChangeOf, planFiles, relativePath } from "../processors/plan.ts";
import type { CheckedFile } from "./check.ts";
import { configOfBase } from "./config-of-base.ts";
import { answer, type Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";

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

/** Prints it; `signed`: something lies beside it that will be looked at as its signature. 1 when the order could not be carried out as things are, 5 when it would be refused. */
export async function dryRun(
  context: Context,
  { order }: CheckedFile,
  entry: string,
  signed: boolean,
): Promise<number> {
  const { files } = context;
  const base = boundBase(context);
  const config = configOfBase(context);
  const folders = new BridgeFolders(files, base.path, context.machine.userId);
  const { lane, noRoute } = routerOf(folders, () => config).wayOf(order, entry);
  const verdict = judge(order, laneRules(config, lane), { backlog: false, fromGit: false, signed }, noRoute);
  const rules = placeRules(context, base, config, lane);
  const open = new OpenFolders(files);
  const place = (path: string) => findPlace(files, path, rules);
  const plan = await planFiles(open, { actions: order.files, rules, place, previous: [] });
  open.close();
  const changes = plan.ok ? plan.value.map(changeOf) : [];
  const finding = plan.ok ? undefined : plan.error;
  const commands = order.steps.map(({ name, kind, when, argv }) => ({ name, kind, when, argv }));
  answer(context, "dry-run", { wo_id: order.id, lane, verdict, changes, commands, finding }, () =>
    text(context, order, lane === entry ? lane : `${entry} → ${lane}`, { verdict, changes, finding }),
  );
  if (verdict.kind === "refuse" || finding?.class === "policy") return EXIT.refused;
  return finding === undefined ? EXIT.yes : EXIT.no;
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

function text(
  { terminal }: Context,
  order: Order,
  way: string,
  {
    verdict,
    changes,
    finding,
  }: { readonly verdict: Verdict; readonly changes: readonly Change[]; readonly finding: Failure | undefined },
): string {
  const lines = [
    `${terminal.paint("bold", plainLine(order.id))}  ${plainLine(order.header.title)}  ${order.header.priority}  for ${way}`,
  ];
  lines.push(...changes.flatMap((change) => changeLines(terminal, change)));
  lines.push(...order.checks.map(({ path }) => `  ? ${plainLine(path)}  (verified)`));
  lines.push(...order.steps.flatMap(stepLines));
  if (finding !== undefined)
    lines.push(`  ${terminal.paint("red", "✗")} ${finding.class}: ${plainLine(finding.message)}`);
  lines.push(`  lane   ${verdictText(verdict)}`, "Nothing was written.");
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

function verdictText(verdict: Verdict): string {
  if (verdict.kind === "run") return "it would run";
  return verdict.kind === "wait"
    ? `it would wait (${verdict.reason}): ${verdict.message}`
    : `it would be rejected: ${verdict.problem.message}`;
}
