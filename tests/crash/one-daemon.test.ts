/** Never two daemons on one base: not on a stale lock, not with another vault, not on a base that was moved or cloned. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { exited, MAIN, ROOT, until, World } from "../support/world.ts";

const RACER = join(ROOT, "dist-tools", "tests", "support", "programs", "lock-racer.js");

class Racer {
  readonly child: ChildProcess;
  readonly answers: string[] = [];

  constructor() {
    this.child = spawn(process.execPath, [RACER], {
      env: { PATH: process.env["PATH"], LOCK_FOLDER: tmpdir() },
      stdio: ["pipe", "pipe", "inherit"],
    });
    let pending = "";
    this.child.stdout?.setEncoding("utf8").on("data", (chunk) => {
      const lines = (pending + String(chunk)).split("\n");
      pending = lines.pop() ?? "";
      this.answers.push(...lines);
    });
    onTestFinished(() => {
      this.child.kill("SIGKILL");
    });
  }

  take(names: readonly string[]): void {
    this.child.stdin?.write(`take ${names.join(" ")}\n`);
  }

  got(): string[] {
    return this.answers.filter((answer) => answer.endsWith(" got")).map((answer) => answer.split(" ")[0] ?? "");
  }

  async die(): Promise<void> {
    this.child.kill("SIGKILL");
    await exited(this.child);
  }
}

test("of two starters on a thousand locks of dead holders, each is won once, and the loser knows by whom", async () => {
  const run = `${process.pid}-${Date.now()}`;
  let won = 0;
  for (let round = 0; round < 20; round += 1) {
    const names = Array.from({ length: 50 }, (_, index) => `race-${run}-${round}-${index}`);
    const holder = new Racer();
    holder.take(names);
    await until(() => holder.got().length === names.length, 10_000, "the holder has them all");
    await holder.die();
    const [left, right] = [new Racer(), new Racer()];
    for (const racer of [left, right]) racer.take(names);
    await until(() => left.answers.length + right.answers.length === 2 * names.length, 10_000, "both have answered");
    expect([...left.got(), ...right.got()].toSorted()).toEqual(names.toSorted());
    const lost = [...left.answers, ...right.answers].filter((answer) => answer.includes("held by"));
    expect(
      lost.every((answer) => answer.includes(`pid ${left.child.pid}`) || answer.includes(`pid ${right.child.pid}`)),
    ).toBe(true);
    won += names.length;
    await Promise.all([left.die(), right.die()]);
  }
  expect(won).toBe(1000);
});

test("of two daemons that start after a kill -9, one works and the other says who holds the base", async () => {
  const world = await World.make();
  for (let round = 0; round < 8; round += 1) {
    const dead = await world.startDaemon();
    await world.kill(dead);
    const vault = round % 2 === 0 ? {} : { WO_VAULT: world.vault };
    const pair = [world.spawnDaemon(), world.spawnDaemon({ env: vault })];
    await until(() => pair.some(({ exitCode }) => exitCode !== null), 20_000, "one of them gives up");
    const loser = pair.find(({ exitCode }) => exitCode !== null);
    const winner = pair.find(({ exitCode }) => exitCode === null);
    expect(loser?.exitCode).toBe(4);
    await until(() => world.daemonAnswers(), 10_000, "the other one works");
    const said = await world.wo("daemon", "run");
    expect(said.code).toBe(4);
    expect(said.stderr).toContain(`pid ${winner?.pid}`);
    if (winner !== undefined) await world.kill(winner);
  }
});

test("another vault is refused, whoever holds the base", async () => {
  const world = await World.make();
  const other = join(world.home, "other-vault");
  const end = await world.run([process.execPath, MAIN, "daemon", "run"], { ...world.env, WO_VAULT: other });
  expect(end.code).toBe(6);
  expect(end.stderr).toContain(world.vault);
});

test("a base that was moved keeps its vault, one that was cloned is refused, and a wiped mark is put back", async () => {
  const world = await World.make();
  const first = world.vault;
  const moved = join(world.home, "moved");
  renameSync(world.base, moved);
  const at = (base: string) => ({ ...world.env, LUKA_SOT: base });
  const status = await world.run([process.execPath, MAIN, "-C", moved, "rebuild"], { ...at(moved) });
  expect(status.code).toBe(0);
  expect(world.vault).toBe(first);

  const clone = join(world.home, "clone");
  cpSync(moved, clone, { recursive: true });
  const refused = await world.run([process.execPath, MAIN, "daemon", "run"], at(clone));
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain("--new-id");

  rmSync(join(moved, ".wo-base"));
  await world.run([process.execPath, MAIN, "rebuild"], at(moved));
  expect(world.vault).toBe(first);
});

test("a daemon that slept for longer than any lock's patience is not doubled", async () => {
  const world = await World.make();
  const sleeper = await world.startDaemon();
  sleeper.kill("SIGSTOP");
  const second = await world.wo("daemon", "run");
  expect(second.code).toBe(4);
  sleeper.kill("SIGCONT");
  world.drop("CLC", "a.json", { wo_id: "WO-AWAKE", files: [{ path: "a.txt", content: "a" }] });
  await world.reaches("WO-AWAKE", "done");
});
