/** `wo agent lint` names each mistake of a set that people were seen to make, and says nothing of what is well. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { launchdPlist } from "../../src/upkeep/agents/launchd-plist.ts";
import { LINT_CODES } from "../../src/upkeep/agents/lint-codes.ts";
import { ownAgents } from "../../src/upkeep/agents/own-agents.ts";
import { goodJob, makeAgentHome, type Planted, plantedJobs, plantedText, plantJob } from "../support/agent-plists.ts";
import { documentOf } from "../support/line-kit.ts";
import { dtdComplaints, NO_XMLLINT } from "../support/plist-judges.ts";
import { valueOf } from "../support/results.ts";
import { modeOf, put, treeOf } from "../support/temporary-folder.ts";
import { asRecord, ROOT, World } from "../support/world.ts";

async function agentWorld(): Promise<World> {
  const world = await World.make({ bare: true });
  makeAgentHome(world.home);
  return world;
}

interface Told {
  readonly path: string;
  readonly findings: readonly Readonly<Record<string, unknown>>[];
  readonly left: readonly Readonly<Record<string, unknown>>[];
  readonly mended: string | undefined;
}

/** What the one document says of each file. */
async function linted(world: World, ...words: readonly string[]): Promise<readonly Told[]> {
  const end = await world.wo("agent", "lint", "--json", ...words);
  const { files } = asRecord(documentOf(end, "agent_lint"));
  return list(files).map((file) => {
    const { path, findings, left, mended } = asRecord(file);
    const records = (value: unknown) => list(value ?? []).map(asRecord);
    const text = typeof mended === "string" ? mended : undefined;
    return { path: String(path), findings: records(findings), left: records(left), mended: text };
  });
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`no list: ${JSON.stringify(value)}`);
  return value;
}

const codesOf = (findings: readonly Readonly<Record<string, unknown>>[]) =>
  findings.map(({ code }) => String(code)).toSorted();

test("each planted mistake is named, with its key and why, and nothing else is", async () => {
  const world = await agentWorld();
  const planted = plantedJobs(world.home);
  const told = await linted(world, ...planted.map((one) => plantJob(world.home, one)));
  const seen = told.map(({ findings }, index) => [planted[index]?.name, codesOf(findings)]);
  expect(seen).toEqual(planted.map(({ name, codes }) => [name, codes.toSorted()]));
  expect(planted.length).toBeGreaterThan(40);
  for (const { findings } of told)
    for (const { why, next, mended } of findings)
      expect([typeof why, typeof (next ?? mended)]).toEqual(["string", "string"]);
});

test("the agents of this program are without a fault where they are installed", async () => {
  const world = await agentWorld();
  const stateRoot = join(world.home, ".local/state/wo-bridge");
  mkdirSync(join(stateRoot, "app"), { recursive: true });
  mkdirSync(join(world.home, "Library/Logs/wo-bridge"));
  symlinkSync(ROOT, join(stateRoot, "app/current"));
  const node = { path: process.execPath, version: process.versions.node };
  const paths = ownAgents({ home: world.home, base: world.base, stateRoot, node }).map((spec) =>
    put(join(world.home, "Library/LaunchAgents", `${spec.label}.plist`), valueOf(launchdPlist(spec))),
  );
  expect(paths).toHaveLength(2);
  const end = await world.wo("agent", "lint", ...paths);
  expect([end.code, end.stdout]).toEqual([0, expect.stringContaining("nothing is wrong in 2 files")]);
  expect(end.stdout).toContain(`${process.execPath} → ${join(stateRoot, "app/current/dist/bin/wo.js")}`);
});

test("the samples are without a fault but that nobody can look at their machine", async () => {
  const world = await agentWorld();
  const samples = ["com.02luka.wo-bridge.plist", "com.02luka.wo_pipeline_guardrail.plist"];
  const told = await linted(world, ...samples.map((name) => join(ROOT, "launchagents", name)));
  expect(told.map(({ findings }) => codesOf(findings))).toEqual([["other_machine"], ["other_machine"]]);
});

