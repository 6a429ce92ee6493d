/** The signed end of the ledger as a note of git: what goes through `wo ledger verify` when vault and checkpoint are written anew. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { git, inGit } from "../support/git-kit.ts";
import { World } from "../support/world.ts";

/** A base in git whose ledger holds an order, after its daemon has ended. */
async function withLedger(): Promise<World> {
  const world = await World.make();
  await inGit(world, ["wo-bridge.yaml"]);
  await lives(world, "WO-1");
  return world;
}

/** One life of a daemon, with one order. */
async function lives(world: World, id: string): Promise<void> {
  const daemon = await world.startDaemon();
  world.drop("CLC", `${id}.json`, { wo_id: id, files: [{ path: `${id}.txt`, content: id }] });
  await world.reaches(id, "done");
  await world.kill(daemon, "SIGTERM");
}

test("a vault that is put back to before the note, checkpoint and all, is told by the note alone", async () => {
  const world = await withLedger();
  const older = join(world.root, "older");
  cpSync(world.vault, older, { recursive: true });
  await lives(world, "WO-2");
  const noted = await world.wo("ledger", "note");
  expect([noted.code, noted.stdout]).toEqual([0, expect.stringMatching(/entry \d+ is noted on commit [0-9a-f]{10}\n/)]);
  expect((await world.wo("ledger", "verify")).stdout).toContain("it passes through 1 of git's notes");

  rmSync(world.vault, { recursive: true });
  cpSync(older, world.vault, { recursive: true });
  // A reset takes the tree, and no note.
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  const verified = await world.wo("ledger", "verify");
  expect([verified.code, verified.stdout]).toEqual([
    6,
    expect.stringMatching(
      /the ledger ends at entry \d+, and git's note on [0-9a-f]{10} of \S+ has seen entry \d+ \[rewritten\]/,
    ),
  ]);
});

test("a note of another machine, or of nobody, is no damage; where there is no commit none is kept", async () => {
  const world = await withLedger();
  await world.wo("ledger", "note");
  const text = (await git(world, "notes", "--ref=wo-bridge", "show", "HEAD")).replace(
    /"key": "\w+"/,
    '"key": "another"',
  );
  await git(world, "notes", "--ref=wo-bridge", "add", "-f", "-m", text, "HEAD");
  await git(world, "notes", "--ref=wo-bridge", "add", "-f", "-m", "no checkpoint at all", "HEAD~1");
  const verified = await world.wo("ledger", "verify");
  expect([verified.code, verified.stdout]).toEqual([0, expect.not.stringContaining("git's notes")]);

  const bare = await World.make();
  await lives(bare, "WO-1");
  expect((await bare.wo("ledger", "note")).stderr).toMatch(/git keeps no note: .* is in no git tree/);
  await git(bare, "init", "-q");
  expect(await bare.wo("ledger", "note")).toMatchObject({ code: 1, stderr: expect.stringContaining("no commit yet") });
});
