/** The verbs, their options and their help. What a verb does is loaded when it is typed: the CLI starts at once. */

import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { BridgeError, EXIT, messageOf } from "../platform/errors.ts";
import { type Context, complain, complainAsJson, type GlobalOptions, newContext } from "./context.ts";
import type { DoctorOptions } from "./doctor.ts";
import type { ForensicsOptions } from "./forensics.ts";
import type { UndoOptions } from "./undo.ts";

type Verb = (context: Context) => Promise<number> | number;

/** Runs the command line; the exit code. */
export async function runProgram(words: readonly string[], version: string): Promise<number> {
  let exit: number = EXIT.yes;
  const program = new Command("wo")
    .description("Work orders: dropped into a folder, done, proved and recorded.")
    .version(version);
  program.exitOverride().showSuggestionAfterError().showHelpAfterError("(try `wo --help`)");
  program
    .option("-C, --directory <dir>", "the base (default: $LUKA_SOT, the nearest .wo-base above, ~/02luka)")
    .option("--json", "one JSON document instead of text")
    .addOption(new Option("--color <when>", "when to use colours").choices(["auto", "always", "never"]).default("auto"))
    .option("--actor <name>", "who asks, for the record (default: $WO_ACTOR, the user)");
  const run = async (verb: Verb) => {
    exit = await runVerb(newContext(program.opts<GlobalOptions>()), verb);
  };
  addOrderVerbs(program, run);
  addWritingVerbs(program, run);
  addDecisionVerbs(program, run);
  addBaseVerbs(program, run);
  addFileVerbs(program, run);
  addGuardrailVerbs(program, run);
  const agent = program.command("agent").description("programs that launchd keeps, and the hooks of git");
  if (words.includes("agent")) (await import("./agent.ts")).addAgentVerbs(agent, run);
  try {
    await program.parseAsync([...words], { from: "user" });
    return exit;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode !== 0 && words.includes("--json"))
      complainAsJson(newContext({ json: true }), { code: "usage", message: thrown.message, hint: "wo --help" });
    return thrown.exitCode === 0 ? EXIT.yes : EXIT.usage;
  }
}

async function runVerb(context: Context, verb: Verb): Promise<number> {
  const { ControlRefusal } = await import("./daemon-client.ts");
  try {
    return await verb(context);
  } catch (thrown) {
    if (thrown instanceof BridgeError) {
      complain(context, { code: thrown.code, message: thrown.message, hint: thrown.hint });
      return thrown.exit;
    }
    if (thrown instanceof ControlRefusal) {
      complain(context, thrown.error);
      return thrown.error.exit;
    }
    complain(context, {
      code: "BUG",
      message: `a bug of ours: ${thrown instanceof Error ? thrown.stack : messageOf(thrown)}`,
    });
    return EXIT.bug;
  }
}

export type Run = (verb: Verb) => Promise<void>;

function addOrderVerbs(program: Command, run: Run): void {
  program
    .command("check")
    .description("what is wrong with order files, and what their lane has against them")
    .argument("<file...>")
    .option("--lane <lane>", "the lane that they are meant for (default: the one in whose folders they lie, CLC)")
    .action((files: string[], { lane }: { lane?: string }) =>
      run(async (context) => (await import("./check.ts")).checkFiles(context, files, lane)),
    );
  program
    .command("submit")
    .description("check an order and drop it into a lane")
    .argument("<file>")
    .option("--lane <lane>", "the lane", "CLC")
    .option("--watch", "follow it to its rest")
    .option("-n, --dry-run", "show what it would do; nothing is written")
    .action((file: string, options: { lane: string; watch?: boolean; dryRun?: boolean }) =>
      run(async (context) => (await import("./submit.ts")).submit(context, file, options)),
    );
  program
    .command("status")
    .description("what needs you, who does what, and the orders")
    .action(() => run(async (context) => (await import("./status.ts")).showStatus(context)));
  program
    .command("show")
    .description("one order")
    .argument("<id>")
    .action((id: string) => run(async (context) => (await import("./show.ts")).showOrder(context, id)));
  program
    .command("log")
    .description("what happened, to one order or at all")
    .argument("[id]")
    .option("-f, --follow", "go on with what comes")
    .option("--since <when>", "a duration such as 10m, or an ISO time")
    .option("--lines <count>", "how many at most", wholeNumber, 200)
    .action((id: string | undefined, options: { follow?: boolean; since?: string; lines: number }) =>
      run(async (context) => (await import("./log.ts")).showLog(context, id, options)),
    );
  program
    .command("wait")
    .description("wait until an order is at rest")
    .argument("<id>")
    .option("--timeout <duration>", "give up after this long: 60s, 5m", duration)
    .action((id: string, { timeout }: { timeout?: number }) =>
      run(async (context) => (await import("./wait.ts")).waitForOrder(context, id, timeout)),
    );
  program
    .command("canary")
    .description("send an order through the whole line and look at what it left: the health check")
    .option("--lane <lane>", "the lane", "CLC")
    .option("--timeout <duration>", "how long it may take", duration, 30_000)
    .action(({ lane, timeout }: { lane: string; timeout: number }) =>
      run(async (context) => (await import("./canary.ts")).sendCanary(context, lane, timeout)),
    );
}

