/** Signed lanes, by a real daemon and the real ssh-keygen: who has not signed, or may not, gets nothing done. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { filing, problemsOf, QUICK, running, told, valueIn } from "../support/line-kit.ts";
import { type Key, newKey, signingTest } from "../support/signing.ts";
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

signingTest("an order that is a folder is refused in a signed lane", async () => {
  const world = await signedWorld("");
  world.write("coming/WO-F.json", text("WO-F"));
  mkdirSync(world.path("bridge/inbox/SAFE"), { recursive: true });
  renameSync(world.path("coming"), world.path("bridge/inbox/SAFE/WO-F"));
  expect(await codeOf(world, "WO-F")).toBe("unsigned_folder");
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
