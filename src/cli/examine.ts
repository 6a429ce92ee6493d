/** An order file as the daemon of the base would take it: read, looked through for secrets, judged by its lane. Changes nothing. */
import { basename, relative, resolve } from "node:path";
import { peekFolder } from "../bridge/folder-drop.ts";
import { BridgeFolders } from "../bridge/lanes.ts";
import { signatureOf, stemOf } from "../bridge/names.ts";
import { DEFAULT_CONFIG, laneRules } from "../daemon/config.ts";
import { judgeOrder } from "../daemon/judging.ts";
import { type WholeOrder, withItsOperations } from "../daemon/operations.ts";
import { placeRules, routerOf } from "../daemon/surroundings.ts";
import type { Verdict } from "../orders/lane-rules.ts";
import { LIMITS } from "../orders/limits.ts";
import type { Order } from "../orders/order.ts";
import { keyText, type Problem } from "../orders/problems.ts";
import { readOrder } from "../orders/read-order.ts";
import { placed } from "../orders/refusals.ts";
import { nameWithoutSecrets, secretNameProblem, secretsInFile } from "../orders/secrets.ts";
import { tellerOf, textsOf } from "../orders/teller.ts";
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
  const dropped = entry ?? (here.ok ? laneOfPlace(context, here.value, absolute) : undefined) ?? DEFAULT_LANE;
  const { bytes: source, order: read } = await readWhole(context, here, { bytes, stem, entry: dropped });
  const signed = files.info(signatureOf(absolute)) !== undefined;
  const judged =
    read.ok && here.ok ? await judgeIn(context, here.value, read.value, { entry: dropped, signed }) : undefined;
  const rules = laneRules(here.ok ? here.value.config : DEFAULT_CONFIG, judged?.lane ?? dropped);
  const secretRules = await loadSecretRules();
  const texts = textsOf(source).map((text) => ({ ...text, secrets: ok(secretsInFile(text.bytes, secretRules)) }));
  const teller = tellerOf(texts, rules.guards.secrets);
  const refusals = judged?.verdict.kind === "refuse" ? judged.verdict.refusals : [];
  const inName = nameWithoutSecrets(basename(absolute), secretRules) !== undefined && rules.guards.secrets === "refuse";
  const problems = [
    ...(inName ? [secretNameProblem(basename(absolute), secretRules)] : []),
    ...teller.told(read.ok ? placed(refusals, source, stem) : read.error),
  ];
  const isBad = !read.ok || problems.some(({ code }) => code === "secret_found");
  return {
    bytes,
    ...(read.ok ? { order: read.value } : {}),
    ...(judged === undefined ? {} : { judged }),
    problems,
    exit: isBad ? EXIT.usage : problems.length > 0 ? EXIT.refused : EXIT.yes,
  };
}

/** The order with what the file holds that it names; with a doubt where no base says which file that is. */
async function readWhole(
  context: Context,
  here: Result<BaseInEffect, BridgeError>,
  { bytes, stem, entry }: { readonly bytes: Buffer; readonly stem: string; readonly entry: string },
): Promise<WholeOrder> {
  const order = readOrder(bytes, stem);
  const named = order.ok ? order.value.operationsFile : undefined;
  if (!order.ok || named === undefined) return { bytes, order };
  if (here.ok) {
    const { base, config } = here.value;
    const rules = placeRules(context, base, config, wayOf(context, here.value, order.value, entry).lane);
    const reader = { files: context.files, readOrder: async (all: Buffer) => readOrder(all, stem) };
    return withItsOperations(reader, { bytes, stem, order: order.value }, rules);
  }
  const message = `what ${named.path} holds was not read: it is a file of a base, and ${here.error.message}`;
  const doubt = { code: "not_read" as const, message, hint: "say which base: -C DIR", key: keyText(named.at) };
  return { bytes, order: ok({ ...order.value, warnings: [...order.value.warnings, doubt] }) };
}

async function judgeIn(
  context: Context,
  here: BaseInEffect,
  order: Order,
  { entry, signed }: { readonly entry: string; readonly signed: boolean },
): Promise<JudgedInLane> {
  const { lane, noRoute } = wayOf(context, here, order, entry);
  const { verdict } = await judgeOrder(context.files, order, {
    places: placeRules(context, here.base, here.config, lane),
    rules: laneRules(here.config, lane),
    origin: { backlog: false, fromGit: false, signed },
    noRoute,
  });
  return { entry, lane, verdict };
}

/** The lane that an order of `entry` belongs into. */
function wayOf({ files, machine }: Context, { base, config }: BaseInEffect, order: Order, entry: string) {
  return routerOf(new BridgeFolders(files, base.path, machine.userId), () => config).wayOf(order, entry);
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
