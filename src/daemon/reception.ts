/**
 * What becomes of a claim: an order to be accepted, the same one again, or nothing that may be taken. Every refusal is
 * decided here, before the order is ours, except for what only its plan can show.
 */
import { join } from "node:path";
import type { Claim, ReadOrder } from "../bridge/intake.ts";
import { stemOf } from "../bridge/names.ts";
import type { Router } from "../bridge/router.ts";
import type { Settler } from "../bridge/settle.ts";
import { ID } from "../orders/header.ts";
import type { LaneRules, Origin } from "../orders/lane-rules.ts";
import type { Order } from "../orders/order.ts";
import type { Problem } from "../orders/problems.ts";
import type { Refusal } from "../orders/refusals.ts";
import { hidden, nameWithoutSecrets, secretNameProblem } from "../orders/secrets.ts";
import type { WaitReason } from "../orders/status.ts";
import { type LookedThrough, type Teller, tellerOf, textsOf } from "../orders/teller.ts";
import type { Clock } from "../platform/clock.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import type { GitTracking } from "../platform/git.ts";
import { sha256 } from "../platform/ids.ts";
import { ok, type Result } from "../platform/result.ts";
import type { SecretRules } from "../platform/secrets.ts";
import type { Signer } from "../platform/ssh-keygen.ts";
import type { Place, PlaceRules } from "../processors/places.ts";
import type { Books } from "../records/books.ts";
import type { OrderAccepted } from "../records/events.ts";
import type { OrderSummary } from "../records/order-index.ts";
import { dropHashOf, entryLaneOf, type OrderRecord, orderKey } from "../records/order-record.ts";
import { backlogLine } from "./attach.ts";
import { type Config, laneRules } from "./config.ts";
import { judgeOrder } from "./judging.ts";
import { withItsOperations } from "./operations.ts";
import type { FindSecrets, PlaceRefusals } from "./order-reader.ts";
import type { Signatures } from "./signatures.ts";

export type Admission =
  | {
      readonly kind: "new";
      readonly order: Order;
      readonly accepted: OrderAccepted;
      /** Where the paths of its file actions lead. */
      readonly places: ReadonlyMap<string, Place>;
      readonly wait: { readonly reason: WaitReason; readonly message: string } | undefined;
    }
  /** The file of an order that is known: after a crash, or after a power cut that undid its claim. */
  | { readonly kind: "own"; readonly record: OrderRecord }
  | { readonly kind: "duplicate"; readonly of: OrderSummary; readonly tellable?: Claim }
  | {
      readonly kind: "rejected";
      readonly problems: readonly Problem[];
      readonly id: string | undefined;
      /** The claim under the name that records may hold, where its own holds a secret. */
      readonly tellable?: Claim;
    };

export interface ReceptionOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly readOrder: ReadOrder;
  readonly books: Books;
  readonly settler: Settler;
  readonly router: Router;
  readonly git: GitTracking;
  readonly config: () => Config;
  readonly placeRules: (lane: string) => PlaceRules;
  readonly findSecrets: FindSecrets;
  readonly place: PlaceRefusals;
  readonly secretRules: Promise<SecretRules>;
  readonly signatures: Signatures;
  /** Why the lane's commands must not run now, if so. */
  readonly noSandbox: (lane: string) => string | undefined;
  /** Lines of attach.ts: files that lay in the inbox before the base was attached. */
  readonly backlog: ReadonlySet<string>;
}

interface Reservation {
  readonly sha256: string;
  readonly released: Promise<void>;
  readonly release: () => void;
}

export class Reception {
  readonly #options: ReceptionOptions;
  /** Ids that are on their way into the ledger. */
  readonly #reserved = new Map<string, Reservation>();

  constructor(options: ReceptionOptions) {
    this.#options = options;
  }

