/** Signed lanes, by a real daemon and the real ssh-keygen: who has not signed, or may not, gets nothing done. */
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { filing, problemsOf, QUICK, running, told, valueIn } from "../support/line-kit.ts";
import { type Key, newKey, signingTest } from "../support/signing.ts";
import { put } from "../support/temporary-folder.ts";
import { until, World } from "../support/world.ts";

const SAFE = "lanes: {SAFE: {signature: required}}\n";

/** A base with a daemon, whose accepted signers these are. */
async function signedWorld(signers: string, config = SAFE, quick = QUICK): Promise<World> {
  const world = await World.make({ bare: true });
  world.write("wo-bridge.yaml", quick + config);
  world.write("allowed_signers", signers);
  await world.wo("init", "--yes");
  await world.startDaemon();
  return world;
}

const text = (id: string) => JSON.stringify(filing(id));

async function codeOf(world: World, name: string, lane = "SAFE"): Promise<unknown> {
  return (await problemsOf(world, lane, name))[0]?.["code"];
}

signingTest("a signed order is done, whichever file came first, and wo show tells who signed it", async () => {
  const key = newKey();
  const world = await signedWorld(key.line("alice@example.com"), SAFE, QUICK.replace("300", "8000"));
  world.drop("SAFE", "first.json.sig", key.sign(text("WO-FIRST")));
  world.drop("SAFE", "later.json", text("WO-LATER"));
  world.drop("SAFE", "first.json", text("WO-FIRST"));
  await world.reaches("WO-FIRST", "done");
  expect(world.list("bridge/inbox/SAFE")).toContain("later.json");
  world.drop("SAFE", "later.json.sig", key.sign(text("WO-LATER")));
  await world.reaches("WO-LATER", "done");
  expect(world.list("made")).toEqual(["WO-FIRST.txt", "WO-LATER.txt"]);
  const accepted = await told(world, "WO-LATER", "wo_accepted");
  expect(accepted).toMatchObject({ signed_by: "alice@example.com", signing_key: expect.stringMatching(/^SHA256:/) });
  const shown = (await world.wo("show", "WO-LATER")).stdout;
  expect(shown).toContain(`signed by alice@example.com  ${String(accepted["signing_key"])}`);
  expect(world.telemetry().filter(({ event }) => event === "wo_ignored")).toEqual([]);
  const file = /file +(\S+)/.exec(shown)?.[1] ?? "";
  await until(() => world.read(`${file}.sig`) !== undefined, 5000, "the signature lies beside its order");
});

signingTest(
  "unsigned, changed, by a stranger, over: each is refused under its own name, and nothing runs",
  async () => {
    const [key, old] = [newKey(), newKey()];
    const world = await signedWorld(key.line("alice") + old.line("bob", 'valid-before="20200101"'));
    const drop = (name: string, signature?: string) => {
      if (signature !== undefined) world.drop("SAFE", `${name}.json.sig`, signature);
      world.drop("SAFE", `${name}.json`, text(`WO-${name}`));
    };
    drop("unsigned");
    drop("changed", key.sign(text("WO-changeD")));
    drop("stranger", newKey().sign(text("WO-stranger")));
    drop("over", old.sign(text("WO-over")));
    const codes = [];
    for (const name of ["unsigned", "changed", "stranger", "over"]) codes.push(await codeOf(world, `${name}.json`));
    expect(codes).toEqual(["unsigned", "bad_signature", "unknown_signer", "signature_expired"]);
    const isBeside = () => world.list("bridge/error/SAFE").includes("changed.json.sig");
    await until(isBeside, 5000, "the bad signature lies beside its order");
    // In the other lanes nobody has to sign.
    world.drop("CLC", "free.json", text("WO-FREE"));
    await world.reaches("WO-FREE", "done");
    expect(world.list("made")).toEqual(["WO-FREE.txt"]);
  },
);

/** A folder that is an order, beside the base; its path. Finder's files are no part of it. */
function folderOrder(world: World, id: string, more: object = {}): string {
  const folder = join(world.root, "mine", id);
  const header = { wo_id: id, body_file: "b/body.json", ...more };
  put(join(folder, `${id}.json`), JSON.stringify(header));
  put(join(folder, "b/body.json"), JSON.stringify({ files: { [`made/${id}.txt`]: id } }));
  for (const name of ["b-c", "ä ö", ".DS_Store"]) put(join(folder, name), name);
  return folder;
}

/** Moves a folder into a lane, as careful people do. */
function moveIn(world: World, folder: string, lane = "SAFE"): void {
  mkdirSync(world.path(`bridge/inbox/${lane}`), { recursive: true });
  renameSync(folder, world.path(`bridge/inbox/${lane}/${basename(folder)}`));
}

