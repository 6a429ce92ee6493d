/** An order file as the daemon of the base would take it: read, looked through for secrets, judged by its lane. Changes nothing. */
import { basename, relative, resolve } from "node:path";
import { peekFolder } from "../bridge/folder-drop.ts";
import { BridgeFolders } from "../bridge/lanes.ts";
import { signatureOf, stemOf } from "../bridge/names.ts";
import { DEFAULT_CONFIG, laneRules } from "../daemon/config.ts";
import { judgeOrder } from "../daemon/judging.ts";
import { placeRules, routerOf } from "../daemon/surroundings.ts";
import type { Verdict } from "../orders/lane-rules.ts";
import { LIMITS } from "../orders/limits.ts";
import type { Order } from "../orders/order.ts";
import { bounded, type Problem } from "../orders/problems.ts";
import { readOrder } from "../orders/read-order.ts";
import { placed } from "../orders/refusals.ts";
import { nameWithoutSecrets, secretNameProblem, secretsInFile } from "../orders/secrets.ts";
import { tellerOf } from "../orders/teller.ts";
import { type BridgeError, EXIT } from "../platform/errors.ts";
import { ok, type Result } from "../platform/result.ts";
import { loadSecretRules } from "../platform/secrets.ts";
import type { BaseInEffect } from "./config-of-base.ts";
import type { Context } from "./context.ts";

/** The lane of orders whose place and words name none. */
export const DEFAULT_LANE = "CLC";

export interface Examined {
  /** Absent when the file could not be read. */
  readonly bytes?: Buffer;
  /** Absent when the file is no order. */
  readonly order?: Order;
  /** What the lane makes of the order; absent without one, and where no base is known. */
  readonly judged?: JudgedInLane;
  /** Everything that is wrong with the file, and everything that the lane has against it; no secret of it is shown. */
  readonly problems: readonly Problem[];
  /** 2 for a file that is no order or holds secrets that the lane refuses, 5 for an order that its lane refuses. */
  readonly exit: number;
}

export interface JudgedInLane {
  /** Dropped into `entry` it would be an order of `lane`. */
  readonly entry: string;
  readonly lane: string;
  readonly verdict: Verdict;
}

/** Examines a file for the lane `entry`; without one, for the lane in whose folders it lies, else the usual one. */
export async function examine(
  context: Context,
  path: string,
  here: Result<BaseInEffect, BridgeError>,
  entry?: string,
): Promise<Examined> {
  const { files, machine } = context;
  const absolute = resolve(machine.currentFolder, path);
  const isFolder = files.info(absolute)?.kind === "folder";
  const reading = isFolder ? peekFolder(files, absolute) : files.peek(absolute, LIMITS.sizeBytes + 1);
  if (reading.kind !== "file") {
    const message = reading.kind === "absent" ? `there is no file ${path}` : `${path} is no file that can be read`;
    return { problems: [{ code: "unreadable", message }], exit: EXIT.usage };
  }
  const { bytes } = reading;
  const stem = stemOf(basename(absolute));
  const read = readOrder(bytes, stem);
  const dropped = entry ?? (here.ok ? laneOfPlace(context, here.value, absolute) : undefined) ?? DEFAULT_LANE;
  const signed = files.info(signatureOf(absolute)) !== undefined;
  const judged =
    read.ok && here.ok ? await judgeIn(context, here.value, read.value, { entry: dropped, signed }) : undefined;
  const rules = laneRules(here.ok ? here.value.config : DEFAULT_CONFIG, judged?.lane ?? dropped);
  const secretRules = await loadSecretRules();
  const teller = tellerOf(bytes, ok(secretsInFile(bytes, secretRules)), rules);
  const refusals = judged?.verdict.kind === "refuse" ? judged.verdict.refusals : [];
  const inName = nameWithoutSecrets(basename(absolute), secretRules) !== undefined && rules.guards.secrets === "refuse";
  const problems = bounded([
    ...(inName ? [secretNameProblem(basename(absolute), secretRules)] : []),
    ...teller.told(read.ok ? placed(refusals, bytes, stem) : read.error),
  ]);
  const isBad = !read.ok || problems.some(({ code }) => code === "secret_found");
  return {
    bytes,
    ...(read.ok ? { order: read.value } : {}),
    ...(judged === undefined ? {} : { judged }),
    problems,
    exit: isBad ? EXIT.usage : problems.length > 0 ? EXIT.refused : EXIT.yes,
  };
}

async function judgeIn(
  context: Context,
  { base, config }: BaseInEffect,
  order: Order,
  { entry, signed }: { readonly entry: string; readonly signed: boolean },
): Promise<JudgedInLane> {
  const folders = new BridgeFolders(context.files, base.path, context.machine.userId);
  const { lane, noRoute } = routerOf(folders, () => config).wayOf(order, entry);
  const { verdict } = await judgeOrder(context.files, order, {
    places: placeRules(context, base, config, lane),
    rules: laneRules(config, lane),
    origin: { backlog: false, fromGit: false, signed },
    noRoute,
  });
  return { entry, lane, verdict };
}

/** The lane whose folder of the bridge a file lies in: waiting there, rejected or done. */
function laneOfPlace({ files }: Context, { base }: BaseInEffect, absolute: string): string | undefined {
  for (const path of [files.realPath(absolute) ?? absolute, absolute]) {
    const [bridge, folder = "", lane, ...rest] = relative(base.path, path).split("/");
    if (bridge === "bridge" && OF_LANES.has(folder) && rest.length > 0) return lane;
  }
  return undefined;
}

const OF_LANES: ReadonlySet<string> = new Set(["inbox", "error", "processed"]);