  /**
   * Decides. The id of a new order is reserved until `release`, from the same turn in which it was looked up. Throws
   * DISK_FULL and its like with nothing reserved: to be asked again.
   */
  async admit(claim: Claim): Promise<Admission> {
    const admission = await this.#admit(claim);
    const rules = await this.#options.secretRules;
    const name = nameWithoutSecrets(claim.name, rules);
    const lane = admission.kind === "new" ? admission.accepted.lane : claim.lane.name;
    const allows = laneRules(this.#options.config(), lane).guards.secrets === "allow";
    if (name === undefined || allows || admission.kind === "own") return admission;
    const tellable = { ...claim, name, claim: claim.claim.replace(claim.name, () => name) };
    if (admission.kind === "duplicate") return { ...admission, tellable };
    if (admission.kind === "new") this.release(admission.order.id);
    const others = admission.kind === "rejected" ? admission.problems : [];
    // What they quote of the file's text is looked through by now.
    const told = others.map((one) => ({ ...one, message: hidden(one.message, rules) }));
    const id =
      claim.order.ok && !claim.order.value.idFromName && admission.kind === "rejected" ? admission.id : undefined;
    return { kind: "rejected", problems: [secretNameProblem(claim.name, rules), ...told], id, tellable };
  }

  async #admit(claim: Claim): Promise<Admission> {
    this.#options.signatures.claim(claim);
    const owner = this.#ownerOf(claim);
    if (owner !== undefined) return { kind: "own", record: owner };
    const { order: reading, content } = await this.#whole(claim);
    if (!reading.ok) {
      const { error } = reading;
      const problems =
        content === undefined
          ? error
          : (await this.#teller(content.bytes, laneRules(this.#options.config(), claim.lane.name))).told(error);
      return { kind: "rejected", problems, id: undefined };
    }
    if (content === undefined)
      return {
        kind: "rejected",
        problems: [{ code: "unreadable", message: "the file cannot be read" }],
        id: undefined,
      };
    const named = this.#name(reading.value, content.sha256, claim);
    if (named.kind !== "named") return named;
    const order = { ...reading.value, id: named.id };
    const reserved = this.#reserved.get(orderKey(order.id));
    if (reserved !== undefined) {
      // The same id is being accepted just now: what becomes of it decides about this one.
      await reserved.released;
      return this.#admit(claim);
    }
    this.#reserve(order.id, content.sha256);
    let isNew = false;
    try {
      const admission = await this.#judge(claim, order, content);
      isNew = admission.kind === "new";
      return admission;
    } catch (thrown) {
      // A folder on its way that may not be looked into, for one: nothing that waiting would mend.
      if (!(thrown instanceof BridgeError) || thrown.code !== "DISK_REFUSED") throw thrown;
      const { message, hint } = thrown;
      return { kind: "rejected", problems: [{ code: "disk_refused", message, hint }], id: order.id };
    } finally {
      if (!isNew) this.release(order.id);
    }
  }

  /** To be called once the order is in the ledger, or will not be. */
  release(id: string): void {
    const key = orderKey(id);
    this.#reserved.get(key)?.release();
    this.#reserved.delete(key);
  }

  #reserve(id: string, sha256: string): void {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#reserved.set(orderKey(id), { sha256, released, release });
  }

  /** The order whose file this is: after a crash, or after a power cut that undid its claim. Told by that file alone. */
  #ownerOf(claim: Claim): OrderRecord | undefined {
    const { order, content } = claim;
    if (!order.ok || content === undefined) return undefined;
    const ids = [order.value.id, ...(order.value.idFromName ? [idByContent(order.value, content.sha256)] : [])];
    const records = ids.flatMap((id) => this.#options.books.index.get(id) ?? []);
    return records.find((record) => dropHashOf(record) === content.sha256 && this.#isItsFile(claim, record));
  }

  #isItsFile(claim: Claim, record: OrderRecord): boolean {
    if (record.claim === claim.claim) return true;
    if (record.settledTo !== undefined || record.name !== claim.name) return false;
    const isItsPlace = entryLaneOf(record).toLowerCase() === claim.lane.name.toLowerCase();
    return isItsPlace && this.#options.files.info(this.#options.settler.claimPath(record)) === undefined;
  }

