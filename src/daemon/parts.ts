/** The parts of a running daemon, put together: who knows whom is decided here and nowhere else. */
import { join } from "node:path";
import { Intake } from "../bridge/intake.ts";
import { BridgeFolders, type Lane } from "../bridge/lanes.ts";
import { Outbox } from "../bridge/outbox.ts";
import type { Router } from "../bridge/router.ts";
import { Settler } from "../bridge/settle.ts";
import { nameWithoutSecrets } from "../orders/secrets.ts";
import type { BridgeError } from "../platform/errors.ts";
import { GitTracking } from "../platform/git.ts";
import { newIdSource } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import type { Publisher } from "../platform/publisher.ts";
import type { Runner } from "../platform/runner.ts";
import type { SecretRules } from "../platform/secrets.ts";
import type { ExecutorTools } from "../processors/executor.ts";
import type { PlaceRules } from "../processors/places.ts";
import { TemporaryFolders } from "../processors/temporary-folders.ts";
import type { Books } from "../records/books.ts";
import { NO_COMPONENTS } from "../records/components.ts";
import { Telemetry } from "../records/telemetry.ts";
import { type BoundBase, MARK_FILE } from "./base.ts";
import { type Config, laneRules } from "./config.ts";
import { Dispatch } from "./dispatch.ts";
import { Line } from "./line.ts";
import { Notifier } from "./notify.ts";
import { type Ground, telemetryPath } from "./opening.ts";
import type { OrderReader } from "./order-reader.ts";
import { isPressure, Pressure } from "./pressure.ts";
import { Reception } from "./reception.ts";
import { Sandbox } from "./sandbox.ts";
import type { Settings } from "./settings.ts";
import { Signatures } from "./signatures.ts";
import { commandEnvironment, placeRules, routerOf } from "./surroundings.ts";
import { Views } from "./views.ts";

export interface PartsOptions {
  readonly ground: Ground;
  readonly log: Log;
  readonly base: BoundBase;
  readonly books: Books;
  readonly settings: Settings;
  readonly runner: Runner;
  readonly reader: OrderReader;
  readonly publisher: Publisher;
  /** Ends intake and everything that goes on by itself. */
  readonly signal: AbortSignal;
  readonly onFatal: (error: unknown) => void;
}

export interface Parts {
  readonly folders: BridgeFolders;
  readonly outbox: Outbox;
  readonly telemetry: Telemetry;
  readonly views: Views;
  readonly pressure: Pressure;
  readonly settler: Settler;
  readonly line: Line;
  readonly dispatch: Dispatch;
  readonly intake: Intake;
  readonly notifier: Notifier;
  readonly sandbox: Sandbox;
  readonly temporary: TemporaryFolders;
}

/** Builds them; nothing moves yet. */
export function assembleParts(options: PartsOptions): Parts {
  const { ground, log, base, books, settings, signal } = options;
  const { files, clock, machine } = ground;
  files.standOn(base.path, MARK_FILE);
  options.publisher.standOn(base.path, MARK_FILE).catch(options.onFatal);
  const folders = new BridgeFolders(files, base.path, machine.userId);
  const outbox = new Outbox(options.publisher, folders);
  const { telemetry, views } = assembleViews(options, outbox);
  const notifier = new Notifier({
    clock,
    log,
    base: base.path,
    command: () => settings.config.notify.command,
    minIntervalMs: () => settings.config.notify.minIntervalMs,
    signal,
  });
  const pressure = new Pressure({
    files,
    clock,
    books,
    folders: [base.path, base.vault],
    onPause: () => intake.pause(),
    onResume: () => intake.resume(),
    signal,
  });
  books.listen((entry) => {
    if (entry.event === "intake_paused") notifier.tell(entry);
  });
  const config = () => settings.config;
  const router = routerOf(folders, config);
  const rules = rulesByLane(ground, base, config);
  const settler = new Settler(files, options.publisher, folders);
  const shared = {
    folders,
    outbox,
    settler,
    telemetry,
    views,
    pressure,
    notifier,
    ...assembleConfinement(options, rules),
  };
  const line = assembleLine(options, { ...shared, router, rules });
  const dispatch = new Dispatch({
    files,
    books,
    line,
    router,
    views,
    config,
    placeRules: rules,
    onNews: (event) => notifier.tell(event),
  });
  const intake = assembleIntake(options, { folders, router, pressure, line });
  return { ...shared, line, dispatch, intake };
}

function assembleIntake(
  { ground: { files, clock }, log, books, settings, reader, signal, onFatal }: PartsOptions,
  { folders, router, pressure, line }: Pick<Parts, "folders" | "pressure" | "line"> & { readonly router: Router },
): Intake {
  return new Intake({
    files,
    clock,
    folders,
    newId: newIdSource(),
    rules: () => settings.config.intake,
    readOrder: reader.read,
    wantsSignature: ({ name }, order) =>
      laneRules(settings.config, router.wayOf(order, name).lane).signature === "required",
    onClaim: (claim) => line.takeIn(claim),
    onIgnored: ignoredOnce(books, reader.secretRules, onFatal),
    onRefused: refusedIntake(pressure, log),
    onFatal,
    signal,
  });
}