test("what is no file with text in it is told by its own name", async () => {
  const world = await agentWorld();
  const at = (name: string) => join(world.home, "Library/LaunchAgents", name);
  put(at("empty.plist"), "");
  put(at("binary.plist"), "bplist00\u0001");
  put(at("large.plist"), "");
  truncateSync(at("large.plist"), 2_000_000);
  symlinkSync("/etc/hosts", at("link.plist"));
  execFileSync("mkfifo", [at("fifo.plist")]);
  mkdirSync(at("folder.plist"));
  const names = ["empty", "binary", "large", "link", "fifo", "folder", "gone"];
  const told = await linted(world, ...names.map((name) => at(`${name}.plist`)));
  const codes = ["empty_file", "binary_plist", "too_large", "symlink", "special_file", "folder", "absent"];
  expect(told.flatMap(({ findings }) => codesOf(findings))).toEqual(codes);
  expect(told[1]?.findings[0]?.["next"]).toContain("plutil -convert xml1");
  expect((await world.wo("agent", "lint", at("gone.plist"))).code).toBe(2);
});

test("rights, logs without an end and one label in two files are told", async () => {
  const world = await agentWorld();
  const [first, second] = ["a", "b"].map((name) =>
    plantJob(world.home, { name, bends: { Label: "twins" }, codes: [] }),
  );
  chmodSync(first ?? "", 0o666);
  truncateSync(put(join(world.home, "Library/Logs/b.log"), ""), 200 * 1024 * 1024);
  const large = plantJob(world.home, {
    name: "b",
    bends: { Label: "twins", StandardOutPath: join(world.home, "Library/Logs/b.log") },
    codes: [],
  });
  const told = await linted(world, first ?? "", second ?? "");
  expect(large).toBe(second);
  expect(told.map(({ findings }) => codesOf(findings))).toEqual([
    ["label_differs", "label_twice", "writable_by_others"],
    ["label_differs", "label_twice", "log_large"],
  ]);
});

test("every code that a file can be told by was planted somewhere", () => {
  const planted = plantedJobs("/h").flatMap(({ codes }) => codes);
  const elsewhere = [
    "absent",
    "binary_plist",
    "empty_file",
    "folder",
    "special_file",
    "symlink",
    "too_large",
    "label_twice",
  ];
  const more = ["log_large", "other_machine", "writable_by_others", "homebrew_elsewhere", "cannot_look", "unreadable"];
  expect([...new Set([...planted, ...elsewhere, ...more])].toSorted()).toEqual(Object.keys(LINT_CODES).toSorted());
});

/** What no file can say by itself: it has to be mended by a person, or on the disk. */
const BY_HAND = new Set(
  "bad_number duplicate_key broken_xml shell_script not_xml old_style_plist not_text not_a_dictionary label_differs unknown_key disabled no_job no_program program_missing script_missing folder_missing not_executable interpreter_missing command_missing not_followed script_broken node_of_version_manager log_folder_missing log_unwritable glob secret secret_readable proxy_frozen".split(
    " ",
  ),
);

test("--fix leaves nothing but what a person has to mend, keeps the old file, and is done the second time", async () => {
  const world = await agentWorld();
  const planted = plantedJobs(world.home);
  const paths = planted.map((one) => plantJob(world.home, one));
  const told = await linted(world, "--fix", ...paths);
  for (const [index, { path, mended, left, findings }] of told.entries()) {
    const one = planted[index] ?? never();
    const canMend = mended !== undefined;
    const after = codesOf(canMend ? left : findings).filter((code) => !BY_HAND.has(code));
    expect([one.name, after]).toEqual([one.name, LEFT[one.name] ?? []]);
    expect([one.name, existsSync(`${path}.bak`)]).toEqual([one.name, canMend]);
    if (canMend) expect(readFileSync(`${path}.bak`, "utf8")).toBe(plantedText(world.home, one));
    if (one.codes.length === 0) expect([one.name, canMend]).toEqual([one.name, false]);
  }
  const files = treeOf(join(world.home, "Library/LaunchAgents"));
  await linted(world, "--fix", ...paths);
  expect(treeOf(join(world.home, "Library/LaunchAgents"))).toEqual(files);
});

/** A place that macOS protects is mended for logs alone; what a variable holds that nobody sets, by nobody. */
const LEFT: Readonly<Record<string, readonly string[]>> = {
  "google-drive": ["protected_place"],
  "works-in-documents": ["protected_place"],
  "nobody-knows": ["not_expanded"],
};

function never(): never {
  throw new Error("there is no such file");
}

