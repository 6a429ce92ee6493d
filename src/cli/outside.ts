/**
 * `wo guardrail check --outside`: a look by somebody who is not the daemon, for a timer of the system's own. Whether the daemon
 * works is what the daemon cannot tell. Says nothing while it does; else once, and once a day while it lasts.
 */
import { join } from "node:path";
import { z } from "zod";
import { writeAlert } from "../daemon/alerts.ts";
import type { BoundBase } from "../daemon/base.ts";
import { checksOf } from "../daemon/checkup.ts";
import { telemetryPath } from "../daemon/opening.ts";
import { AppendFile } from "../platform/append-file.ts";
import { isoTime } from "../platform/clock.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import { parseJson } from "../platform/result.ts";
import { plainLine } from "../platform/terminal.ts";
import { type CodedFinding, examine } from "../upkeep/doctor.ts";
import { answer, type Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";
import { patientOf } from "./doctor.ts";

const LOOKED_AT = new Set(["base", "vault", "daemon"]);
/** Nobody waits for it, and a machine that is busy is no dead daemon. */
const PATIENCE_MS = 10_000;
const AGAIN_MS = 86_400_000;
const MEMORY_BYTES_MAX = 64 * 1024;
const NEWLINE = 10;

/** What was told already. */
const memorySchema = z.object({ seen: z.string(), since: z.string(), told: z.string() });
type Memory = z.infer<typeof memorySchema>;

/** 0 while the daemon works; 1 when it does not, or nobody can tell. */
export async function lookFromOutside(context: Context): Promise<number> {
  const checks = checksOf(patientOf(context, PATIENCE_MS)).filter(({ code }) => LOOKED_AT.has(code));
  const findings = await examine(checks, context.clock, PATIENCE_MS);
  const worst = findings.find(({ mark }) => mark === "error" || mark === "unknown");
  const untold = await tellOf(context, worst);
  answer(context, "outside", { findings, untold }, () =>
    [...(worst === undefined ? ["✓ the daemon works"] : [lineOf(worst)]), ...untold].join("\n"),
  );
  return worst === undefined ? EXIT.yes : EXIT.no;
}

function lineOf({ seen, since, next }: CodedFinding): string {
  const when = since === undefined ? "" : `, since ${since}`;
  return `✗ ${plainLine(seen)}${when}${next === undefined ? "" : `\n  next: ${plainLine(next)}`}`;
}

/** Tells what is new, or old enough to be told again; what could not be written down, and why. */
async function tellOf(context: Context, worst: CodedFinding | undefined): Promise<readonly string[]> {
  const { files, clock } = context;
  let bound: BoundBase;
  try {
    bound = boundBase(context);
  } catch (thrown) {
    // Without a base, or before its volume is mounted, there is nowhere to write; who runs this reads what it says.
    if (!(thrown instanceof BridgeError)) throw thrown;
    return [`told nowhere else: ${thrown.message}`];
  }
  const path = join(bound.vault, "outside.json");
  const known = memoryIn(files.peek(path, MEMORY_BYTES_MAX));
  const now = isoTime(clock.now());
  if (worst === undefined) {
    if (known === undefined) return [];
    files.remove(path);
    return tell(context, bound, { event: "wo_pipeline_healed", path: "daemon", what: `it works again; ${known.seen}` });
  }
  const isTold = known?.seen === worst.seen && clock.now() - Date.parse(known.told) < AGAIN_MS;
  if (isTold) return [];
  const since = known?.seen === worst.seen ? known.since : (worst.since ?? now);
  await files.publish(path, JSON.stringify({ seen: worst.seen, since, told: now } satisfies Memory), 0o600);
  const said = { missing: "daemon", reason: worst.code, message: worst.seen, since };
  return tell(context, bound, { event: "wo_pipeline_drift", ...said });
}

function memoryIn(reading: ReturnType<Context["files"]["peek"]>): Memory | undefined {
  const memory = memorySchema.safeParse(
    reading.kind === "file" ? parseJson(reading.bytes.toString("utf8")) : undefined,
  );
  return memory.success ? memory.data : undefined;
}

type Told =
  | { readonly event: "wo_pipeline_healed"; readonly path: string; readonly what: string }
  | {
      readonly event: "wo_pipeline_drift";
      readonly missing: string;
      readonly reason: string;
      readonly message: string;
      readonly since: string;
    };

/** One line in telemetry, one in the log of alerts. */
async function tell({ files, clock }: Context, base: BoundBase, told: Told): Promise<readonly string[]> {
  const ts = isoTime(clock.now());
  const isWell = told.event === "wo_pipeline_healed";
  const { event, ...fields } = told;
  const line = JSON.stringify({ ts, agent: "wo_pipeline_guardrail", event, ok: isWell, ...fields, outside: true });
  const text = isWell ? told.what : `${told.message}, since ${told.since}`;
  const places: readonly (readonly [string, () => Promise<void>])[] = [
    ["telemetry", () => appendWhole(files, telemetryPath(base.path), line)],
    ["the log of alerts", () => writeAlert(files, base.path, `[${ts}] ${isWell ? "WELL" : "ALERT"}: daemon: ${text}`)],
  ];
  const untold: string[] = [];
  for (const [name, write] of places) {
    try {
      await write();
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown;
      untold.push(`not told in ${name}: ${thrown.message}`);
    }
  }
  return untold;
}

/** Never behind half a line: what the daemon left there it mends itself, and can only where it is the end. */
async function appendWhole(files: Context["files"], path: string, line: string): Promise<void> {
  if (files.info(path) === undefined) throw new BridgeError("DISK_REFUSED", `${path} is not there`);
  const file = AppendFile.open(files, path, 0o644, true);
  try {
    const isWhole = file.sizeBytes === 0 || file.read(file.sizeBytes - 1, 1)[0] === NEWLINE;
    if (!isWhole)
      throw new BridgeError("DISK_REFUSED", `${path} ends in half a line, which the daemon's next start mends`);
    await file.append(Buffer.from(`${line}\n`));
  } finally {
    file.close();
  }
}
