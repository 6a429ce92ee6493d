/** A sandbox holds: what may be written, what may be seen, who may be reached, and that nothing outlives it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as listenAt } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { isListed, isOwnAddress } from "../../../src/platform/network-gateway.ts";
import type { RunSpec } from "../../../src/platform/run-protocol.ts";
import { findSandboxProgram, knowsCallsOf, profileOf, socketFilter } from "../../../src/platform/sandbox.ts";
import { openRunner, processes, recordOf, run, runOf, statusOf } from "../../support/runs.ts";
import { boxOf, realFolder, sandboxTest } from "../../support/sandboxes.ts";
import { put } from "../../support/temporary-folder.ts";

type Box = ReturnType<typeof boxOf>;

function boxed(text: string, { folder, sandbox }: Box, bend: Partial<RunSpec> = {}): RunSpec {
  return runOf(text, { cwd: join(folder, "in"), sandbox, ...bend });
}

sandboxTest("a command writes where it may, and nowhere else", async () => {
  const box = boxOf();
  const end = await run(boxed("echo a > a.txt; echo b > ../b.txt; echo c > /tmp/wo-c.txt; pwd", box));
  expect(readFileSync(join(box.folder, "in", "a.txt"), "utf8")).toBe("a\n");
  expect([existsSync(join(box.folder, "b.txt")), existsSync("/tmp/wo-c.txt")]).toEqual([false, false]);
  expect(end.stderr.tail.match(/Read-only file system/g)).toHaveLength(2);
  expect(end.stdout.tail).toBe(`${box.folder}/in\n`);
});

sandboxTest(
  "what is read only in a writable folder is neither written, removed, nor passed by with a rename",
  async () => {
    const folder = realFolder();
    put(join(folder, "in/.git/hooks/pre-commit"), "old");
    const git = join(folder, "in", ".git");
    const box = boxOf({ readOnly: [join(git, "hooks")], pinned: [git] }, folder);
    const text =
      "echo new > .git/hooks/pre-commit; rm -rf .git/hooks; mv .git g && mkdir -p .git/hooks; mv .git/hooks h; :";
    await run(boxed(`${text}; echo written > .git/index`, box));
    expect(readFileSync(join(git, "hooks", "pre-commit"), "utf8")).toBe("old");
    expect(readFileSync(join(git, "index"), "utf8")).toBe("written\n");
  },
);

sandboxTest("what is hidden is neither read nor written, and a write into it fails aloud", async () => {
  const folder = realFolder();
  put(join(folder, "vault/key"), "secret");
  put(join(folder, "one.sock"), "secret");
  const box = boxOf({ hidden: [join(folder, "vault"), join(folder, "one.sock"), join(folder, "absent")] }, folder);
  const end = await run(boxed("cat ../vault/key; cat ../one.sock; echo x > ../vault/key && echo wrote", box));
  expect(end).toMatchObject({ exitCode: 2, stdout: { tail: "" } });
  expect(readFileSync(join(folder, "vault", "key"), "utf8")).toBe("secret");
});

sandboxTest("a command has no network and reaches no socket file, its own pairs it has", async () => {
  const box = boxOf();
  const path = join(box.folder, "in", "service.sock");
  const service = listenAt().listen(path);
  onTestFinished(() => void service.close());
  const script = [
    `const net = require("node:net");`,
    `net.connect(${JSON.stringify(path)}).on("connect", () => console.log("reached")).on("error", (e) => console.log(e.code));`,
    `net.connect(9, "192.0.2.1").on("error", (e) => console.log(e.code));`,
    `require("node:child_process").execFile("echo", ["child"], (e, out) => console.log(out.trim()));`,
  ].join("\n");
  put(join(box.folder, "in", "try.cjs"), script);
  const end = await run(boxed(`'${process.execPath}' try.cjs`, box));
  expect(end.stdout.tail.trim().split("\n").toSorted()).toEqual(["ENETUNREACH", "EPERM", "child"]);
});

sandboxTest("exit code and output are the command's own, and a program that is not there is exit 127", async () => {
  expect(await run(boxed("echo out; echo err >&2; exit 7", boxOf()))).toMatchObject({
    exitCode: 7,
    stdout: { tail: "out\n" },
    stderr: { tail: "err\n" },
    leftovers: false,
  });
  const missing = { ...boxed("", boxOf()), argv: ["no-such-program"] };
  expect(await run(missing)).toMatchObject({ exitCode: 127 });
  expect(await run(boxed("kill -9 $$", boxOf()))).toMatchObject({ exitCode: 137, stderr: { tail: "" } });
});

sandboxTest("a command that ends on TERM gets its grace", async () => {
  const box = boxOf();
  const runner = openRunner();
  const spec = boxed("trap 'echo bye > bye; exit 5' TERM; echo up > up; while :; do sleep 0.01; done", box);
  const prepared = await runner.prepare(spec);
  const end = prepared.go();
  await vi.waitUntil(() => existsSync(join(box.folder, "in", "up")), { timeout: 5000, interval: 5 });
  runner.stop(spec.key);
  expect(statusOf(await end)).toMatchObject({ exitCode: 5, stopped: true });
  expect(existsSync(join(box.folder, "in", "bye"))).toBe(true);
});

/** Leaves its group, its session and its environment, twice, and hears no TERM; writes a line as long as it lives. */
const ESCAPEE = ["#!/bin/sh", 'trap "" TERM HUP INT', "while :; do echo alive >> alive; sleep 0.02; done"].join("\n");
const ESCAPES = "(env -i setsid sh -c '(sh ./escapee.sh &)' </dev/null >/dev/null 2>&1 &)";

