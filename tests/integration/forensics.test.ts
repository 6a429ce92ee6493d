/** `wo forensics`: a stretch of time with a real git, a real ledger, logs and a launchctl, and what is kept of it. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { isLesson, isReport } from "../support/forensics-kit.ts";
import { git, inGit, put } from "../support/git-kit.ts";
import { jsonLines, linesTold, QUICK } from "../support/line-kit.ts";
import { GITHUB_TOKEN } from "../support/secrets.ts";
import { asRecord, MAIN, until, World } from "../support/world.ts";

const TOOL = "tools/tool.zsh";
const TEXT = "#!/bin/zsh\necho a tool\n";
const CONFIG = `${QUICK}guardrail: {everyMs: 1000, heal: off}\n`;
const ALL_SOURCES = ["git", "rollback scripts", "ledger", "guardrail heartbeats", "logs/rollback_*.log"];
const AGENT_SOURCES = ["logs of LaunchAgents", "launchctl list"];

/** A base in git whose tool is guarded, without a daemon. */
async function guarded(...more: readonly string[]): Promise<World> {
  const world = await World.make({ config: CONFIG });
  put(world, TOOL, TEXT);
  await inGit(world, [TOOL, ...more]);
  await accept(world);
  return world;
}

async function accept(world: World): Promise<void> {
  expect((await world.wo("guardrail", "accept", TOOL, "--why", "test")).code).toBe(0);
}

interface Said {
  readonly code: number;
  readonly findings: Readonly<Record<string, readonly string[]>>;
  readonly cause: string;
  readonly suspects: readonly string[];
  readonly looked: readonly string[];
  readonly notLooked: readonly string[];
  readonly next: readonly string[];
  /** Where the report lies. */
  readonly report: string;
  readonly lesson: unknown;
}

/** What it says as JSON; the shape of the report is checked each time, and that what was kept is what was said. */
async function asked(world: World, words: readonly string[] = [], env: NodeJS.ProcessEnv = world.env): Promise<Said> {
  const end = await world.run([process.execPath, MAIN, "forensics", ...words, "--json"], env);
  expect(end.stderr).toBe("");
  const { kept, ...report } = asRecord(asRecord(JSON.parse(end.stdout))["data"]);
  expect(isReport(report) ? [] : isReport.errors).toEqual([]);
  const path = asRecord(kept)["report"];
  if (typeof path === "string") expect(JSON.parse(world.read(path) ?? "")).toEqual(report);
  const findings = asRecord(report["findings"]);
  return {
    code: end.code,
    findings: Object.fromEntries(Object.entries(findings).map(([name, found]) => [name, texts(found)])),
    cause: String(findings["likely_cause"]),
    suspects: many(report["suspects"]).map(
      (one) => `${String(asRecord(one)["sure"])}: ${String(asRecord(one)["who"])}`,
    ),
    looked: texts(report["looked_at"]),
    notLooked: texts(report["not_looked_at"]),
    next: String(report["recommendation"]).split("\n"),
    report: String(path),
    lesson: asRecord(kept)["lesson"],
  };
}

