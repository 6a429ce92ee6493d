/** What the configuration refuses, by a real daemon: secrets, of which nothing is kept; commands and sizes by rule. */
import { readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  awaitRefusals,
  documentOf,
  dropBytes,
  failureOf,
  filing,
  linesTold,
  problemsOf,
  running,
  told,
  valueIn,
  workingWorld,
  workOf,
} from "../support/line-kit.ts";
import { AWS_ID, AWS_KEY, GITHUB_TOKEN, PRIVATE_KEY } from "../support/secrets.ts";
import { until, type World } from "../support/world.ts";

const KEY = String(PRIVATE_KEY);
const PAIR = `[default]\naws_access_key_id = ${AWS_ID}\naws_secret_access_key = ${AWS_KEY}\n`;
const indented = (text: string) => text.trimEnd().replaceAll(/^/gm, "      ");
const file = (content: string) => ({ path: "made/secret.txt", content });

/** Orders that hold a secret in every way in which orders hold text. */
const DROPS: Readonly<Record<string, string>> = {
  "file.yaml": `wo_id: WO-S-1\nfiles:\n  - path: made/x.txt\n    content: |\n${indented(`a\n${GITHUB_TOKEN}`)}\n...\n`,
  "pair.yaml": `wo_id: WO-S-2\nfiles:\n  - path: made/x.txt\n    content: |\n${indented(PAIR)}\n...\n`,
  "key.yaml": `wo_id: WO-S-3\nfiles:\n  - path: made/x.txt\n    content: |\n${indented(KEY)}\n...\n`,
  "key.json": JSON.stringify({ wo_id: "WO-S-4", files: [file(KEY)] }),
  "pair.json": JSON.stringify({ wo_id: "WO-S-5", files: [file(PAIR)] }),
  "edit.json": JSON.stringify({ wo_id: "WO-S-6", edits: [{ path: "a", find: "b", after: `x\n${GITHUB_TOKEN}\n` }] }),
  "find.json": JSON.stringify({ wo_id: "WO-S-7", edits: [{ path: "a", find: GITHUB_TOKEN, replace: "" }] }),
  "run.json": JSON.stringify(running("WO-S-8", `curl -H 'Authorization: ${GITHUB_TOKEN}' https://x.y`)),
  "check.yaml": `wo_id: WO-S-9\npost_verify:\n  - AWS_SECRET_ACCESS_KEY=${AWS_KEY} ./check\n...\n`,
  "title.json": JSON.stringify({ ...filing("WO-S-10"), title: `for ${GITHUB_TOKEN}` }),
  "prose.yaml": `wo_id: WO-S-11\nnotes: use ${AWS_ID}\n...\n`,
  "id.yaml": `wo_id: ${GITHUB_TOKEN}\nfiles: {a.txt: x}\n...\n`,
  // Faults of another kind quote the lines around them.
  "fault.yaml": `wo_id: WO-S-12\nfiles:\n  - path: a\n    token: ${GITHUB_TOKEN}\n    contnet: ${AWS_ID}\n...\n`,
  "fault.json": `{"wo_id": "WO-S-13", "files": [{"path": "a", "x": "one\\n${GITHUB_TOKEN}"}]}`,
  "torn.json": `{"wo_id": "WO-S-14", "token": "${GITHUB_TOKEN}", ${AWS_ID}}`,
  "torn.yaml": `wo_id: WO-S-15\ntoken: [${GITHUB_TOKEN}\n...\n`,
  "path.yaml": `wo_id: WO-S-16\nfiles:\n  - path: ../${GITHUB_TOKEN}\n    content: x\n...\n`,
  "large.json": JSON.stringify({
    wo_id: "WO-S-17",
    files: [file(`${"some words of a line\n".repeat(50_000)}${GITHUB_TOKEN}\n`)],
  }),
};

/** What must be nowhere: each value, and the lines of the key. */
const VALUES = [GITHUB_TOKEN, AWS_ID, AWS_KEY, ...KEY.split("\n").filter((line) => /^[A-Za-z0-9+/=]{20,}$/.test(line))];

