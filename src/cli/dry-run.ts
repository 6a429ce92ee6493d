/** `wo submit --dry-run`: what an order would do, worked out on the base as it is, touching nothing. */

import { BridgeFolders } from "../bridge/lanes.ts";
import { laneRules } from "../daemon/config.ts";
import { configInEffect, configPath } from "../daemon/settings.ts";
import { placeRules, routerOf } from "../daemon/surroundings.ts";
import { judge, type Verdict } from "../orders/lane-rules.ts";
import type { Order } from "../orders/order.ts";
import type { Failure } from "../orders/status.ts";
import { EXIT } from "../platform/errors.ts";
import { OpenFolders } from "../platform/folder.ts";
import { plainLine } from "../platform/terminal.ts";
import { findPlace } from "../processors/places.ts";
import { type PlannedChangeOf, planFiles } from "../processors/plan.ts";
import { readBooks } from "../records/books.ts";
import { Vault } from "../records/vault.ts";
import type { CheckedFile } from "./check.ts";
import { answer, type Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";

interface Change {
  readonly path: string;
  readonly change: "create" | "change" | "delete";
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

/** Prints it; 1 when the order could not be carried out as things are, 5 when it would be refused. */
export async function dryRun(context: Context, { order }: CheckedFile, entry: string): Promise<number> {
  const { files } = context;
  const base = boundBase(context);
  const vault = new Vault(files, base.vault);
  const read = readBooks(files, vault);
  const { facts } = read.ok ? read.value.index : read.error.index;
  const { config } = configInEffect(files, vault, facts, configPath(base.path));
  const folders = new BridgeFolders(files, base.path, context.machine.userId);
  const { lane, noRoute } = routerOf(folders, () => config).wayOf(order, entry);
  const verdict = judge(order, laneRules(config, lane), { backlog: false, fromGit: false }, noRoute);
  const rules = placeRules(context, base, config, lane);
  const open = new OpenFolders(files);
  const place = (path: string) => findPlace(files, path, rules);
  const plan = await planFiles(open, { actions: order.files, rules, place, previous: [] });
  open.close();
  const changes = plan.ok ? plan.value.map(changeOf) : [];
  const finding = plan.ok ? undefined : plan.error;
  const commands = order.steps.map(({ name, kind }) => ({ name, kind }));
  answer(context, "dry-run", { wo_id: order.id, lane, verdict, changes, commands, finding }, () =>
    text(context, order, lane === entry ? lane : `${entry} → ${lane}`, { verdict, changes, finding }),
  );
  if (verdict.kind === "refuse" || finding?.class === "policy") return EXIT.refused;
  return finding === undefined ? EXIT.yes : EXIT.no;
}

function changeOf({ place, before, after }: PlannedChangeOf): Change {
  const change = after === undefined ? "delete" : before === undefined ? "create" : "change";
  return {
    path: [...(place.root === "." ? [] : [place.root]), ...place.folders, place.name].join("/"),
    change,
    beforeBytes: before?.bytes.length ?? 0,
    afterBytes: after?.bytes.length ?? 0,
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
  const signs = { create: "+", change: "~", delete: "-" } as const;
  const lines = [
    `${terminal.paint("bold", plainLine(order.id))}  ${plainLine(order.header.title)}  ${order.header.priority}  for ${way}`,
  ];
  lines.push(
    ...changes.map(
      ({ path, change, beforeBytes, afterBytes }) =>
        `  ${signs[change]} ${plainLine(path)}  ${beforeBytes} → ${afterBytes} bytes`,
    ),
  );
  lines.push(...order.steps.map(({ name, kind }) => `  $ ${plainLine(name)}${kind === "check" ? "  (check)" : ""}`));
  if (finding !== undefined)
    lines.push(`  ${terminal.paint("red", "✗")} ${finding.class}: ${plainLine(finding.message)}`);
  lines.push(`  lane   ${verdictText(verdict)}`, "Nothing was written.");
  return lines.join("\n");
}

function verdictText(verdict: Verdict): string {
  if (verdict.kind === "run") return "it would run";
  return verdict.kind === "wait"
    ? `it would wait (${verdict.reason}): ${verdict.message}`
    : `it would be rejected: ${verdict.problem.message}`;
}