const SHELL_MANIFEST = `find . -type f ! -name .DS_Store ! -name '._*' | sed 's|^\\./||' | LC_ALL=C sort | tr '\\n' '\\0' | xargs -0 shasum -a 256`;

signingTest(
  "a folder is signed by what wo manifest prints, and a shell does so, too; whichever came first",
  async () => {
    const key = newKey();
    const world = await signedWorld(key.line("alice"), SAFE, QUICK.replace("giveUpMs: 300", "giveUpMs: 8000"));
    const [first, later] = [folderOrder(world, "WO-FIRST"), folderOrder(world, "WO-LATER")];
    const printed = await world.wo("manifest", first);
    expect(printed.code).toBe(0);
    expect(printed.stdout).toBe(execFileSync("sh", ["-c", SHELL_MANIFEST], { cwd: first, encoding: "utf8" }));
    world.drop("SAFE", "WO-FIRST.sig", key.sign(printed.stdout));
    moveIn(world, first);
    const { stdout } = await world.wo("manifest", later);
    moveIn(world, later);
    await world.reaches("WO-FIRST", "done");
    expect(world.list("bridge/inbox/SAFE")).toContain("WO-LATER");
    world.drop("SAFE", "WO-LATER.sig", key.sign(stdout));
    await world.reaches("WO-LATER", "done");
    expect((await world.wo("show", "WO-LATER")).stdout).toContain("signed by alice");
    expect(world.telemetry().filter(({ event }) => event === "wo_ignored")).toEqual([]);
  },
);

signingTest("a folder that is unsigned, changed, by a stranger, or over is refused under that name", async () => {
  const [key, old] = [newKey(), newKey()];
  const world = await signedWorld(key.line("alice") + old.line("bob", 'valid-before="20200101"'));
  const drop = async (id: string, sign: (text: string) => string | undefined) => {
    const folder = folderOrder(world, id);
    const signature = sign((await world.wo("manifest", folder)).stdout);
    if (signature !== undefined) world.drop("SAFE", `${id}.sig`, signature);
    if (id === "changed") put(join(folder, "b/body.json"), JSON.stringify({ files: { "made/evil.txt": "x" } }));
    moveIn(world, folder);
  };
  await drop("unsigned", () => undefined);
  await drop("changed", (text) => key.sign(text));
  await drop("stranger", (text) => newKey().sign(text));
  await drop("over", (text) => old.sign(text));
  const codes = [];
  for (const name of ["unsigned", "changed", "stranger", "over"]) codes.push(await codeOf(world, name));
  expect(codes).toEqual(["unsigned", "bad_signature", "unknown_signer", "signature_expired"]);
  await until(() => world.list("bridge/error/SAFE").includes("changed.sig"), 5000, "its signature lies beside it");
  expect(world.list("made")).toEqual([]);
});

signingTest("wo submit takes a folder's signature along, and ENTRY passes it on", async () => {
  const key = newKey();
  const world = await signedWorld(key.line("alice"));
  for (const [lane, id] of [
    ["SAFE", "WO-1"],
    ["ENTRY", "WO-2"],
  ] as const) {
    const folder = folderOrder(world, id, { target: "SAFE" });
    expect((await world.wo("submit", folder, "--lane", "SAFE", "-n")).code).toBe(5);
    writeFileSync(`${folder}.sig`, key.sign((await world.wo("manifest", folder)).stdout));
    expect((await world.wo("submit", `${folder}/`, "--lane", lane, "--watch")).code).toBe(0);
    expect(await told(world, id, "wo_accepted")).toMatchObject({ lane: "SAFE", signed_by: "alice" });
  }
});

signingTest("wo manifest says what is no folder to be signed", async () => {
  const world = await World.make({ bare: true });
  put(join(world.root, "mine/a.json"), "{}");
  put(join(world.root, "mine/X/Y.yaml"), "{}");
  put(join(world.root, "mine/Z/Z.yaml"), "{}");
  put(join(world.root, "mine/Z/back\\slash"), "");
  for (const [path, said] of [
    ["a.json", "a file is signed as it is"],
    ["X", "X.yaml, .yml or .json"],
    ["none", "none.yaml"],
    ["Z", "no line end or backslash"],
  ] as const) {
    const end = await world.wo("manifest", join(world.root, "mine", path));
    expect(end).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(said) });
  }
});