/** Files below a folder that hold one of the values, by their paths. */
function holders(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile()) return VALUES.some((value) => entry.name.includes(value)) ? [path] : [];
    const text = `${entry.name}\n${readFileSync(path, "latin1")}`;
    return VALUES.some((value) => text.includes(value)) ? [path] : [];
  });
}

test("a secret in an order is refused, and is nowhere but in the file that was dropped", async () => {
  const world = await workingWorld();
  for (const [name, text] of Object.entries(DROPS)) dropBytes(world, "CLC", name, text);
  const codes: Record<string, unknown> = {};
  for (const name of Object.keys(DROPS)) codes[name] = (await problemsOf(world, "CLC", name))[0]?.["code"];
  expect(codes).toEqual(Object.fromEntries(Object.keys(DROPS).map((name) => [name, "secret_found"])));
  world.drop("CLC", "next.json", filing("WO-NEXT"));
  await world.reaches("WO-NEXT", "done");
  const [problem] = await problemsOf(world, "CLC", "file.yaml");
  expect(problem).toMatchObject({ message: "this looks like a secret: github token", place: { line: 6, column: 7 } });

  expect(linesTold(world).filter((line) => line["event"] === "wo_rejected")).toHaveLength(Object.keys(DROPS).length);
  for (const [name, text] of Object.entries(DROPS)) expect(world.read(`bridge/error/CLC/${name}`)).toBe(text);
  // The base, the vault and the daemon's log are all below the world's root.
  const kept = Object.keys(DROPS).map((name) => world.path(`bridge/error/CLC/${name}`));
  expect(holders(world.root).toSorted()).toEqual(kept.toSorted());
  expect(workOf(world)).toEqual({ "made/WO-NEXT.txt": "WO-NEXT\n" });
});

test("wo check and wo submit find the same, and print it nowhere", async () => {
  const world = await workingWorld();
  const paths = Object.keys(DROPS).map((name) => world.path(`mine/${name}`));
  for (const [name, text] of Object.entries(DROPS)) world.write(`mine/${name}`, text);
  const one = world.path("mine/file.yaml");
  const ways = [
    ["check", ...paths],
    ["check", "--json", ...paths],
    ["submit", one],
    ["submit", "-n", one],
  ];
  for (const words of ways) {
    const { code, stdout, stderr } = await world.wo(...words);
    expect({ words, code }).toEqual({ words, code: 2 });
    expect(VALUES.filter((value) => (stdout + stderr).includes(value))).toEqual([]);
    const found = (stdout + stderr).split("secret_found").length - 1;
    expect(found).toBeGreaterThanOrEqual(words.includes("check") ? paths.length : 1);
  }
});

test("where a lane allows secrets they are let through, and elsewhere they are not", async () => {
  const world = await workingWorld("lanes: {OPEN: {secrets: allow}}\n");
  world.drop("OPEN", "a.json", { wo_id: "WO-OPEN", files: [{ path: "made/a.txt", content: AWS_ID }] });
  world.drop("CLC", "b.json", { wo_id: "WO-SHUT", files: [{ path: "made/b.txt", content: AWS_ID }] });
  await world.reaches("WO-OPEN", "done");
  expect((await problemsOf(world, "CLC", "b.json"))[0]?.["code"]).toBe("secret_found");
  expect(workOf(world)).toEqual({ "made/a.txt": AWS_ID });
});

const RULES = `
policy:
  maxFiles: 2
  commands:
    deny:
      - {pattern: "git push *", reason: people push}
lanes:
  SMALL: {maxFileBytes: 4, maxCommands: 1}
  NPM:
    commands:
      allow:
        - {pattern: "echo *", reason: it only speaks}
`;

async function refusalIn(world: World, lane: string, name: string, order: object) {
  world.drop(lane, name, order);
  const [problem] = await problemsOf(world, lane, name);
  return problem;
}