  /** The claim's order, with the operations of the file that it names. */
  async #whole(claim: Claim): Promise<Pick<Claim, "order" | "content">> {
    const { lane, name, order, content } = claim;
    if (!order.ok || content === undefined || order.value.operationsFile?.isRead !== false) return claim;
    const { files, clock, readOrder, router, placeRules, config } = this.#options;
    const reader = { files, readOrder, patience: { clock, rules: () => config().intake } };
    const rules = placeRules(router.wayOf(order.value, lane.name).lane);
    const drop = { bytes: content.bytes, stem: stemOf(name), order: order.value };
    const whole = await withItsOperations(reader, drop, rules);
    const isSame = whole.bytes === content.bytes;
    return { order: whole.order, content: isSame ? content : { bytes: whole.bytes, sha256: sha256(whole.bytes) } };
  }

  /** The order's id, unless an order of that id is known already. */
  #name(
    order: Order,
    sha256: string,
    claim: Claim,
  ): Exclude<Admission, { readonly kind: "new" | "own" }> | { readonly kind: "named"; readonly id: string } {
    const { index } = this.#options.books;
    const known = index.summary(order.id);
    if (known === undefined) return { kind: "named", id: order.id };
    if (known.sha256 === sha256) return { kind: "duplicate", of: known };
    // A file name is no promise: the same name with other content is another order.
    const id = idByContent(order, claim.content?.sha256 ?? sha256);
    const taken = order.idFromName ? index.summary(id) : known;
    if (taken?.sha256 === sha256) return { kind: "duplicate", of: taken };
    if (taken === undefined && ID.test(id)) return { kind: "named", id };
    return { kind: "rejected", problems: [contentConflict(order.id, taken ?? known, sha256)], id: order.id };
  }

  async #judge(claim: Claim, order: Order, content: NonNullable<Claim["content"]>): Promise<Admission> {
    const { books, config, router } = this.#options;
    // From here on it is an order of the lane that it belongs into: that one's rules hold.
    const { lane, noRoute } = router.wayOf(order, claim.lane.name);
    const rules = laneRules(config(), lane);
    const teller = await this.#teller(content.bytes, rules);
    const id = teller.isTellable(order.id) ? order.id : undefined;
    const routed = lane === claim.lane.name ? {} : { routed_from: claim.lane.name };
    const from = await this.#originOf(claim, order, rules);
    const nobody = { backlog: false, fromGit: false, signed: false, signer: undefined };
    const { signer, ...origin } = from.ok ? from.value : { ...nobody, fault: from.error };
    const { verdict, places } = await judgeOrder(this.#options.files, order, {
      places: this.#options.placeRules(lane),
      rules: { ...rules, noSandbox: this.#options.noSandbox(lane) },
      origin,
      noRoute,
    });
    const refusals = [...refuseOwnPlace(order), ...(verdict.kind === "refuse" ? verdict.refusals : [])];
    const problems = await this.#options.place(refusals, content.bytes, stemOf(claim.name));
    const told = teller.told(problems.map((problem) => inLane(lane, claim.lane.name, problem)));
    if (told.length > 0) return { kind: "rejected", problems: told, id };
    const source = await books.vault.keep(content.bytes);
    const accepted: OrderAccepted = {
      event: "wo_accepted",
      wo_id: order.id,
      lane,
      ...routed,
      ...(signer === undefined ? {} : { signed_by: signer.principal, signing_key: signer.key }),
      claim: claim.claim,
      name: claim.name,
      sha256: content.sha256,
      ...(order.operationsFile === undefined || claim.content === undefined
        ? {}
        : { drop_sha256: claim.content.sha256 }),
      size_bytes: claim.info.sizeBytes,
      modified_ms: claim.info.modifiedMs,
      source,
      ...headerFields(order),
      file_actions: order.files.length + order.checks.filter(({ sha256 }) => sha256 !== undefined).length,
      commands: order.steps.length,
      dry_run: order.dryRun,
      on_interrupt: order.onInterrupt,
      ...(order.supersedes === undefined ? {} : { supersedes: order.supersedes }),
    };
    const wait = verdict.kind === "wait" ? { reason: verdict.reason, message: verdict.message } : undefined;
    return { kind: "new", order, accepted, places, wait };
  }

  /** Where the file came from and who signed it; the problem where a signature is asked for, and this one is none. */
  async #originOf(
    claim: Claim,
    order: Order,
    { signature }: LaneRules,
  ): Promise<Result<Origin & { readonly signer: Signer | undefined }, Problem>> {
    const { signatures, git, config } = this.#options;
    const backlog = this.#options.backlog.has(backlogLine(claim.lane.name, claim.name, claim.info));
    let signer = await signatures.signerOf(claim);
    const asksGit = !backlog && signer?.ok !== true && order.steps.length > 0 && config().intake.fromGit === "hold";
    const fromGit = asksGit && (await git.isTracked(join(claim.lane.folder, claim.name)));
    // A pull may write an order before its signature; by now git is done.
    if (fromGit && signer === undefined) {
      signatures.claim(claim);
      signer = await signatures.signerOf(claim);
    }
    if (signature === "required" && signer?.ok === false) return signer;
    const by = signer?.ok === true ? signer.value : undefined;
    return ok({ backlog, fromGit, signed: by !== undefined, signer: by });
  }

  /** To be asked for all that is told of an order's source that may be rejected. */
  async #teller(source: Buffer, rules: LaneRules): Promise<Teller> {
    const all: LookedThrough[] = [];
    for (const text of textsOf(source)) all.push({ ...text, secrets: await this.#options.findSecrets(text.bytes) });
    return tellerOf(all, rules.guards.secrets);
  }
}

