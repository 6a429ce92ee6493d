/** `wo submit FILE`: checks an order and drops it into a lane. */
import { basename, resolve } from "node:path";
import { kindOfName, signatureOf } from "../bridge/names.ts";
import { unpackFolder } from "../orders/folder-order.ts";
import { isProse, type Order } from "../orders/order.ts";
import { EXIT } from "../platform/errors.ts";
import { typedWord } from "../platform/shell.ts";
import { baseInEffect } from "./config-of-base.ts";
import { answer, type Context, complain } from "./context.ts";
import { type Dropped, dropOrder } from "./drop.ts";
import { dryRun } from "./dry-run.ts";
import { examine } from "./examine.ts";
import { orderText } from "./views/order-view.ts";
import { problemsText } from "./views/problems-view.ts";
import { statusWord } from "./views/words.ts";
import { exitOf, followOrder } from "./wait.ts";

export interface SubmitOptions {
  readonly lane: string;
  readonly watch?: boolean;
  readonly dryRun?: boolean;
}

/**
 * Files it, with the signature that lies beside it; with `watch` follows it to its rest. What is no order is not filed (2),
 * nor what its lane would refuse (5).
 */
export async function submit(context: Context, path: string, options: SubmitOptions): Promise<number> {
  const here = baseInEffect(context);
  const examined = await examine(context, path, here, options.lane);
  const { order, bytes, problems, exit } = examined;
  const isRefused = exit === EXIT.refused && options.dryRun !== true;
  if (order === undefined || bytes === undefined || exit === EXIT.usage || isRefused) {
    if (context.json) answer(context, "submit", { filed: false, problems }, () => "");
    else context.terminal.err(problemsText(context.terminal, path, problems));
    context.terminal.err(
      `${context.terminal.paint("red", "✗")} nothing was filed\nnext: wo check ${typedWord(path)} --lane ${typedWord(options.lane)}`,
    );
    return exit;
  }
  if (options.dryRun === true) return dryRun(context, path, here, { ...examined, order });
  const name = basename(path);
  if (kindOfName(name) !== "order" && unpackFolder(bytes) === undefined) {
    complain(context, {
      code: "bad_name",
      message: `${name} would be passed over in an inbox`,
      hint: "orders end in .yaml, .yml or .json",
    });
    return EXIT.usage;
  }
  const signature = context.files.read(signatureOf(resolve(context.machine.currentFolder, path)));
  const dropped = await dropOrder(context, options.lane, name, { bytes, signature });
  if (dropped === undefined) {
    const message = `${name} lies in the inbox of ${options.lane} already, and a folder must keep the name of its header`;
    complain(context, { code: "name_taken", message, hint: "submit it again once that one is taken" });
    return EXIT.busy;
  }
  const data = {
    filed: true,
    wo_id: order.id,
    lane: dropped.lane,
    name: dropped.name,
    daemon: dropped.isAnnounced,
  };
  if (options.watch !== true || !dropped.isAnnounced) {
    answer(context, "submit", data, () => filedText(context, order, dropped));
    return options.watch === true ? EXIT.daemonNeeded : EXIT.yes;
  }
  context.terminal.err(filedText(context, order, dropped));
  return watch(context, order.id);
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

function filedText({ terminal }: Context, order: Order, { lane, name, isAnnounced }: Dropped): string {
  const lines = [`${terminal.paint("green", "✓")} filed    bridge/inbox/${lane}/${name}  (${order.id})`];
  if (!isAnnounced) lines.push("no daemon runs: it stays there until one does", "next: wo daemon start");
  else
    lines.push(
      isProse(order) ? "nothing in it can be carried out: it will wait for an assignee" : `next: wo wait ${order.id}`,
    );
  return lines.join("\n");
}