test.each<readonly [string, Planted["bends"], RegExp]>([
  [
    "a login shell goes where it has nothing to do",
    { ProgramArguments: ["/bin/zsh", "-lc", "$HOME/bin/work  'a b'"] },
    /<array>\s*<string>\S+\/bin\/work<\/string>\s*<string>a b<\/string>\s*<\/array>/,
  ],
  [
    "a shell that has work to do stays, without its login",
    { ProgramArguments: ["/bin/bash", "-l", "-c", "date && date"] },
    /<string>\/bin\/bash<\/string>\s*<string>-c<\/string>\s*<string>date &amp;&amp; date</,
  ],
  [
    "the interval stays, KeepAlive goes",
    { KeepAlive: true },
    /^(?![\s\S]*KeepAlive)[\s\S]*<key>StartInterval<\/key>\s*<integer>300</,
  ],
  [
    "a home is written out",
    { StandardOutPath: "~/Library/Logs/a.log" },
    /<string>\/[^~]*\/home\/Library\/Logs\/a.log</,
  ],
  ["a text becomes the number that it is", { StartInterval: "300" }, /<key>StartInterval<\/key>\s*<integer>300</],
])("mended, %s", async (_what, bends, expected) => {
  const world = await agentWorld();
  const path = plantJob(world.home, { name: "job", bends, codes: [] });
  const [told] = await linted(world, path);
  expect(told?.mended).toMatch(expected);
  await linted(world, "--fix", path);
  expect(readFileSync(path, "utf8")).toBe(told?.mended);
});

test("without --fix nothing is written, and what it would be is shown", async () => {
  const world = await agentWorld();
  const path = plantJob(world.home, { name: "job", bends: { KeepAlive: true }, codes: [] });
  const before = treeOf(world.home);
  const { code, stdout } = await world.wo("agent", "lint", path);
  expect([code, treeOf(world.home)]).toEqual([1, before]);
  expect(stdout).toMatch(/job\.plist:\d+ {2}KeepAlive: .*\[interval_and_keepalive\]\n {4}mended: without it/);
  expect(stdout).toMatch(/mended it would be:\n {2}<\?xml[\s\S]*next: wo agent lint --fix/);
});

test("a secret is shown to nobody, and stays in the file that is mended", async () => {
  const world = await agentWorld();
  const value = "hunter2 & <more>";
  const bends = {
    EnvironmentVariables: { REDIS_PASSWORD: value },
    ProgramArguments: ["~/bin/work", `--token=${value}`],
  };
  const path = plantJob(world.home, { name: "job", bends, codes: [] });
  chmodSync(path, 0o600);
  for (const words of [[path], ["--json", path], ["--fix", path]]) {
    const { stdout, stderr } = await world.wo("agent", "lint", ...words);
    expect(`${stdout}${stderr}`).not.toContain("hunter2");
    expect(stdout).toContain("REDIS_PASSWORD");
  }
  expect(readFileSync(path, "utf8").match(/hunter2 &amp; &lt;more>|hunter2 &amp; &lt;more&gt;/g)).toHaveLength(2);
  expect([modeOf(path), modeOf(`${path}.bak`)]).toEqual([0o600, 0o600]);
});

test("an older backup is never written over, and comments that go are told", async () => {
  const world = await agentWorld();
  const path = plantJob(world.home, {
    name: "job",
    bends: { KeepAlive: true },
    inText: (text) => text.replace("<key>", "<!-- mine --><key>"),
    codes: [],
  });
  put(`${path}.bak`, "older");
  const { stdout } = await world.wo("agent", "lint", "--fix", path);
  expect(stdout).toContain("job.plist~2.bak");
  expect(stdout).toContain("its comments are in the old file only: 1");
  expect(readFileSync(`${path}.bak`, "utf8")).toBe("older");
  expect(readFileSync(path.replace("job.plist", "job.plist~2.bak"), "utf8")).toContain("<!-- mine -->");
});

test.skipIf(NO_XMLLINT !== undefined)(
  `mended files are property lists by the format's DTD ${NO_XMLLINT ?? ""}`,
  async () => {
    const world = await agentWorld();
    const told = await linted(world, ...plantedJobs(world.home).map((one) => plantJob(world.home, one)));
    const texts = told.flatMap(({ mended }) => mended ?? []);
    expect(texts.length).toBeGreaterThan(20);
    for (const text of texts) expect(dtdComplaints(text)).toBe("");
  },
);

test("a job is good by default", () => {
  expect(goodJob("/h", "x", { Nice: undefined })).not.toHaveProperty("Nice");
});