signingTest("an order that ENTRY passes on needs the signature that its lane asks for", async () => {
  const key = newKey();
  const world = await signedWorld(key.line("alice"));
  const order = (id: string) => JSON.stringify({ ...filing(id), target: "SAFE" });
  world.drop("ENTRY", "signed.json", order("WO-SIGNED"));
  world.drop("ENTRY", "signed.json.sig", key.sign(order("WO-SIGNED")));
  world.drop("ENTRY", "not.json", order("WO-NOT"));
  await world.reaches("WO-SIGNED", "done");
  expect(await codeOf(world, "not.json", "ENTRY")).toBe("unsigned");
  world.drop("ENTRY", "lost.json", text("WO-LOST"));
  await world.reaches("WO-LOST", "waiting");
  const end = await world.wo("approve", "WO-LOST", "--lane", "SAFE");
  expect(end.code).toBe(5);
  expect(end.stdout + end.stderr).toContain("signed orders only");
  expect(world.status("WO-LOST")).toBe("waiting");
});

async function needs(world: World, what: string): Promise<void> {
  const all = async () => JSON.stringify(valueIn(await world.ask({ call: "status" }), "needs") ?? []);
  await until(async () => (await all()).includes(what), 10_000, `status says ${what}`);
}

signingTest("the tree can take a signer away, and let nobody in before a person says so", async () => {
  const [alice, eve] = [newKey(), newKey()];
  const world = await signedWorld(alice.line("alice"));
  const drop = (id: string, key: Key) => {
    world.drop("SAFE", `${id}.json.sig`, key.sign(text(id)));
    world.drop("SAFE", `${id}.json`, text(id));
  };
  world.write("allowed_signers", alice.line("alice") + eve.line("eve"));
  await needs(world, "allowed_signers: + eve");
  drop("E-1", eve);
  expect(await codeOf(world, "E-1.json")).toBe("unknown_signer");
  expect((await world.wo("config", "accept")).code).toBe(0);
  drop("E-2", eve);
  await world.reaches("E-2", "done");
  // Somebody who is taken away in the tree, and a line of others that tells when that is in effect.
  world.write("allowed_signers", alice.line("alice") + alice.line("mark"));
  await needs(world, "allowed_signers: + mark");
  drop("E-3", eve);
  expect(await codeOf(world, "E-3.json")).toBe("unknown_signer");
  drop("A-1", alice);
  await world.reaches("A-1", "done");
  expect(world.list("made")).toEqual(["A-1.txt", "E-2.txt"]);
  // An order must not write it, either.
  world.drop("CLC", "w.json", { wo_id: "WO-W", files: { allowed_signers: eve.line("eve") } });
  expect(await codeOf(world, "w.json", "CLC")).toBe("path_refused");
});

signingTest(
  "commands of an order that is in git run where somebody signed it who may, and wait otherwise",
  async () => {
    const key = newKey();
    const world = await World.make({ bare: true });
    world.write("wo-bridge.yaml", QUICK);
    world.write("allowed_signers", key.line("alice"));
    await world.wo("init", "--yes");
    const git = (...words: string[]) => world.run(["git", "-C", world.base, ...words]);
    await git("init", "-q");
    for (const [id, signer] of [
      ["WO-GOOD", key],
      ["WO-EVIL", newKey()],
    ] as const) {
      const order = JSON.stringify(running(id, `echo ${id} >> ran.txt`));
      world.write(`bridge/inbox/CLC/${id}.json`, order);
      world.write(`bridge/inbox/CLC/${id}.json.sig`, signer.sign(order));
    }
    expect((await git("add", "-f", "bridge/inbox/CLC")).code).toBe(0);
    await world.startDaemon();
    await world.reaches("WO-GOOD", "done");
    await world.reaches("WO-EVIL", "waiting");
    expect(world.read("ran.txt")).toBe("WO-GOOD\n");
  },
);

signingTest("wo submit takes the signature along that lies beside the file", async () => {
  const key = newKey();
  const world = await signedWorld(key.line("alice"));
  mkdirSync(join(world.root, "mine"));
  const path = join(world.root, "mine", "a.json");
  writeFileSync(path, text("WO-1"));
  const unsigned = await world.wo("submit", path, "--lane", "SAFE", "-n");
  expect(unsigned).toMatchObject({ code: 5, stdout: expect.stringContaining("signed orders only") });
  writeFileSync(`${path}.sig`, key.sign(text("WO-1")));
  expect((await world.wo("submit", path, "--lane", "SAFE", "-n")).code).toBe(0);
  expect((await world.wo("submit", path, "--lane", "SAFE", "--watch")).code).toBe(0);
  expect(world.list("made")).toEqual(["WO-1.txt"]);
});