test("commands and sizes that the configuration refuses are rejected before anything runs", async () => {
  const world = await workingWorld(RULES);
  const push = { wo_id: "P", steps: [{ run: "touch ran" }, { name: "publish", run: "cd . && git push" }] };
  expect(await refusalIn(world, "CLC", "push.json", push)).toMatchObject({
    code: "command_refused",
    message: 'the command "publish" is refused: it matches "git push *": people push',
    key: "steps[1]",
    place: { line: 1 },
  });
  const files = { wo_id: "F", files: { a: "", b: "", c: "" } };
  const cases = [
    await refusalIn(world, "CLC", "files.json", files),
    await refusalIn(world, "SMALL", "bytes.json", { wo_id: "B", files: { a: "12345" } }),
    await refusalIn(world, "SMALL", "steps.json", running("S", "touch ran", { post_verify: ["true"] })),
    await refusalIn(world, "NPM", "allow.json", running("A", "echo x; touch ran")),
  ];
  expect(cases.map((problem) => problem?.["code"])).toEqual([
    "too_many_files",
    "file_too_large",
    "too_many_commands",
    "command_refused",
  ]);
  world.drop("NPM", "good.json", running("WO-GOOD", "echo x"));
  await world.reaches("WO-GOOD", "done");
  expect(workOf(world)).toEqual({});
});

const ALL_WRONG = `wo_id: WO-ALL
title: everything that the policy refuses
files:
  - path: ../out.txt
    content: x
  - path: .git/hooks/pre-commit
    content: x
  - path: fine.txt
    content: x
steps:
  - run: cd . && git push
  - run: ls
  - run: sudo reboot
...
`;
const ALL_TOLD = [
  ["path_refused", 4],
  ["path_refused", 6],
  ["command_refused", 11],
  ["command_refused", 13],
  ["too_many_files", 8],
];

/** What is told of each: its code, its line, and that it shows the line and says what to do. */
const toldOf = (problems: unknown) =>
  (Array.isArray(problems) ? problems : []).map((problem) => [
    valueIn(problem, "code"),
    valueIn(problem, "hint") === undefined ||
      valueIn(problem, "frame") === undefined ||
      valueIn(problem, "place", "line"),
  ]);

test("every refusal is told in error.json, in the acknowledgement, by submit -n and by check, each with its place", async () => {
  const world = await workingWorld(RULES);
  dropBytes(world, "CLC", "all.yaml", ALL_WRONG);
  expect(toldOf(await problemsOf(world, "CLC", "all.yaml"))).toEqual(ALL_TOLD);
  const [ack] = await awaitRefusals(world, "CLC", 1);
  expect(toldOf(ack?.["problems"])).toEqual(ALL_TOLD);
  world.write("mine/all.yaml", ALL_WRONG);
  const planned = await world.wo("submit", world.path("mine/all.yaml"), "-n", "--json");
  expect(planned.code).toBe(5);
  const verdict = valueIn(documentOf(planned, "dry-run"), "verdict");
  expect([valueIn(verdict, "kind"), toldOf(valueIn(verdict, "problems"))]).toEqual(["refuse", ALL_TOLD]);
  const { stdout } = await world.wo("submit", world.path("mine/all.yaml"), "-n");
  for (const [code, line] of ALL_TOLD) expect(stdout).toMatch(new RegExp(`all\\.yaml:${line}:\\d+ .*\\[${code}\\]`));
  expect(stdout).toContain("  11 |   - run: cd . && git push\n");
  const checked = await world.wo("check", world.path("mine/all.yaml"), "--json");
  expect([checked.code, toldOf(valueIn(documentOf(checked, "check"), 0, "problems"))]).toEqual([5, ALL_TOLD]);
  expect(workOf(world)).toEqual({ "mine/all.yaml": ALL_WRONG });
});

/** What an answer may take: a machine that is busy with other tests is slow at all of it, one that is held up at that one. */
const mostMs = (tookMs: number) => Math.max(250, tookMs / 3);

