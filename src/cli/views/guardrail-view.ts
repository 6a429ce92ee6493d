/** What `wo guardrail` shows. */
import type { ComponentAnswer, SnapshotAnswer } from "../../daemon/component-desk.ts";
import type { GuardrailReport } from "../../daemon/guarded.ts";
import type { HealWish } from "../../daemon/guardrail-config.ts";
import { typedWord } from "../../platform/shell.ts";
import { plainLine, type Terminal } from "../../platform/terminal.ts";
import type { Finding } from "../../upkeep/component-check.ts";

const SHOWN = 50;

export function findingsText(terminal: Terminal, report: GuardrailReport): string {
  const { findings, count, heal } = report;
  if (findings.length === 0)
    return `${terminal.paint("green", "✓")} ${count} components are as they have to be${guardedHint(report)}`;
  const lines = findings.slice(0, SHOWN).flatMap((finding) => findingLines(terminal, finding, heal));
  const more = findings.length > SHOWN ? [`and ${findings.length - SHOWN} more`] : [];
  return [...lines, ...more, `${terminal.paint("red", "✗")} ${findings.length} of ${count}`].join("\n");
}

function guardedHint({ components }: GuardrailReport): string {
  return components.length > 0
    ? ""
    : ", and all of them are the daemon's own folders\nnext: wo guardrail accept PATH…, for what must not vanish";
}

function findingLines(terminal: Terminal, finding: GuardrailReport["findings"][number], heal: HealWish): string[] {
  const { path, reason, message, since } = finding;
  const when = since === undefined ? "" : `, since ${since}`;
  return [
    `${terminal.paint("red", "✗")} ${plainLine(path)}  ${reason}: ${plainLine(message)}${when}`,
    `    next: ${nextOf(finding, heal)}`,
  ];
}

/** What to type. */
function nextOf({ path, reason }: Finding, heal: HealWish): string {
  const word = typedWord(path);
  const isGone = reason === "missing" || reason === "moved";
  if (reason === "nothing_guarded") return "wo guardrail accept PATH…";
  if (reason === "not_accepted") return `wo guardrail accept ${word}, once it is as it has to be`;
  if (isGone && heal !== "off") return `nothing: the daemon puts it back; or wo guardrail release ${word}`;
  return `mend it, or wo guardrail accept ${word} as it is, or wo guardrail release ${word}`;
}

export function componentsText(terminal: Terminal, { components, findings, heal }: GuardrailReport): string {
  if (components.length === 0)
    return "nothing is guarded but the daemon's own folders\nnext: wo guardrail accept PATH…";
  const wrong = new Map(findings.map((finding) => [finding.path, finding.reason]));
  const lines = components.map(({ path, kind, since, by }) => {
    const reason = wrong.get(path);
    const mark = reason === undefined ? terminal.paint("green", "✓") : terminal.paint("red", "✗");
    const how = reason === undefined ? "" : `  ${reason}`;
    return `${mark} ${plainLine(path)}${kind === "folder" ? "/" : ""}  since ${since}, by ${plainLine(by)}${how}`;
  });
  return [...lines, `heal: ${heal}`].join("\n");
}

export function decidedText(terminal: Terminal, verb: "accept" | "release", done: ComponentAnswer): string {
  const paths = verb === "accept" ? done.accepted : done.released;
  const word = verb === "accept" ? "guarded as it is now" : "not guarded any more";
  const lines = paths.slice(0, SHOWN).map((path) => `${terminal.paint("green", "✓")} ${plainLine(path)}: ${word}`);
  if (paths.length > SHOWN) lines.push(`and ${paths.length - SHOWN} more`);
  if (done.unchanged > 0) lines.push(`${done.unchanged} were accepted as they are already`);
  for (const { path, message } of done.refused)
    lines.push(`${terminal.paint("red", "✗")} ${plainLine(path)}: ${message}`);
  if (lines.length === 0) lines.push("nothing of what wo-bridge.yaml names is there: nothing to accept");
  return lines.join("\n");
}

export function snapshotText(terminal: Terminal, { kept, refused }: SnapshotAnswer): string {
  const [first] = kept;
  const head =
    first === undefined
      ? "nothing was kept"
      : `${terminal.paint("green", "✓")} kept as they are now: ${kept.length} ${kept.length === 1 ? "file" : "files"}`;
  return [
    head,
    ...kept.slice(0, SHOWN).map((path) => `  ${plainLine(path)}`),
    ...(kept.length > SHOWN ? [`  and ${kept.length - SHOWN} more`] : []),
    ...refused.map(({ path, message }) => `${terminal.paint("red", "✗")} ${plainLine(path)}: ${message}`),
    ...(first === undefined
      ? []
      : [`next: whatever you were about to do; wo undo --path ${typedWord(first)} brings one back`]),
  ].join("\n");
}