function many(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function texts(value: unknown): readonly string[] {
  return many(value).map(String);
}

function lessons(world: World): readonly Readonly<Record<string, unknown>>[] {
  return world.list("mls/ledger").flatMap((name) => jsonLines(world.read(`mls/ledger/${name}`) ?? ""));
}

/** Types what is said to be typed. */
async function type(world: World, command: string | undefined): Promise<void> {
  const end = await world.run(["sh", "-c", command ?? "false"]);
  expect([end.code, end.stderr]).toEqual([0, ""]);
}

test("a hard reset is the likely cause, as written down, and what is said to type brings back what it took", async () => {
  const world = await guarded();
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  const said = await asked(world);
  expect(said.findings["git_events"]).toEqual([
    expect.stringMatching(/reset: moving to HEAD~1 .* took away 1 file: tools/),
  ]);
  expect(said.suspects[0]).toMatch(/^written down: git, reset: moving to HEAD~1/);
  expect([said.code, said.cause]).toEqual([1, expect.stringContaining("it took away 1 file: tools/tool.zsh")]);
  await type(world, said.next[0]);
  expect(world.read(TOOL)).toBe(TEXT);
});

test("a report never takes the place of an older one, and a lesson is written once", async () => {
  const world = await guarded();
  world.write(`mls/ledger/${bangkokDay()}.jsonl`, '{"ts":"2026-01-01","title":"not ended"}');
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  world.write("g/reports/.forensic-left.tmp", "{");
  utimesSync(world.path("g/reports/.forensic-left.tmp"), 1, 1);
  const first = await asked(world);
  const before = world.read(first.report);
  const second = await asked(world);
  expect(first.report).toMatch(/^g\/reports\/forensic_wo_pipeline_\d{8}\.json$/);
  expect([second.report, world.read(first.report)]).toEqual([first.report.replace(".json", "~2.json"), before]);
  expect(world.list("g/reports")).toHaveLength(2);
  const [old, lesson] = lessons(world);
  expect([old?.["title"], lessons(world).length, second.lesson]).toMatchObject(["not ended", 2, { state: "known" }]);
  expect(isLesson(lesson) ? [] : isLesson.errors).toEqual([]);
  expect(lesson).toMatchObject({ confidence: 0.9, source: { artifact_path: first.report } });
});

/** As the ledger of lessons names its files. */
function bangkokDay(): string {
  return new Date(Date.now() + 7 * 3_600_000).toISOString().slice(0, 10);
}

test("a commit that deletes 1,709 files is named with its hash, and all of them can be brought back", async () => {
  const world = await World.make({ config: CONFIG });
  put(world, TOOL, TEXT);
  for (let index = 0; index < 1708; index += 1) world.write(`parts/part-${index}.txt`, String(index));
  await inGit(world, [TOOL, "parts"]);
  await accept(world);
  await git(world, "rm", "-rq", "tools", "parts");
  await git(world, "commit", "-qm", "chore: sync");
  const hash = (await git(world, "rev-parse", "HEAD")).slice(0, 7);
  const said = await asked(world);
  expect(said.suspects).toEqual([`written down: commit ${hash} "chore: sync" by t`]);
  expect(said.cause).toContain("it took away 1,709 files, among them tools/tool.zsh");
  for (const command of said.next.filter((one) => one.startsWith("git "))) await type(world, command);
  expect([world.list("parts").length, world.read(TOOL)]).toEqual([1708, TEXT]);
});

test("many files are told where nothing is guarded, and that nothing is", async () => {
  const world = await World.make({ config: CONFIG });
  for (let index = 0; index < 30; index += 1) world.write(`parts/part-${index}.txt`, String(index));
  await inGit(world, ["parts"]);
  await git(world, "checkout", "-q", "other");
  const said = await asked(world);
  expect(said.suspects[0]).toMatch(/^likely: git, checkout: moving from main to other/);
  expect(said.notLooked).toContainEqual(expect.stringContaining("scope wo_pipeline: nothing is guarded"));
});

test("a rollback script that names what is lost is told with its line, and suspected the least; one that was run, more", async () => {
  const world = await guarded();
  world.write("tools/rollback_6.zsh", `#!/bin/zsh\n# ${TOOL}\ncp backups/tool.zsh ${TOOL}\n`);
  world.write("scripts/old/emergency_recovery.sh", "git reset --hard origin/main\n");
  world.write("scripts/rollback_other.sh", "cp a b\n");
  const unlogged = await asked(world, ["-n"]);
  expect(unlogged.findings["rollback_scripts"]).toEqual([
    expect.stringMatching(/rollback_6.zsh names tools\/tool.zsh \(line 3: cp/),
    expect.stringMatching(/emergency_recovery.sh wipes what it finds \(line 1: git reset --hard/),
  ]);
  expect(unlogged.suspects).toEqual([]);
  world.write(
    "logs/rollback_6.log",
    `${new Date().toISOString()} cp backups/tool.zsh tools/tool.zsh\n2020-01-01T00:00:00Z tool.zsh\n`,
  );
  expect((await asked(world, ["-n"])).suspects).toEqual(["likely: logs/rollback_6.log"]);
});

test("a killed daemon leaves gaps: in the ledger, in the heartbeats, and an order that wiped is suspected", async () => {
  const world = await World.make({ config: CONFIG });
  put(world, TOOL, TEXT);
  await inGit(world, ["wo-bridge.yaml"]);
  const daemon = await world.startDaemon();
  await accept(world);
  await until(() => heartbeats(world) > 1, 20_000, "the guardrail is at work");
  world.drop("CLC", "clean.json", { wo_id: "WO-CLEAN", steps: [{ run: "git clean -fdxq tools" }] });
  await world.reaches("WO-CLEAN", "done");
  await until(() => linesTold(world).some(({ event }) => event === "wo_pipeline_drift"), 20_000, "the drift is told");
  await world.kill(daemon);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await world.startDaemon();
  const said = await asked(world);
  expect(said.suspects).toEqual(["likely: order WO-CLEAN"]);
  expect(said.findings["drifts"]).toEqual([expect.stringMatching(/tools\/tool.zsh: .*; last as it has to be at /)]);
  expect(said.findings["git_events"]).toContainEqual(expect.stringContaining("WO-CLEAN ran `git clean -fdxq tools`"));
  expect(said.findings["ledger_gaps"]).toEqual([expect.stringContaining("the daemon ended without a word after")]);
  expect(said.findings["guardrail_gaps"]).toEqual([expect.stringContaining("no wo_pipeline_healthy between")]);
  expect(said.next).toContain(`wo -C ${world.base} undo --path ${world.path(TOOL)} --apply`);
  expect(lessons(world)).toMatchObject([{ links: { wo_id: "WO-CLEAN" }, confidence: 0.6 }]);
});

function heartbeats(world: World): number {
  return linesTold(world).filter(({ event }) => event === "wo_pipeline_healthy").length;
}

test("an order that deleted what is guarded is written down as the cause, and is undone by what is said to type", async () => {
  const world = await guarded();
  await world.startDaemon();
  world.drop("CLC", "d.json", { wo_id: "WO-D", allow_delete: true, operations: [{ op: "delete", path: TOOL }] });
  await world.reaches("WO-D", "done");
  const said = await asked(world, ["--actor", "cls"]);
  expect(said.suspects[0]).toBe("written down: order WO-D");
  expect(said.findings["orders"]).toEqual([expect.stringContaining(`order WO-D deleted ${TOOL}`)]);
  await type(world, said.next[0]?.replace(/^wo /, `${process.execPath} ${MAIN} `));
  expect(lessons(world)).toMatchObject([{ author: "cls", source: { producer: "cls" } }]);
});

/** An agent whose plist names a log in the home, which holds this. */
function agent(world: World, name: string, log: string): void {
  const path = join(world.home, `${name}.log`);
  const plist = `<plist version="1.0"><dict><key>StandardErrorPath</key>\n<string>${path}</string>&& broken</dict>`;
  const file = join(world.home, `Library/LaunchAgents/com.02luka.${name}.plist`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, plist);
  writeFileSync(path, log);
}

test("logs that plists name, and those of the base, tell of agents that failed, in the window only", async () => {
  const world = await guarded();
  const now = new Date().toISOString();
  agent(
    world,
    "wo_executor",
    `2020-01-01 10:00:00 exit code 127\n2020-01-01 10:00:01 undated follows\n${now} exited with code 126\n`,
  );
  world.write("logs/tracker.err", "zsh: tools/a: No such file or directory\n".repeat(3).trimEnd());
  world.write("logs/fine.log", `${now} exit code 0, 1270 files, 78 orders\n`);
  world.write("logs/folder.log/x", "");
  const said = await asked(world);
  expect(said.findings["launchagent_failures"]?.toSorted()).toEqual([
    `${now} ~/wo_executor.log: ${now} exited with code 126`,
    expect.stringMatching(
      /^logs\/tracker.err: zsh: tools\/a: No such file or directory \(3 times\); the line has no time/,
    ),
  ]);
  expect(said.notLooked).toEqual([
    expect.stringContaining("folder.log: it is no file"),
    "launchctl list: not asked: this machine has no launchctl, and there are agents: com.02luka.wo_executor.plist",
  ]);
  expect(said.next).toContain(`tail -n 50 ${world.path("logs/tracker.err")}`);
});

test("launchctl's status column tells who failed, where there is a launchctl", async () => {
  const world = await guarded();
  const bin = join(world.root, "bin");
  mkdirSync(bin);
  const rows = [
    "PID\tStatus\tLabel",
    "-\t127\tcom.02luka.a",
    "4242\t0\tcom.02luka.b",
    "-\t-15\tcom.02luka.c",
    "-\t78\tcom.apple.d",
  ];
  writeFileSync(join(bin, "launchctl"), `#!/bin/sh\ncat <<END\n${rows.join("\n")}\nEND\n`);
  chmodSync(join(bin, "launchctl"), 0o755);
  const said = await asked(world, [], { ...world.env, WO_LAUNCHCTL: join(bin, "launchctl") });
  expect(said.findings["launchagent_failures"]).toEqual([expect.stringMatching(/^com.02luka.a last ended with 127: /)]);
  expect(said.looked).toContain("launchctl list (3 agents of com.02luka)");
  expect(said.next).toContain("launchctl print gui/$(id -u)/com.02luka.a");
});

test("a window in which nothing happened says so, with all that was looked at, and teaches nothing", async () => {
  const world = await guarded();
  const said = await asked(world, ["--since", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00Z"]);
  expect(said).toMatchObject({
    code: 0,
    cause: "none: nothing was found",
    next: ["nothing to do"],
    lesson: { state: "none" },
  });
  expect(said.looked.map((one) => one.split(" (")[0])).toEqual(ALL_SOURCES.slice(0, 4).concat("logs of LaunchAgents"));
  expect(said.notLooked).toEqual(["launchctl list: not asked: this machine has no launchctl"]);
  expect(lessons(world)).toEqual([]);
  const printed = await world.wo(
    "forensics",
    "-n",
    "--since",
    "2020-01-01T00:00:00Z",
    "--until",
    "2020-01-02T00:00:00Z",
  );
  expect(printed.stdout).toContain(
    "forensics of wo_pipeline: 2020-01-01T00:00:00.000Z to 2020-01-02T00:00:00.000Z (1 d)",
  );
});

test("without time nothing is looked at, and that is not nothing found", async () => {
  const world = await guarded();
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  const said = await asked(world, ["--budget", "0"]);
  expect(said).toMatchObject({ code: 1, cause: "unknown: nothing was looked at", looked: [], suspects: [] });
  expect(said.notLooked).toEqual([...ALL_SOURCES, ...AGENT_SOURCES].map((name) => `${name}: the budget was used up`));
  expect(said.next[0]).toMatch(/^wo -C \S+ forensics --since \S+ --until \S+ --scope wo_pipeline --budget 60s$/);
  expect(lessons(world)).toEqual([]);
  expect((await world.wo("forensics", "--budget", "0s")).stdout).not.toContain("nothing was found");
});

test("a damaged ledger is read around the damage, and what is missing in it is told", async () => {
  const world = await guarded();
  const before = await asked(world, ["-n"]);
  const folder = join(world.vault, "ledger");
  const segment = join(
    folder,
    readdirSync(folder)
      .filter((name) => name.endsWith(".jsonl"))
      .toSorted()[0] ?? "",
  );
  const [first = "", second = "", ...rest] = readFileSync(segment, "utf8").split("\n");
  writeFileSync(segment, [first, second.replace('"event"', '"evxnt"'), ...rest].join("\n"));
  const said = await asked(world);
  expect(before.findings["ledger_gaps"]).toEqual([]);
  expect(said.findings["ledger_gaps"]).toContainEqual(expect.stringContaining("entry 2 is missing, between"));
  expect(said.next).toContain(`wo -C ${world.base} ledger verify`);
  rmSync(folder, { recursive: true });
  const without = await asked(world, ["-n"]);
  expect(without.notLooked).toEqual(expect.arrayContaining(["ledger: no entry of it can be read"]));
});

test("a word narrows what counts; one that nothing has is named, and is not nothing found", async () => {
  const world = await guarded("README");
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  expect((await asked(world, ["--scope", "TOOL"])).suspects).toHaveLength(1);
  const other = await asked(world, ["--scope", "nothing/here"]);
  expect([other.report, other.suspects[0]]).toEqual([
    expect.stringMatching(/forensic_nothing-here_\d+\.json$/),
    expect.stringMatching(/^likely: /),
  ]);
  expect(other.notLooked).toContainEqual(expect.stringContaining("scope nothing/here: nothing that is guarded"));
});

test("secrets in logs and subjects are stars in what is printed and kept", async () => {
  const world = await guarded();
  world.write("logs/a.err", `curl -H ${GITHUB_TOKEN}: command not found\n`);
  const said = await asked(world);
  expect(said.findings["launchagent_failures"]?.[0]).toContain("command not found");
  expect(JSON.stringify([said, world.read(said.report), lessons(world)])).not.toContain(GITHUB_TOKEN);
});

test("what cannot be meant is refused, and a dry run writes nothing", async () => {
  const world = await guarded();
  for (const words of [
    ["--since", "1h", "--until", "2h"],
    ["--since", "soon"],
    ["--scope", ""],
    ["--budget", "long"],
  ])
    expect((await world.wo("forensics", ...words)).code).toBe(2);
  expect((await asked(world, ["-n", "--since", "7d"])).lesson).toEqual({ state: "none", why: "a dry run" });
  expect([world.list("g/reports"), world.list("mls")]).toEqual([[], []]);
});

test("what cannot be kept is told beside what was found; links to elsewhere are followed", async () => {
  const world = await guarded();
  mkdirSync(world.path("g"), { recursive: true });
  mkdirSync(join(world.root, "elsewhere"));
  symlinkSync(join(world.root, "elsewhere"), world.path("g/reports"));
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  world.write("mls/ledger", "no folder");
  const linked = await asked(world);
  expect(readdirSync(join(world.root, "elsewhere"))).toEqual([linked.report.replace("g/reports/", "")]);
  expect([linked.code, linked.suspects.length, linked.lesson]).toMatchObject([1, 1, { state: "refused" }]);
  rmSync(join(world.root, "elsewhere"), { recursive: true });
  const dangling = await world.wo("forensics");
  expect([dangling.code, dangling.stdout]).toEqual([
    1,
    expect.stringMatching(/likely cause: git, reset[^]*report: not kept: the disk refused/),
  ]);
});
