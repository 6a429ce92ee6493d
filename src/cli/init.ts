/** `wo init`: attaches a base, shows first what it would do, and leaves alone what is there. */
import { join } from "node:path";
import { BridgeFolders } from "../bridge/lanes.ts";
import { kindOfName } from "../bridge/names.ts";
import { attachBase, FIRST_LANES } from "../daemon/attach.ts";
import { lookUpBase } from "../daemon/base.ts";
import { configProblemText, readConfig } from "../daemon/config.ts";
import { restoreSchema, SCHEMA_FILE } from "../daemon/editor-schema.ts";
import { withOfflineBase } from "../daemon/offline.ts";
import { configPath } from "../daemon/settings.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import { Launchctl } from "../platform/launchctl.ts";
import { answer, type Context, complain } from "./context.ts";
import { groundOf, newRunner } from "./ground.ts";

export interface InitOptions {
  readonly vault?: string;
  readonly newId?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

const IGNORE_LINES = [".wo-base", ".wo-*.tmp", "bridge/inbox/*/.claimed/", SCHEMA_FILE] as const;

const FIRST_CONFIG = `# How wo-bridge works on this base. Everything here has a default; what is commented out shows it.
# What widens what orders may do takes effect only after \`wo config accept\`.
version: 1
# concurrency: 4            # lanes that run at the same time
# lanes:
#   CLC:
#     mode: execute         # execute | files-only | hold | route
#     sandbox: on           # off | on (where it works) | required (without one, orders with commands wait)
#     network: []           # hosts that its commands may reach: example.com, *.example.com, example.com:8443
# intake: {settleMs: 500, giveUpMs: 2000, rescanMs: 5000, fromGit: hold}
# policy:
#   roots: []               # folders outside of the base that orders may write to
#   protect: []             # globs below the base that no order may touch
# guardrail:
#   components: []          # files, folders and globs that must not vanish: wo guardrail accept
#   heal: missing           # off | missing | all (also what holds something else)
# commands: {timeoutMs: 600000}
# notify: {command: []}     # gets JSON on standard input: failed, waiting, rejected, drift, intake paused
`;

interface InitPlan {
  readonly base: string;
  readonly create: readonly string[];
  readonly change: readonly string[];
  readonly backlog: number;
}

/** Attaches it; asks first where a person is there to answer. */
export async function init(context: Context, options: InitOptions): Promise<number> {
  const { files, terminal, basePath } = context;
  if (options.dryRun !== true) files.makeFolders(basePath, 0o755);
  refuseBrokenConfig(context);
  const plan = planInit(context);
  terminal.err(planText(plan));
  if (options.dryRun === true) {
    if (context.json) answer(context, "init", { ...plan, dryRun: true }, () => "");
    return EXIT.yes;
  }
  const reply = options.yes === true || context.json ? "y" : ((await terminal.ask("Continue? [Y/n] ")) ?? "y");
  if (!/^(?:y|yes|)$/i.test(reply.trim())) {
    complain(context, { code: "declined", message: "nothing was changed" });
    return EXIT.no;
  }
  const done = await attach(context, options, plan);
  answer(context, "init", { ...plan, ...done }, () => {
    const held = done.held === 0 ? "" : `\n${done.held} orders that lay in the inbox wait for you: wo status`;
    const start = Launchctl.find(files, context.machine) === undefined ? "wo daemon start" : "wo agent install";
    return `${terminal.paint("green", "✓")} ${plan.base} is attached    vault ${done.vault}${held}\nnext: ${start}, then wo new FILE for a first order`;
  });
  return EXIT.yes;
}

/** A base must not begin its life with a configuration that nobody can read. Throws CONFIG_INVALID. */
function refuseBrokenConfig({ files, basePath }: Context): void {
  const bytes = files.read(configPath(basePath));
  const read = bytes === undefined ? undefined : readConfig(bytes);
  if (read?.ok === false) throw new BridgeError("CONFIG_INVALID", read.error.map(configProblemText).join("\n"));
}

function planInit({ files, machine, basePath }: Context): InitPlan {
  const folders = new BridgeFolders(files, basePath, machine.userId);
  const lanes = FIRST_LANES.map((lane) => join("bridge", "inbox", lane));
  const wanted = [...lanes, "g/followup/state", "g/telemetry", SCHEMA_FILE, "wo-bridge.yaml", ".wo-base"];
  const create = wanted.filter((path) => files.info(join(basePath, path)) === undefined);
  const isGitTree = files.info(join(basePath, ".git")) !== undefined;
  const backlog = folders
    .list()
    .lanes.flatMap(({ folder }) => files.list(folder) ?? [])
    .filter(({ name }) => kindOfName(name) === "order").length;
  return {
    base: basePath,
    create,
    change: isGitTree && missingIgnores(files, basePath).length > 0 ? [".gitignore"] : [],
    backlog,
  };
}

function planText({ base, create, change, backlog }: InitPlan): string {
  const lines = [
    `Base        ${base}`,
    `Inbox       ${backlog} orders lie there already${backlog === 0 ? "" : ": they will wait for your approval"}`,
  ];
  if (create.length > 0) lines.push("Will create", ...create.map((path) => `  + ${path}`));
  if (change.length > 0)
    lines.push("Will change", ...change.map((path) => `  ~ ${path}    + ${IGNORE_LINES.join("  ")}`));
  lines.push("Nothing else in the tree is touched.");
  return lines.join("\n");
}

async function attach(
  context: Context,
  options: InitOptions,
  plan: InitPlan,
): Promise<{ readonly held: number; readonly vault: string }> {
  const { files, machine, basePath, actor } = context;
  if (files.info(configPath(basePath)) === undefined) await files.publish(configPath(basePath), FIRST_CONFIG);
  if (plan.change.length > 0) await addIgnores(context);
  const known = lookUpBase(files, machine, basePath);
  const vault = options.vault ?? (known === undefined ? machine.env["WO_VAULT"] : undefined);
  const ground = groundOf(context);
  const wish = { path: basePath, vault, init: true, newId: options.newId === true };
  return withOfflineBase(ground, wish, newRunner(ground), async ({ base, books, settings, parts, components }) => {
    parts.folders.restore(FIRST_LANES);
    const held = await attachBase(files, books, parts.folders);
    if (settings.isUnaccepted) await settings.accept(actor);
    await components.accept([], actor, "wo init");
    await restoreSchema(files, machine, basePath);
    return { held, vault: base.vault };
  });
}

function missingIgnores(files: Context["files"], base: string): string[] {
  const text = files.read(join(base, ".gitignore"))?.toString("utf8") ?? "";
  const lines = new Set(text.split("\n").map((line) => line.trim()));
  return IGNORE_LINES.filter((line) => !lines.has(line));
}

async function addIgnores({ files, basePath }: Context): Promise<void> {
  const path = join(basePath, ".gitignore");
  const before = files.read(path)?.toString("utf8") ?? "";
  const gap = before === "" || before.endsWith("\n") ? "" : "\n";
  await files.publish(
    path,
    `${before}${gap}${missingIgnores(files, basePath).join("\n")}\n`,
    files.info(path)?.mode ?? 0o644,
  );
}