/** True when nobody writes the line any more. */
async function isSilent(folder: string): Promise<boolean> {
  const path = join(folder, "in", "alive");
  const size = () => readFileSync(path).length;
  await vi.waitUntil(() => existsSync(path), { timeout: 5000, interval: 5 });
  const before = size();
  // Eight of its rounds.
  await new Promise((resolve) => setTimeout(resolve, 160));
  return size() === before;
}

sandboxTest.each([
  ["has ended", `${ESCAPES}; while ! test -s alive; do sleep 0.01; done`, {}, { exitCode: 0, leftovers: true }],
  [
    "met its limit",
    `${ESCAPES}; trap '' TERM; while :; do sleep 0.05; done`,
    { timeoutMs: 400, graceMs: 100 },
    { timedOut: true },
  ],
])("nothing outlives a sandboxed command that %s, whatever it did to get away", async (_when, text, bend, expected) => {
  const box = boxOf();
  put(join(box.folder, "in", "escapee.sh"), ESCAPEE);
  expect(await run(boxed(text, box, bend))).toMatchObject(expected);
  expect(await isSilent(box.folder)).toBe(true);
});

sandboxTest("nothing in a sandbox outlives the runner host, and of the run nothing is left to be ended", async () => {
  const box = boxOf();
  put(join(box.folder, "in", "escapee.sh"), ESCAPEE);
  const runner = openRunner();
  const spec = boxed(`${ESCAPES}; while :; do sleep 0.05; done`, box);
  const prepared = await runner.prepare(spec);
  const end = prepared.go();
  await vi.waitUntil(() => existsSync(join(box.folder, "in", "alive")), { timeout: 5000, interval: 5 });
  processes.signal(prepared.host.pid, "SIGKILL");
  expect(await end).toBe("unknown");
  expect(await isSilent(box.folder)).toBe(true);
  expect(await runner.endAll(recordOf(spec, prepared))).toBe(true);
});

sandboxTest("a listed host is reached through the gateway, any other is refused with the reason", async () => {
  const server = createServer((incoming, outgoing) => outgoing.end(`hello ${incoming.url}\n`));
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await vi.waitUntil(() => server.listening, { interval: 1 });
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const client = [
    `const http = require("node:http");`,
    `const proxy = new URL(process.env.HTTP_PROXY);`,
    `const ask = (target) => http.get({ host: proxy.hostname, port: proxy.port, path: target, headers: { host: "x" } },`,
    `  (r) => r.on("data", (d) => console.log(r.statusCode, String(d).trim())));`,
    `ask("http://localhost:${port}/plain"); ask("http://127.0.0.1:${port}/other");`,
    `http.request({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path: "localhost:${port}" })`,
    `  .on("connect", (r, socket) => { socket.write("GET /tunnel HTTP/1.0\\r\\n\\r\\n"); socket.on("data", (d) => console.log(r.statusCode, String(d).split("\\n").at(-2))); }).end();`,
  ].join("\n");
  const box = boxOf({ hosts: [`localhost:${port}`] });
  put(join(box.folder, "in", "client.cjs"), client);
  const end = await run(boxed(`'${process.execPath}' client.cjs; exit 3`, box));
  expect(end.stdout.tail.trim().split("\n").toSorted()).toEqual([
    "200 hello /plain",
    "200 hello /tunnel",
    `403 127.0.0.1:${port} is not in the lane's network list`,
  ]);
  expect(end).toMatchObject({ exitCode: 3, leftovers: false });
});

