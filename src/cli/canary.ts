/** `wo canary`: is the line open, from end to end? */
import { EXIT } from "../platform/errors.ts";
import { type CanaryReport, runCanary } from "../upkeep/canary.ts";
import { answer, type Context } from "./context.ts";
import { askDaemon, askRunningDaemon, boundBase } from "./daemon-client.ts";
import { dropOrder } from "./drop.ts";
import { followOrder } from "./wait.ts";

/** Sends one through; 0 when everything was seen, 1 when not, 3 when no daemon answers. */
export async function sendCanary(context: Context, lane: string, timeoutMs: number): Promise<number> {
  await askRunningDaemon(context, { call: "health" });
  const report = await runCanary({
    files: context.files,
    clock: context.clock,
    base: boundBase(context).path,
    lane,
    drop: async (name, text) => {
      await dropOrder(context, lane, name, { bytes: text });
    },
    follow: async (id) => {
      const followed = await followOrder(context, id, { timeoutMs, onChange: () => undefined });
      return followed.kind === "rested" ? followed.record.status : undefined;
    },
  });
  await askDaemon(context, {
    call: "canary",
    wo_id: report.woId,
    passed: report.passed,
    total_ms: report.totalMs,
    message: report.problems.join("; "),
  });
  answer(context, "canary", report, () => canaryText(context, report));
  return report.passed ? EXIT.yes : EXIT.no;
}

function canaryText({ terminal }: Context, { woId, passed, totalMs, stages, problems }: CanaryReport): string {
  const head = passed
    ? `${terminal.paint("green", "✓")} the line is open    ${woId}, ${totalMs} ms`
    : `${terminal.paint("red", "✗")} the line is not open    ${woId}`;
  const seen = stages.map(({ stage, atMs }) => `  ${stage.padEnd(14)} ${String(atMs).padStart(5)} ms`);
  const missing = problems.map((problem) => `  ${terminal.paint("red", "✗")} ${problem}`);
  return [head, ...seen, ...missing, ...(passed ? [] : [`next: wo show ${woId}    wo status`])].join("\n");
}
