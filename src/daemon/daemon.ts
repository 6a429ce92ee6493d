/**
 * The process that stays. It opens the base, puts everything back on its way, and then waits: for hints, for its scans,
 * for somebody who asks. Stopping is as orderly as starting; being killed costs nothing but a moment.
 */
import { repeat } from "../platform/clock.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import type { Log } from "../platform/log.ts";
import type { Publisher } from "../platform/publisher.ts";
import type { Runner } from "../platform/runner.ts";
import type { Server } from "../platform/socket.ts";
import type { Books } from "../records/books.ts";
import type { Event, Notice } from "../records/events.ts";
import { attachBase, FIRST_LANES } from "./attach.ts";
import { ComponentDesk } from "./component-desk.ts";
import { configProblemText } from "./config.ts";
import { answerControl, socketPath } from "./control.ts";
import { tryAndLog } from "./failures.ts";
import { Guardrail } from "./guardrail.ts";
import { Housekeeping } from "./housekeeping.ts";
import { type Ground, type Opened, type OpenWish, openBase } from "./opening.ts";
import type { OrderReader } from "./order-reader.ts";
import { assembleParts, type Parts } from "./parts.ts";
import { recover, retell } from "./recovery.ts";
import { Rounds } from "./rounds.ts";
import { type Runtime, RuntimeFile } from "./runtime.ts";
import { Settings } from "./settings.ts";
import { Signs } from "./signs.ts";
import { statusOf } from "./status.ts";

const HEARTBEAT_MS = 10_000;

export interface DaemonOptions {
  readonly ground: Ground;
  /** Absolute path of the base. */
  readonly path: string;
  /** WO_VAULT. */
  readonly vault: string | undefined;
  readonly openLog: (path: string) => Log;
  readonly runner: Runner;
  readonly reader: OrderReader;
  readonly publisher: Publisher;
  /** After this the process has to end at once, with this exit code and without another word to the disk. */
  readonly onFatal: (error: unknown, exit: number) => void;
  readonly reserveBytes?: number;
  /** Of a ledger segment; smaller in tests. */
  readonly segmentBytes?: number;
  /** How long after the start old things are let go of; sooner in tests. */
  readonly tidyAfterMs?: number;
  readonly mayWork?: OpenWish["mayWork"];
}

