/** The runner host by itself, and a daemon that dies in the middle of its words. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RUN_FILE, STATUS_FILE } from "../../../src/platform/run-protocol.ts";
import { runOf } from "../../support/runs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { exited, until } from "../../support/world.ts";

const HOST = new URL("../../../dist/platform/runner-host.js", import.meta.url).pathname;

test("a command whose gate was closed, because its daemon hears nothing any more, is not begun by a word that comes late", async () => {
  const host = spawn(process.execPath, [HOST], { stdio: ["pipe", "pipe", "ignore"] });
  onTestFinished(() => void host.kill("SIGKILL"));
  const cwd = temporaryFolder();
  const [first, second, third] = [runOf("touch done", { cwd }), runOf("true"), runOf("true")];
  let said = "";
  host.stdout.setEncoding("utf8").on("data", (text) => {
    said += String(text);
  });
  const tell = (message: object) => host.stdin.write(`${JSON.stringify(message)}\n`);
  tell({ say: "prepare", spec: first });
  await until(() => said.includes('"prepared"'), 10_000, "it is prepared");
  const gate = Number(/"pid":(\d+)/.exec(said)?.[1]);
  // Slow, as on a busy machine: it is still there when the word comes.
  process.kill(gate, "SIGSTOP");
  // Nobody reads what it says: the daemon is dead, and its last words are still on their way.
  host.stdout.destroy();
  tell({ say: "prepare", spec: second });
  const marker = join(second.folder, RUN_FILE);
  await until(() => existsSync(marker), 10_000, "the second is prepared");
  await new Promise((resolve) => setTimeout(resolve, 50));
  tell({ say: "prepare", spec: third });
  tell({ say: "go", key: first.key });
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.kill(gate, "SIGCONT");
  host.stdin.end();
  await exited(host);
  expect(existsSync(join(cwd, "done"))).toBe(false);
  expect(existsSync(third.folder)).toBe(false);
  expect(existsSync(join(first.folder, STATUS_FILE))).toBe(false);
  expect(readFileSync(join(first.folder, RUN_FILE), "utf8")).toBe(JSON.stringify(first.argv));
});

test.skipIf(process.platform !== "linux")("what is prepared and dropped leaves no file open", async () => {
  const host = spawn(process.execPath, [HOST], { stdio: ["pipe", "pipe", "ignore"] });
  onTestFinished(() => void host.kill("SIGKILL"));
  let said = "";
  host.stdout.setEncoding("utf8").on("data", (text) => {
    said += String(text);
  });
  const tell = (message: object) => host.stdin.write(`${JSON.stringify(message)}\n`);
  const count = (what: string) => said.split(what).length - 1;
  const openFiles = () => readdirSync(`/proc/${host.pid}/fd`).length;
  const dropped = async (number: number) => {
    const spec = runOf("true");
    tell({ say: "prepare", spec });
    await until(() => count('"prepared"') === number, 10_000, "it is prepared");
    tell({ say: "drop", key: spec.key });
    await until(() => count('"refused"') === number, 10_000, "it is dropped");
    return openFiles();
  };
  const first = await dropped(1);
  for (let number = 2; number < 12; number += 1) await dropped(number);
  expect(await dropped(12)).toBeLessThanOrEqual(first + 2);
});