test.each([
  ["a.example", 443, ["a.example"], true],
  ["A.Example.", 80, ["a.example"], true],
  ["a.example", 443, ["*.example"], true],
  ["example", 443, ["*.example"], false],
  ["evil-a.example", 443, ["a.example"], false],
  ["a.example.evil", 443, ["a.example", "*.example"], false],
  ["a.example", 22, ["a.example:443"], false],
  ["a.example", 443, ["a.example:443"], true],
  ["a.example", 443, [], false],
])("%s:%i against %j: %s", (host, port, hosts, expected) => {
  expect(isListed(host, port, hosts)).toBe(expected);
});

test.each([
  ["127.0.0.1", true],
  ["169.254.169.254", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["10.0.0.1", false],
  ["93.184.216.34", false],
])("%s is an address of this machine: %s", (address, expected) => {
  expect(isOwnAddress(address)).toBe(expected);
});

test("the filter of system calls is there for the machines that are supported, and for no other", () => {
  expect([knowsCallsOf("x64"), knowsCallsOf("arm64"), knowsCallsOf("mips")]).toEqual([true, true, false]);
  expect(socketFilter("arm64")).toHaveLength(96);
  expect(() => socketFilter("mips")).toThrow("mips");
});

test("the program is found on the given path alone, and only as a file", () => {
  if (process.platform === "darwin") return;
  const folder = realFolder();
  mkdirSync(join(folder, "a", "bwrap"), { recursive: true });
  mkdirSync(join(folder, "b"));
  writeFileSync(join(folder, "b", "bwrap"), "");
  expect(findSandboxProgram(`relative:${folder}/a:${folder}/b`)).toBe(join(folder, "b", "bwrap"));
  expect(findSandboxProgram(`${folder}/a`)).toBeUndefined();
});

test("the profile for sandbox-exec names each rule once, the strictest last", () => {
  const { sandbox } = boxOf({ readOnly: ['/b/".git'], pinned: ["/b"], hidden: ["/v"], writable: ["/b"] }, realFolder());
  expect(profileOf(sandbox).split("\n").slice(2)).toEqual([
    "(deny network*)",
    "(deny file-write*)",
    expect.stringContaining('(allow file-write* (subpath "/b")'),
    '(deny file-write-unlink file-write-create (literal "/b"))',
    '(deny file-write* (subpath "/b/\\".git"))',
    '(deny file-read* file-write* (subpath "/v"))',
  ]);
});

test("in the profile nothing of the network is open but the gateway's port, where there is one", () => {
  const { sandbox } = boxOf({ writable: ["/b"] }, realFolder());
  const network = (port?: number) =>
    profileOf(sandbox, port)
      .split("\n")
      .filter((rule) => rule.includes("network"));
  expect(network()).toEqual(["(deny network*)"]);
  expect(network(4711)).toEqual(["(deny network*)", '(allow network-outbound (remote ip "localhost:4711"))']);
});

test("in the profile a root of the policy is written like the base, and what is guarded below it is denied behind that", () => {
  const { sandbox } = boxOf({ readOnly: ["/root/.git/hooks"], writable: ["/b", "/root"] }, realFolder());
  const rules = profileOf(sandbox).split("\n");
  const [allowed, denied] = [
    rules.findIndex((rule) => rule.startsWith('(allow file-write* (subpath "/b") (subpath "/root")')),
    rules.indexOf('(deny file-write* (subpath "/root/.git/hooks"))'),
  ];
  expect(allowed).toBeGreaterThan(0);
  expect(denied).toBeGreaterThan(allowed);
});