test("while a large order is refused at thousands of its paths, the daemon answers", async () => {
  const world = await workingWorld();
  const items = Array.from({ length: 3000 }, (_, index) => `  - {path: ../${index}.txt, content: "${"x".repeat(60)}"}`);
  dropBytes(world, "CLC", "many.yaml", `wo_id: WO-MANY\nfiles:\n${items.join("\n")}\n...\n`);
  let slowestMs = 0;
  const droppedMs = performance.now();
  const isOver = async () => {
    const startMs = performance.now();
    expect(valueIn(await world.ask({ call: "health" }), "state")).toBe("running");
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    return world.read("bridge/error/CLC/many.yaml.error.json") !== undefined;
  };
  await expect.poll(isOver, { timeout: 20_000, interval: 5 }).toBe(true);
  const tookMs = performance.now() - droppedMs;
  const problems = await problemsOf(world, "CLC", "many.yaml");
  expect(problems[1]).toMatchObject({ code: "path_refused", key: "files[1]", place: { line: 4, column: 5 } });
  expect(problems.at(-1)).toMatchObject({ code: "more_problems", message: "2981 more are not told here" });
  expect(slowestMs).toBeLessThan(mostMs(tookMs));
});

test("a tree that loosens a rule waits for a person, and one that tightens does not", async () => {
  const world = await workingWorld(RULES);
  const config = world.read("wo-bridge.yaml") ?? "";
  const loose = config
    .replace(/ +deny:\n.*\n/, "")
    .replace("maxFiles: 2", "maxFiles: 1")
    .replace("commands:\n", "secrets: allow\n");
  expect(loose).not.toContain("git push");
  world.write("wo-bridge.yaml", loose);
  const wishes = async () => JSON.stringify((await world.ask({ call: "status" })) ?? "");
  await expect.poll(wishes, { timeout: 10_000 }).toContain("policy.commands.deny: − git push *");
  expect(await wishes()).toContain("policy.secrets: refuse → allow");
  expect((await refusalIn(world, "CLC", "push.json", running("P", "git push")))?.["code"]).toBe("command_refused");
  expect((await refusalIn(world, "CLC", "two.json", { wo_id: "T", files: { a: "", b: "" } }))?.["code"]).toBe(
    "too_many_files",
  );
  expect((await refusalIn(world, "CLC", "token.json", filing(AWS_ID)))?.["code"]).toBe("secret_found");
  expect((await world.wo("config", "accept")).code).toBe(0);
  world.drop("CLC", "late.json", { wo_id: "WO-LATE", files: { "made/a.txt": AWS_ID } });
  await world.reaches("WO-LATE", "done");
});

test("while an order of five megabytes is looked through, the daemon answers", async () => {
  const world = await workingWorld();
  const slow = `https://${"a".repeat(7)}`;
  dropBytes(
    world,
    "CLC",
    "slow.json",
    JSON.stringify({ wo_id: "WO-SLOW", files: { a: `${slow.repeat(320_000)} ${AWS_ID}` } }),
  );
  let slowestMs = 0;
  const droppedMs = performance.now();
  const isOver = async () => {
    const startMs = performance.now();
    expect(valueIn(await world.ask({ call: "health" }), "state")).toBe("running");
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    return world.read("bridge/error/CLC/slow.json.error.json") !== undefined;
  };
  await expect.poll(isOver, { timeout: 20_000, interval: 5 }).toBe(true);
  const tookMs = performance.now() - droppedMs;
  expect((await problemsOf(world, "CLC", "slow.json"))[0]?.["code"]).toBe("secret_found");
  expect(slowestMs).toBeLessThan(mostMs(tookMs));
});

test("a secret in the name of a file or a folder is refused, and in no name and no record afterwards", async () => {
  const world = await workingWorld();
  world.drop("CLC", `for-${GITHUB_TOKEN}.json`, filing("WO-N-1"));
  world.drop("CLC", `${AWS_ID}.json`, { files: { a: 3 } });
  dropBytes(world, "CLC", `${AWS_ID}.md`, "what to do");
  world.write(`coming/${AWS_ID}.yaml`, "files: {a.txt: x}\n");
  renameSync(world.path("coming"), world.path(`bridge/inbox/CLC/${AWS_ID}`));
  const acks = await awaitRefusals(world, "CLC", 3);
  expect(new Set(acks.map((ack) => valueIn(ack, "problems", 0, "code")))).toEqual(new Set(["secret_found"]));
  expect((await problemsOf(world, "CLC", "for-SECRET.json")).map(({ code }) => code)).toEqual(["secret_found"]);
  expect((await problemsOf(world, "CLC", "SECRET.json")).map(({ code }) => code)).toEqual([
    "secret_found",
    "wrong_type",
  ]);
  await until(() => linesTold(world).some(({ event }) => event === "wo_ignored"), 5000, "the .md is told of");
  // What is no order stays where it was dropped; a folder's header is kept as it was, as every rejected file is.
  expect(holders(world.root).toSorted()).toEqual([
    world.path(`bridge/error/CLC/SECRET/${AWS_ID}.yaml`),
    world.path(`bridge/inbox/CLC/${AWS_ID}.md`),
  ]);
  world.write(`mine/${AWS_ID}.json`, JSON.stringify(filing("WO-N-2")));
  for (const verb of ["check", "submit"])
    expect((await world.wo(verb, world.path(`mine/${AWS_ID}.json`))).code).toBe(2);
  expect(workOf(world)).toEqual({ [`mine/${AWS_ID}.json`]: JSON.stringify(filing("WO-N-2")) });
});