function assembleConfinement(
  { ground, base, settings }: PartsOptions,
  rules: (lane: string) => PlaceRules,
): Pick<Parts, "sandbox" | "temporary"> {
  const { files, machine } = ground;
  const sandbox = new Sandbox({ ...ground, vault: base.vault, config: () => settings.config, placeRules: rules });
  const root = machine.temporaryFolder;
  return { sandbox, temporary: new TemporaryFolders({ files, root, baseId: base.id, userId: machine.userId }) };
}

function assembleViews(
  { ground, log, base, books, settings, publisher, signal, onFatal }: PartsOptions,
  outbox: Outbox,
): { readonly telemetry: Telemetry; readonly views: Views } {
  const { files, clock, machine, system } = ground;
  const telemetry = new Telemetry({
    files,
    clock,
    path: telemetryPath(base.path),
    ledgerFolder: books.vault.ledger,
    ledgerId: books.index.facts.ledger,
    ...settings.config.telemetry,
  });
  const staleHours = () => Number(machine.env["STALE_AFTER_HOURS"] ?? settings.config.projections.staleAfterHours);
  const views = new Views({
    files,
    publisher,
    writeView: system.writeView,
    clock,
    log,
    books,
    outbox,
    telemetry,
    base: base.path,
    followupPaths: () => settings.config.projections.followup,
    staleAfterMs: () => staleHours() * 3_600_000,
    signal,
    onFatal,
  });
  return { telemetry, views };
}

function assembleLine(
  options: PartsOptions,
  parts: Omit<Parts, "line" | "dispatch" | "intake"> & {
    readonly router: Router;
    readonly rules: (lane: string) => PlaceRules;
  },
): Line {
  const { ground, log, base, books, settings, reader, onFatal } = options;
  const { files, clock } = ground;
  const { folders, settler, telemetry, sandbox, router, rules } = parts;
  const noSandbox = (lane: string) => sandbox.missing(lane);
  const git = new GitTracking(files, clock, files.realPath(folders.inbox) ?? base.path);
  const backlog =
    books.index.facts.backlog === undefined ? "" : books.vault.load(books.index.facts.backlog).toString("utf8");
  const config = () => settings.config;
  const reception = new Reception({
    files,
    books,
    settler,
    router,
    git,
    config,
    placeRules: rules,
    clock,
    readOrder: reader.read,
    findSecrets: reader.findSecrets,
    place: reader.place,
    secretRules: reader.secretRules,
    signatures: new Signatures({ files, vault: books.vault.path, signers: () => settings.signers }),
    noSandbox,
    backlog: new Set(backlog.split("\n")),
  });
  return new Line({
    ...parts,
    files,
    clock,
    log,
    books,
    vault: books.vault,
    reception,
    readOrder: reader.read,
    executor: executorOf(options, parts),
    placeRules: rules,
    noSandbox,
    notice: (notice) => telemetry.notice(notice),
    components: () => books.index.facts.components ?? NO_COMPONENTS,
    concurrency: () => settings.config.concurrency,
    laneConcurrency: (lane) => laneRules(settings.config, lane).concurrency,
    onNews: (event) => parts.notifier.tell(event),
    onFatal,
  });
}

function executorOf(
  { ground: { machine, processes }, base, books, settings, runner, reader }: PartsOptions,
  { sandbox, temporary }: Pick<Parts, "sandbox" | "temporary">,
): ExecutorTools {
  return {
    runner,
    processes,
    vault: books.vault,
    base: base.path,
    get env() {
      return commandEnvironment(machine, base.path, settings.config);
    },
    get limits() {
      return settings.config.commands;
    },
    temporary,
    secretRules: reader.secretRules,
    sandboxFor: (lane, folder) => sandbox.specFor(lane, folder),
  };
}

/** The rules of a lane are worked out once per configuration. */
function rulesByLane(ground: Ground, base: BoundBase, config: () => Config): (lane: string) => PlaceRules {
  let known = new Map<string, PlaceRules>();
  let knownFor: Config | undefined;
  return (lane) => {
    if (knownFor !== config()) known = new Map();
    knownFor = config();
    const rules = known.get(lane) ?? placeRules(ground, base, config(), lane);
    known.set(lane, rules);
    return rules;
  };
}

/** What the disk refuses is waited out where it may pass, and told of otherwise. */
function refusedIntake(pressure: Pressure, log: Log): (error: BridgeError) => void {
  return (error) => {
    if (isPressure(error)) void pressure.relieved(error);
    else log.warn("intake_refused", { code: error.code, message: error.message });
  };
}

/** What looks like an order and is none is told of once; the ledger remembers it, and no secret in its name. */
function ignoredOnce(
  books: Books,
  rules: Promise<SecretRules>,
  onFatal: (error: unknown) => void,
): (lane: Lane, name: string, reason: string) => void {
  const told = new Set(books.index.facts.ignored.map(({ lane, name }) => join(lane, name)));
  const tell = async (lane: string, dropped: string, reason: string) => {
    const name = nameWithoutSecrets(dropped, await rules) ?? dropped;
    const key = join(lane, name);
    if (told.has(key)) return;
    told.add(key);
    books.note({ event: "wo_ignored", lane, name, reason: reason.replace(dropped, () => name) });
  };
  return (lane, name, reason) => void tell(lane.name, name, reason).catch(onFatal);
}