/** An order cannot take its own place. */
function refuseOwnPlace({ id, supersedes }: Order): readonly Refusal[] {
  if (supersedes === undefined || orderKey(supersedes) !== orderKey(id)) return [];
  const message = "an order takes the place of another one: it needs an id of its own";
  return [{ code: "bad_id", message, at: ["supersedes"] }];
}

/** Says which lane's rules refuse an order that was dropped into another one. */
function inLane(lane: string, entry: string, problem: Problem): Problem {
  return lane === entry ? problem : { ...problem, message: `passed on to lane ${lane}: ${problem.message}` };
}

/** What tells orders apart that have one file name and no id. */
function idByContent({ id }: Order, dropSha256: string): string {
  return `${id}.${dropSha256.slice(0, 8)}`;
}

function contentConflict(id: string, known: OrderSummary, sha256: string): Problem {
  const message = `the id ${id} belongs to an order with other content (sha256 ${known.sha256.slice(0, 12)}…, this file ${sha256.slice(0, 12)}…)`;
  return {
    code: "content_conflict",
    message,
    hint: `give it a new id, with \`supersedes: ${id}\` if it takes that order's place`,
  };
}

function headerFields({
  header,
}: Order): Pick<
  OrderAccepted,
  | "title"
  | "summary"
  | "owner"
  | "category"
  | "priority"
  | "raw_priority"
  | "tags"
  | "goal"
  | "notes"
  | "created_at"
  | "due_date"
> {
  const { title, summary, owner, category, priority, rawPriority, tags, goal, notes, createdAt, dueDate } = header;
  return {
    title,
    summary,
    owner,
    category,
    priority,
    raw_priority: rawPriority,
    tags,
    goal,
    notes,
    created_at: createdAt,
    due_date: dueDate,
  };
}