interface Working {
  readonly books: Books;
  readonly settings: Settings;
  readonly parts: Parts;
  readonly rounds: Rounds;
  readonly signs: Signs;
  readonly housekeeping: Housekeeping;
  readonly guardrail: Guardrail;
  readonly components: ComponentDesk;
}

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #opened: Opened;
  readonly #log: Log;
  readonly #runtime: RuntimeFile;
  readonly #ending: AbortController;
  /** What the last life left untold is told again. */
  #telling: Promise<void> = Promise.resolve();
  #working: Working | undefined;
  #isStarting = true;
  #server: Server | undefined;
  #stopped: Promise<void> | undefined;
  /** Resolves when it has stopped, whoever asked for it. */
  readonly done: Promise<void>;
  #resolveDone: () => void = () => undefined;
  /** Resolves when it was told to stop, whoever did. */
  readonly stopping: Promise<void>;
  #resolveStopping: () => void = () => undefined;

  private constructor(options: DaemonOptions, opened: Opened, log: Log, ending: AbortController) {
    this.#options = options;
    this.#opened = opened;
    this.#log = log;
    this.#ending = ending;
    const { files, clock, machine, processes } = options.ground;
    this.#runtime = new RuntimeFile(files, clock, opened.vault, {
      processes,
      version: machine.version,
      program: machine.packageFolder,
      base: opened.base.path,
    });
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
    this.stopping = new Promise((resolve) => {
      this.#resolveStopping = resolve;
    });
  }

  /**
   * Starts it; it takes orders when this resolves, or only answers questions when the ledger refuses to be continued.
   * Throws what keeps it from starting at all: another daemon, an unknown base, a broken first configuration.
   */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const ending = new AbortController();
    let onFull: () => void = () => undefined;
    const opened = await openBase(options.ground, {
      path: options.path,
      vault: options.vault,
      init: false,
      newId: false,
      onFatal: (error) => options.onFatal(error, EXIT.diskFailed),
      onFull: () => onFull(),
      ...(options.reserveBytes === undefined ? {} : { reserveBytes: options.reserveBytes }),
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
      ...(options.mayWork === undefined ? {} : { mayWork: options.mayWork }),
    }).catch(async (error: unknown) => {
      await closeHelpers(options);
      throw error;
    });
    const daemon = new Daemon(options, opened, options.openLog(opened.vault.log), ending);
    try {
      if (opened.books === undefined) await daemon.#refuse();
      else onFull = await daemon.#work(opened.books);
      return daemon;
    } catch (thrown) {
      await daemon.#fail(thrown);
      throw thrown;
    }
  }

  /** Starts one that works on nothing and only answers questions, of what was opened to be read. */
  static async standStill(options: DaemonOptions, opened: Opened): Promise<Daemon> {
    const daemon = new Daemon(options, opened, options.openLog(opened.vault.log), new AbortController());
    await daemon.#refuse();
    return daemon;
  }

  get pid(): number {
    return this.#options.ground.processes.self.pid;
  }

  get base(): string {
    return this.#opened.base.path;
  }

  /** What keeps it from working; undefined when it works. */
  get refusal(): string | undefined {
    return this.#opened.refusal?.error.message;
  }

  /**
   * Stops in order: intake first, then what runs within its budget, then the books. Asked again, the same stop. A disk
   * that fails in the middle of it is told to `onFatal`, as at any other time.
   */
  stop(reason: string): Promise<void> {
    this.#resolveStopping();
    this.#stopped ??= this.#stop(reason).catch((error: unknown) => this.#options.onFatal(error, fatalExit(error)));
    return this.#stopped;
  }

  async #work(books: Books): Promise<() => void> {
    const { ground, runner, reader, publisher } = this.#options;
    const { base, vault } = this.#opened;
    const settings = await this.#openSettings(books);
    const signs = new Signs(books);
    const { pid } = ground.processes.self;
    await books.append([
      { event: "daemon_started", pid, version: ground.machine.version, boot_id: ground.processes.bootId },
    ]);
    const onFatal = (error: unknown) => this.#options.onFatal(error, fatalExit(error));
    const common = { ground, log: this.#log, base, books, settings, signal: this.#ending.signal, onFatal };
    const parts = assembleParts({ ...common, runner, reader, publisher });
    await parts.sandbox.look();
    parts.folders.restore(FIRST_LANES);
    // Made by a life, perhaps, that ended before they were on the medium: what is dropped into them must not go with them.
    await parts.folders.sync();
    const fault = parts.folders.list().faults.find(({ lane }) => lane === "bridge/inbox");
    if (fault !== undefined) throw new BridgeError("BASE_NOT_OURS", fault.message);
    await attachBase(ground.files, books, parts.folders);
    if (settings.isUnaccepted) await settings.accept("first start");

    const rounds = new Rounds({ ...parts, ...common, signs });
    const housekeeping = new Housekeeping({ ...common, telemetry: parts.telemetry });
    const tell = (event: Event) => parts.notifier.tell(event);
    const notice = (told: Notice) => parts.telemetry.notice(told);
    const guardrail = new Guardrail({ ...common, notice, tell });
    const components = new ComponentDesk({ ...ground, books, base, settings });
    this.#working = { books, settings, parts, rounds, signs, housekeeping, guardrail, components };
    parts.views.start();
    await this.#listen();
    await this.#runtime.write();
    this.#beat();
    const onFull = () =>
      void parts.pressure.relieved(new BridgeError("DISK_FULL", `the disk of ${vault.path} is full`));
    if (!(await vault.reserve())) onFull();
    // Before anything new is taken in: what is on the line by then was put there by recovery alone.
    this.#log.info("recovered", { ...(await recover(ground.files, books, parts)) });
    await rounds.begin();
    this.#isStarting = false;
    guardrail.begin();
    void housekeeping.begin(this.#options.tidyAfterMs).catch(onFatal);
    const isOver = () => this.#stopped !== undefined;
    this.#telling = retell(ground.files, books, parts, isOver).then(() => undefined, onFatal);
    return onFull;
  }

  async #openSettings(books: Books): Promise<Settings> {
    const settings = new Settings(this.#options.ground.files, books, this.base);
    await settings.reload();
    const [problem] = settings.problems;
    if (!settings.isUnaccepted || problem === undefined) return settings;
    throw new BridgeError("CONFIG_INVALID", settings.problems.map(configProblemText).join("\n"));
  }

  async #refuse(): Promise<void> {
    const { error, hint = error?.hint } = this.#opened.refusal ?? {};
    this.#log.error("refused", { message: error?.message });
    const why = error === undefined || hint === undefined ? {} : { reason: error.message, hint };
    // Whoever asks is answered, also where this cannot be written.
    await tryAndLog(this.#log, "refusal_unshown", () => this.#runtime.write({ state: "refused", ...why }));
    this.#beat();
    await tryAndLog(this.#log, "socket_refused", () => this.#listen());
  }

  async #listen(): Promise<void> {
    const { machine, system } = this.#options.ground;
    const { vault } = this.#opened;
    const index = this.#index();
    const live = this.#working;
    const control = answerControl({
      index,
      runtime: () => this.#told(),
      status: () => this.#status(),
      stop: () => void this.stop("asked over the control socket"),
      live,
    });
    this.#server = await system.serve(socketPath(vault, machine), control);
  }

  #told(): Runtime {
    const { runtime } = this.#runtime;
    return runtime.state === "running" && this.#isStarting ? { ...runtime, starting: true } : runtime;
  }

  #beat(): void {
    const { clock } = this.#options.ground;
    void repeat(clock, HEARTBEAT_MS, this.#ending.signal, async () => {
      await this.#runtime
        .write()
        .catch((error: unknown) => this.#log.warn("heartbeat_refused", { message: String(error) }));
    });
  }

  #index() {
    const index = this.#working?.books.index ?? this.#opened.refusal?.index;
    if (index === undefined) throw new BridgeError("DAEMON_SILENT", "the daemon has no books yet");
    return index;
  }

  #status() {
    const { files, clock } = this.#options.ground;
    const { base } = this.#opened;
    const runtime = this.#runtime.runtime;
    const live = this.#working;
    return statusOf({
      files,
      base,
      index: this.#index(),
      runtime,
      nowMs: clock.now(),
      ...(live === undefined ? {} : { live }),
    });
  }

  async #stop(reason: string): Promise<void> {
    const { ground } = this.#options;
    const startMs = ground.clock.elapsed();
    const working = this.#working;
    if (working !== undefined) {
      const { books, parts, settings, rounds, guardrail } = working;
      parts.intake.pause();
      // From this turn on no step begins. What does not end within the budget goes on under its runner host, without this
      // process: the next daemon adopts it.
      const inTime = new AbortController();
      const left = Promise.all([parts.line.leave(), parts.intake.idle()]).then(() => inTime.abort());
      await Promise.all([rounds.end(), guardrail.end()]);
      await Promise.race([left, ground.clock.sleep(settings.config.stopBudgetMs, inTime.signal)]);
      await tryAndLog(this.#log, "stop_untold", async () => {
        await books.append([{ event: "daemon_stopped", pid: ground.processes.self.pid, reason }]);
      });
      await parts.views.flush();
      this.#ending.abort();
      await this.#telling;
      await books.close();
    }
    this.#ending.abort();
    await closeHelpers(this.#options);
    await this.#server?.close();
    await tryAndLog(this.#log, "stop_unshown", () =>
      this.#runtime.write({ state: "stopped", reason, lastStopMs: Math.round(ground.clock.elapsed() - startMs) }),
    );
    this.#log.info("stopped", { reason });
    await this.#opened.release();
    this.#resolveDone();
  }

  /** It could not start: says why where people and supervisors look, and lets go of everything. */
  async #fail(thrown: unknown): Promise<void> {
    this.#ending.abort();
    await closeHelpers(this.#options);
    await this.#server?.close();
    if (thrown instanceof BridgeError)
      await this.#runtime.write({ state: "refused", reason: thrown.message, hint: thrown.hint });
    await this.#opened.release();
  }
}

/** Processes and threads that would keep this process from ending. */
async function closeHelpers({ runner, reader, publisher }: DaemonOptions): Promise<void> {
  runner.close();
  await reader.close();
  await publisher.close();
}

function fatalExit(error: unknown): number {
  return error instanceof BridgeError && error.code === "SYNC_FAILED" ? EXIT.diskFailed : EXIT.bug;
}