function addWritingVerbs(program: Command, run: Run): void {
  program
    .command("new")
    .description("a small order to go on from, commented, for any editor")
    .argument("[file]", "a file that is not there yet (default: standard output)")
    .option("--lane <lane>", "the lane that it is meant for")
    .option("--id <id>", "its id (default: one that no other order has)")
    .action((file: string | undefined, options: { lane?: string; id?: string }) =>
      run(async (context) => (await import("./new.ts")).newOrder(context, file, options)),
    );
  program
    .command("manifest")
    .description("what is signed of an order that is a folder: for ssh-keygen -Y sign")
    .argument("<folder>")
    .action((folder: string) => run(async (context) => (await import("./manifest.ts")).showManifest(context, folder)));
  program
    .command("schema")
    .description("the JSON Schema of orders, for editors and other programs")
    .option("--out <file>", "write it there")
    .action(({ out }: { out?: string }) =>
      run(async (context) => (await import("./schema.ts")).showSchema(context, out)),
    );
}

function addDecisionVerbs(program: Command, run: Run): void {
  program
    .command("approve")
    .description("let waiting orders go")
    .argument("<id...>")
    .option("--lane <lane>", "the lane that orders without one are passed on to")
    .action((ids: string[], options: { lane?: string }) =>
      run(async (context) => (await import("./decide.ts")).decide(context, { call: "approve", ids, ...options })),
    );
  program
    .command("retry")
    .description("try orders again that failed or were canceled")
    .argument("<id...>")
    .action((ids: string[]) =>
      run(async (context) => (await import("./decide.ts")).decide(context, { call: "retry", ids })),
    );
  program
    .command("cancel")
    .description("stop orders that are not at rest")
    .argument("<id...>")
    .option("--reason <text>", "why, for the record", "canceled by hand")
    .action((ids: string[], { reason }: { reason: string }) =>
      run(async (context) => (await import("./decide.ts")).decide(context, { call: "cancel", ids, reason })),
    );
  const config = program.command("config").description("the configuration of the base");
  config
    .command("accept")
    .description("let what wo-bridge.yaml says take effect, also where it allows more")
    .action(() => run(async (context) => (await import("./decide.ts")).acceptConfig(context)));
  program
    .command("rebuild")
    .description("write every view again: state files, results, telemetry, the dashboard's list")
    .action(() => run(async (context) => (await import("./decide.ts")).rebuildViews(context)));
  program
    .command("gc")
    .description("what nothing needs any more, by the limits of wo-bridge.yaml (retention)")
    .requiredOption("--vault", "contents in the vault of old orders and snapshots: without them these cannot be undone")
    .option("--apply", "let it go")
    .action(({ apply }: { apply?: boolean }) =>
      run(async (context) => (await import("./gc.ts")).pruneVault(context, apply === true)),
    );
}

function addBaseVerbs(program: Command, run: Run): void {
  program
    .command("doctor")
    .description("is everything as it should be, and what to type where it is not; changes nothing by itself")
    .option("--explain <code>", "what a check looks at, what it means, and what to do")
    .option("--check <code...>", "only these, for as long as they take")
    .option("--within <duration>", "how long a look may take (default: 1.4s; with --check, two minutes)", duration)
    .option("--apply <code...>", "put right what these found and can be put right without loss, and look again")
    .action((options: DoctorOptions) => run(async (context) => (await import("./doctor.ts")).doctor(context, options)));
  program
    .command("init")
    .description("attach a base")
    .option("--vault <dir>", "where its vault is to be, outside of every git tree")
    .option("--new-id", "the base is a copy of another one")
    .option("-y, --yes", "do not ask")
    .option("-n, --dry-run", "only show what would be done")
    .action((options: { vault?: string; newId?: boolean; yes?: boolean; dryRun?: boolean }) =>
      run(async (context) => (await import("./init.ts")).init(context, options)),
    );
  const daemon = program.command("daemon").description("the process that does the work");
  for (const [name, description, verb] of [
    ["run", "run it here, until it is told to stop", "runDaemon"],
    ["start", "start it in the background", "startDaemon"],
    ["stop", "stop it", "stopDaemon"],
    ["status", "is it there, since when, or why not", "daemonStatus"],
  ] as const) {
    daemon
      .command(name)
      .description(description)
      .action(() => run(async (context) => (await import("./daemon.ts"))[verb](context)));
  }
  const ledger = program.command("ledger").description("the record of everything that happened");
  ledger
    .command("verify")
    .description("read all of it: is every line sound, and every blob there")
    .action(() => run(async (context) => (await import("./ledger.ts")).verify(context)));
  ledger
    .command("note")
    .description("keep the signed end of it as a note of git, so that a ledger written anew is known elsewhere, too")
    .action(() => run(async (context) => (await import("./ledger.ts")).note(context)));
  ledger
    .command("show")
    .description("the newest entries")
    .option("--lines <count>", "how many", wholeNumber, 50)
    .action(({ lines }: { lines: number }) =>
      run(async (context) => (await import("./ledger.ts")).show(context, lines)),
    );
  ledger
    .command("repair")
    .description("what it would take to continue a damaged ledger")
    .option("--apply", "do it")
    .action(({ apply }: { apply?: boolean }) =>
      run(async (context) => (await import("./ledger.ts")).repair(context, apply === true)),
    );
}

