/** Answers what is asked over the control socket. Whoever may connect is the user: the socket is theirs alone. */
import { join } from "node:path";
import { isResting } from "../orders/status.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import { sha256 } from "../platform/ids.ts";
import type { Machine } from "../platform/machine.ts";
import { type Answerer, isAddress } from "../platform/socket.ts";
import type { Books } from "../records/books.ts";
import type { OrderIndex } from "../records/order-index.ts";
import { orderKey } from "../records/order-record.ts";
import type { Vault } from "../records/vault.ts";
import type { ComponentDesk } from "./component-desk.ts";
import { type Answer, type Request, requestSchema } from "./control-api.ts";
import { Desk, unknownOrder } from "./desk.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { Parts } from "./parts.ts";
import type { Runtime } from "./runtime.ts";
import type { Settings } from "./settings.ts";
import type { Status } from "./status.ts";

export interface ControlOptions {
  readonly index: OrderIndex;
  readonly runtime: () => Runtime;
  readonly status: () => Status;
  readonly stop: () => void;
  /** Undefined in a daemon that refuses to work: it can only be read. */
  readonly live:
    | {
        readonly books: Books;
        readonly parts: Parts;
        readonly settings: Settings;
        readonly components: ComponentDesk;
        readonly housekeeping: Pick<Housekeeping, "prune">;
      }
    | undefined;
}

/** Where the socket is: in the vault, or, where that path is too long for an address, in the folder for temporary files. */
export function socketPath(vault: Vault, machine: Machine): string {
  if (isAddress(vault.socket)) return vault.socket;
  return join(machine.temporaryFolder, `wo-bridge-${machine.userId}-${sha256(vault.path).slice(0, 16)}.sock`);
}

/** An answerer for these parts; expected trouble becomes an answer, a bug is thrown on. */
export function answerControl(options: ControlOptions): Answerer {
  return async (message, reply, signal) => {
    const request = requestSchema.safeParse(message);
    if (!request.success) {
      reply(
        refuse({
          code: "bad_request",
          message: "this daemon does not know the call",
          hint: "is the daemon of the same version? `wo daemon status`",
          exit: EXIT.usage,
        }),
      );
      return;
    }
    try {
      if (request.data.call === "wait") await answerWait(options, request.data.id, reply, signal);
      else reply(await answer(options, request.data));
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown;
      reply(refuse({ code: thrown.code, message: thrown.message, hint: thrown.hint, exit: thrown.exit }));
    }
  };
}

function refuse(error: Extract<Answer, { readonly ok: false }>["error"]): Answer {
  return { ok: false, error };
}

function grant(data: unknown): Answer {
  return { ok: true, data };
}

async function answer(options: ControlOptions, request: Exclude<Request, { readonly call: "wait" }>): Promise<Answer> {
  switch (request.call) {
    case "health":
      return grant(options.runtime());
    case "status":
      return grant(options.status());
    case "show": {
      const record = options.index.get(request.id);
      return record === undefined ? refuse({ ...unknownOrder(request.id), code: "unknown_order" }) : grant(record);
    }
    case "stop":
      options.stop();
      return grant(options.runtime());
    default:
      return options.live === undefined ? refuseToWork(options.runtime()) : change(options.live, request);
  }
}

function refuseToWork(runtime: Runtime): Answer {
  const message = `the daemon refuses to work: ${runtime.reason ?? "unknown"}`;
  return refuse({
    code: "refused",
    message,
    ...(runtime.hint === undefined ? {} : { hint: runtime.hint }),
    exit: EXIT.integrity,
  });
}

type Change = Exclude<Request, { readonly call: "wait" | "health" | "status" | "show" | "stop" }>;

async function change(live: NonNullable<ControlOptions["live"]>, request: Change): Promise<Answer> {
  const { books, parts, settings } = live;
  const desk = new Desk({ books, ...parts, settings, isDaemon: true });
  switch (request.call) {
    case "announce":
      parts.intake.announce(request.lane, request.name);
      return grant({ announced: true });
    case "approve":
      return grant(await desk.approve(request.ids, request.by, request.lane));
    case "cancel":
      return grant(await desk.cancel(request.ids, request.by, request.reason));
    case "retry":
      return grant(await desk.retry(request.ids, request.by));
    case "accept_config": {
      const accepted = await settings.accept(request.by);
      return grant(accepted.ok ? { ...accepted.value, problems: [] } : { changed: false, problems: accepted.error });
    }
    case "accept_components":
      return grant(await live.components.accept(request.paths, request.by, request.why));
    case "release_components":
      return grant(await live.components.release(request.paths, request.by, request.why));
    case "snapshot":
      return grant(await live.components.snapshot(request.paths, request.by, request.why));
    case "prune":
      return grant(await live.housekeeping.prune(request.by));
    case "rebuild":
      return grant(await parts.views.rebuild());
    case "canary": {
      const { wo_id, total_ms, message } = request;
      await books.append([
        request.passed ? { event: "canary_passed", wo_id, total_ms } : { event: "canary_failed", wo_id, message },
      ]);
      return grant({ recorded: true });
    }
  }
}

/** Answers with the order whenever it changes, until it is at rest; with nothing while nobody knows it. */
async function answerWait(
  options: ControlOptions,
  id: string,
  reply: (answer: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const known = options.index.get(id);
  if (known !== undefined) reply(grant(known));
  if ((known !== undefined && isResting(known.status)) || signal.aborted) return;
  if (options.live === undefined) {
    reply(refuseToWork(options.runtime()));
    return;
  }
  const { books } = options.live;
  await new Promise<void>((resolve) => {
    const forget = books.listen((_entry, record) => {
      if (record === undefined || orderKey(record.id) !== orderKey(id)) return;
      reply(grant(record));
      if (isResting(record.status)) finish();
    });
    const finish = () => {
      forget();
      resolve();
    };
    signal.addEventListener("abort", finish);
  });
}