test("a secret that a command prints is in the files of its run, and in nothing that is told or recorded", async () => {
  const world = await workingWorld();
  // Put together while it runs: the order holds none.
  const print = `T=$(echo ${Array.from(GITHUB_TOKEN).toReversed().join("")} | rev)`;
  world.drop("CLC", "ok.json", running("WO-TELLS", `${print}; echo "token $T"`));
  world.drop("CLC", "no.json", running("WO-SHOUTS", `${print}; echo "bad token $T" >&2; exit 3`));
  world.drop("CLC", "long.json", running("WO-LONG", `${print}; echo $T; for i in $(seq 1019); do echo abc; done`));
  const failure = await failureOf(world, "WO-SHOUTS");
  expect(String(failure["message"])).toContain(`exit 3: bad token ${"*".repeat(GITHUB_TOKEN.length)}`);
  for (const id of ["WO-TELLS", "WO-LONG"]) await world.reaches(id, "done");
  for (const id of ["WO-TELLS", "WO-SHOUTS", "WO-LONG"]) await told(world, id, "wo_settled");
  for (const verb of [
    ["show", "WO-SHOUTS"],
    ["log", "WO-SHOUTS"],
    ["log", "WO-LONG", "--json"],
  ])
    expect((await world.wo(...verb)).stdout).not.toContain(GITHUB_TOKEN.slice(-10));
  const runs = holders(world.root).map((path) => path.replace(/^.*\/runs\//, ""));
  // The status of the long one has it in two pieces.
  expect(runs.toSorted()).toEqual([
    "WO-LONG/1/0/stdout.log",
    "WO-SHOUTS/1/0/status.json",
    "WO-SHOUTS/1/0/stderr.log",
    "WO-TELLS/1/0/status.json",
    "WO-TELLS/1/0/stdout.log",
  ]);
  const ledger = join(world.vault, "ledger");
  const lines = readdirSync(ledger).map((name) => readFileSync(join(ledger, name), "utf8"));
  expect(lines.join("")).toContain("stdout_tail");
  expect(JSON.stringify(linesTold(world)) + lines.join("")).not.toContain(GITHUB_TOKEN.slice(-10));
});

test("a secret in a file of a folder is refused with the file's name, and shown nowhere", async () => {
  const world = await workingWorld();
  world.write("coming/F.yaml", "wo_id: WO-F\nbody_file: body.yaml\n");
  world.write("coming/body.yaml", `files: {a.txt: "x ${GITHUB_TOKEN}"}\n`);
  world.write("coming/evidence/key.pem", KEY);
  renameSync(world.path("coming"), world.path("bridge/inbox/CLC/F"));
  const problems = await problemsOf(world, "CLC", "F");
  expect(problems.map(({ code, file: inner }) => [code, inner])).toEqual([
    ["secret_found", "body.yaml"],
    ["secret_found", "evidence/key.pem"],
  ]);
  // The last that it writes about it.
  await until(() => world.list("bridge/outbox/CLC").some((name) => name.endsWith(".ack.json")), 5000, "it is told");
  expect(holders(world.root).toSorted()).toEqual([
    world.path("bridge/error/CLC/F/body.yaml"),
    world.path("bridge/error/CLC/F/evidence/key.pem"),
  ]);
});