function addFileVerbs(program: Command, run: Run): void {
  program
    .command("protect")
    .description(
      "the same as guardrail accept: put back when it vanishes, and not deleted by an order without allow_delete",
    )
    .argument("<path...>")
    .option("-m, --why <text>", "why, for the record", "")
    .action((paths: string[], { why }: { why: string }) =>
      run(async (context) => (await import("./guardrail.ts")).acceptComponents(context, paths, why)),
    );
  program
    .command("snapshot")
    .description("keep files as they are now (default: all that is guarded, and all that git could not bring back)")
    .argument("[path...]")
    .option("-m, --why <text>", "why, for the record", "")
    .action((paths: string[], { why }: { why: string }) =>
      run(async (context) => (await import("./guardrail.ts")).takeSnapshot(context, paths, why)),
    );
  program
    .command("undo")
    .description("show how files become what they were before an order, or at a time; --apply has it done by an order")
    .argument("[id]")
    .option("--path <file>", "this file, as the vault knows it")
    .option("--at <time>", "as it was by then: an ISO time, or 10m for ten minutes ago")
    .option("--lane <lane>", "which lane does it (default: the order's own)")
    .option("--apply", "do it")
    .option("--force", "also where a file was changed since")
    .action((id: string | undefined, options: UndoOptions) =>
      run(async (context) => (await import("./undo.ts")).undo(context, id, options)),
    );
  program
    .command("why")
    .description("what is known of a file that is gone or broken: when, who was near, and what to type")
    .argument("<path>")
    .option("--hours <n>", "show only what happened in so many hours", wholeNumber)
    .action((path: string, { hours }: { hours?: number }) =>
      run(async (context) => (await import("./why.ts")).why(context, path, hours)),
    );
  program
    .command("forensics")
    .description(
      "what happened to the base in a stretch of time, and who is suspected; keeps a report in g/reports and, where something was found, a lesson in mls/ledger",
    )
    .option("--since <when>", "a duration such as 10m, or an ISO time (default: 24 hours before --until)")
    .option("--until <when>", "the same (default: now)")
    .option("--scope <word>", "what has this word in its path (default: wo_pipeline, all that is guarded)")
    .addOption(
      new Option("--budget <duration>", "name what is not looked at by then: 60s, 5m")
        .argParser(duration)
        .default(60_000, "60s"),
    )
    .option("-n, --dry-run", "write neither report nor lesson")
    .action((options: ForensicsOptions) =>
      run(async (context) => (await import("./forensics.ts")).forensics(context, options)),
    );
}

function addGuardrailVerbs(program: Command, run: Run): void {
  const guardrail = program.command("guardrail").description("what must not vanish, and whether it is as it has to be");
  guardrail
    .command("check")
    .description("look at everything that is guarded now; changes nothing")
    .option("--outside", "whether the daemon works, which it cannot tell itself; tells telemetry where it does not")
    .action(({ outside }: { outside?: boolean }) =>
      run(async (context) =>
        outside === true
          ? (await import("./outside.ts")).lookFromOutside(context)
          : (await import("./guardrail.ts")).checkComponents(context),
      ),
    );
  guardrail
    .command("list")
    .description("everything that is guarded, since when, by whom")
    .action(() => run(async (context) => (await import("./guardrail.ts")).listComponents(context)));
  guardrail
    .command("accept")
    .description(
      "guard files and folders as they are now (default: all that wo-bridge.yaml names, and all that is guarded)",
    )
    .argument("[path...]")
    .option("-m, --why <text>", "why, for the record", "")
    .action((paths: string[], { why }: { why: string }) =>
      run(async (context) => (await import("./guardrail.ts")).acceptComponents(context, paths, why)),
    );
  guardrail
    .command("release")
    .description("guard them no more")
    .argument("<path...>")
    .option("-m, --why <text>", "why, for the record", "")
    .action((paths: string[], { why }: { why: string }) =>
      run(async (context) => (await import("./guardrail.ts")).releaseComponents(context, paths, why)),
    );
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}

function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text === "0" ? "0s" : text);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? ""];
  if (match === null || unit === undefined) throw new InvalidArgumentError("a duration such as 60s or 5m");
  return Number(match[1]) * unit;
}
