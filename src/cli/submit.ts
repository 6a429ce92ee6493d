/** `wo submit FILE`: checks an order and drops it into a lane. */
import { basename, resolve } from "node:path";
import { kindOfName, signatureOf } from "../bridge/names.ts";
import { laneRules } from "../daemon/config.ts";
import { unpackFolder } from "../orders/folder-order.ts";
import { isProse } from "../orders/order.ts";
import { EXIT } from "../platform/errors.ts";
import { type CheckedFile, checkFile } from "./check.ts";
import { configOfBase } from "./config-of-base.ts";
import { answer, type Context, complain } from "./context.ts";
import { type Dropped, dropOrder } from "./drop.ts";
import { dryRun } from "./dry-run.ts";
import { orderText } from "./views/order-view.ts";
import { problemsText } from "./views/problems-view.ts";
import { statusWord } from "./views/words.ts";
import { exitOf, followOrder } from "./wait.ts";

export interface SubmitOptions {
  readonly lane: string;
  readonly watch?: boolean;
  readonly dryRun?: boolean;
}

/** Files it, with the signature that lies beside it; with `watch` follows it to its rest. A file with problems is not filed: 2. */
export async function submit(context: Context, path: string, options: SubmitOptions): Promise<number> {
  const { secrets } = laneRules(configOfBase(context), options.lane).guards;
  const checked = await checkFile(context, path, secrets);
  if (!checked.ok) {
    if (context.json) answer(context, "submit", { filed: false, problems: checked.error }, () => "");
    else context.terminal.err(problemsText(context.terminal, path, checked.error));
    context.terminal.err(`${context.terminal.paint("red", "✗")} nothing was filed\nnext: wo check ${path}`);
    return EXIT.usage;
  }
  const signature = context.files.read(signatureOf(resolve(context.machine.currentFolder, path)));
  if (options.dryRun === true) {
    return dryRun(context, checked.value, options.lane, signature !== undefined);
  }
  const name = basename(path);
  if (kindOfName(name) !== "order" && unpackFolder(checked.value.bytes) === undefined) {
    complain(context, {
      code: "bad_name",
      message: `${name} would be passed over in an inbox`,
      hint: "orders end in .yaml, .yml or .json",
    });
    return EXIT.usage;
  }
  const dropped = await dropOrder(context, options.lane, name, { bytes: checked.value.bytes, signature });
  const data = {
    filed: true,
    wo_id: checked.value.order.id,
    lane: dropped.lane,
    name: dropped.name,
    daemon: dropped.isAnnounced,
  };
  if (options.watch !== true || !dropped.isAnnounced) {
    answer(context, "submit", data, () => filedText(context, checked.value, dropped));
    return options.watch === true ? EXIT.daemonNeeded : EXIT.yes;
  }
  context.terminal.err(filedText(context, checked.value, dropped));
  return watch(context, checked.value.order.id);
}

async function watch(context: Context, id: string): Promise<number> {
  const { terminal, clock, json } = context;
  const startMs = clock.elapsed();
  const followed = await followOrder(context, id, {
    timeoutMs: undefined,
    onChange: (record) => {
      if (json) terminal.out(JSON.stringify(record));
      else
        terminal.err(
          `${statusWord(terminal, record.status).padEnd(12)} ${((clock.elapsed() - startMs) / 1000).toFixed(2)} s`,
        );
    },
  });
  if (followed.kind !== "rested") return EXIT.interrupted;
  if (!json) terminal.out(orderText(terminal, followed.record, clock.now()));
  return exitOf(followed.record);
}

function filedText({ terminal }: Context, { order }: CheckedFile, { lane, name, isAnnounced }: Dropped): string {
  const lines = [`${terminal.paint("green", "✓")} filed    bridge/inbox/${lane}/${name}  (${order.id})`];
  if (!isAnnounced) lines.push("no daemon runs: it stays there until one does", "next: wo daemon start");
  else
    lines.push(
      isProse(order) ? "nothing in it can be carried out: it will wait for an assignee" : `next: wo wait ${order.id}`,
    );
  return lines.join("\n");
}
