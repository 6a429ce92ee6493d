/** One request per connection; the end of the connection is the end of the answer; silence is told from an answer. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createConnection } from "node:net";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { type Answerer, ask, isAddress, serve } from "../../../src/platform/socket.ts";
import { thrownBy } from "../../support/results.ts";
import { modeOf, put, temporaryFolder } from "../../support/temporary-folder.ts";

async function serving(answer: Answerer): Promise<string> {
  const path = join(temporaryFolder(), "s");
  const server = await serve(path, answer);
  onTestFinished(() => server.close());
  return path;
}

async function answersTo(path: string, request: unknown, silenceMs = 5000): Promise<unknown[]> {
  const answers: unknown[] = [];
  await ask(path, request, (answer) => answers.push(answer), { silenceMs });
  return answers;
}

/** Resolves when the signal aborts. */
function until(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

/** What comes back for these very bytes. */
function raw(path: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = createConnection(path, () => socket.write(bytes));
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}

test("any request comes back through both ends as it was", async () => {
  const path = await serving(async (request, reply) => reply(request));
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (request) => {
      expect(await answersTo(path, request)).toEqual([JSON.parse(JSON.stringify(request))]);
    }),
    { numRuns: 50 },
  );
});

test("several answers come one by one, in order, up to the end of the connection", async () => {
  const path = await serving(async (_request, reply) => [1, "two\n", { three: 3 }].forEach(reply));

  expect(await answersTo(path, "go")).toEqual([1, "two\n", { three: 3 }]);
});

test("callers are answered side by side", async () => {
  const path = await serving(async (request, reply) => reply(request));
  const requests = Array.from({ length: 20 }, (_, index) => index);

  expect(await Promise.all(requests.map((request) => answersTo(path, request)))).toEqual(requests.map((one) => [one]));
});

test("only the first line of a connection is a request, and what is no JSON is undefined", async () => {
  const path = await serving(async (request, reply) => reply(request === undefined ? "nothing" : request));

  expect(await raw(path, "1\n2\n3\n")).toBe("1\n");
  expect(await raw(path, "no json\n")).toBe('"nothing"\n');
});

test("a request without end is cut off", async () => {
  let asked = 0;
  const path = await serving(async () => {
    asked += 1;
  });

  expect(await raw(path, "x".repeat(1024 * 1024 + 1))).toBe("");
  expect(asked).toBe(0);
});

test("whoever answers hears that the caller has hung up", async () => {
  const heard = new AbortController();
  const path = await serving(async (_request, reply, signal) => {
    signal.addEventListener("abort", () => heard.abort());
    reply("first");
    await until(heard.signal);
    reply("nobody reads this");
  });
  const caller = new AbortController();
  await ask(path, "follow", () => caller.abort(), { silenceMs: 0, signal: caller.signal });

  await expect(until(heard.signal)).resolves.toBeUndefined();
});

test("nobody there, a dead socket, and a silent daemon are all silence", async () => {
  const path = await serving(() => new Promise(() => undefined));
  const folder = temporaryFolder();

  expect(await thrownBy(() => answersTo(join(folder, "none"), 1))).toMatchObject({ code: "DAEMON_SILENT" });
  expect(await thrownBy(() => answersTo(put(join(folder, "file"), ""), 1))).toMatchObject({ code: "DAEMON_SILENT" });
  expect(await thrownBy(() => answersTo(path, 1, 50))).toMatchObject({ code: "DAEMON_SILENT" });
});

test("the socket is for this user only, and takes the place of what a dead process left", async () => {
  const path = put(join(temporaryFolder(), "s"), "left behind");
  const server = await serve(path, async (request, reply) => reply(request));
  onTestFinished(() => server.close());

  expect(modeOf(path)).toBe(0o600);
  expect(await answersTo(path, 1)).toEqual([1]);
});

test("closing ends the connections that are open", async () => {
  const path = join(temporaryFolder(), "s");
  const begun = new AbortController();
  const server = await serve(path, async (_request, reply) => {
    reply("begun");
    await new Promise(() => undefined);
  });
  const asking = ask(path, 1, () => begun.abort(), { silenceMs: 5000 });
  await until(begun.signal);
  await server.close();

  await expect(asking).resolves.toBeUndefined();
  expect(await thrownBy(() => answersTo(path, 1))).toMatchObject({ code: "DAEMON_SILENT" });
});

test("closing does not wait for a caller who never hangs up", async () => {
  const path = join(temporaryFolder(), "s");
  const server = await serve(path, async (request, reply) => reply(request));
  const caller = createConnection({ path, allowHalfOpen: true }).on("data", () => undefined);
  onTestFinished(() => void caller.destroy());
  await new Promise((resolve) => caller.once("connect", resolve));
  const late = systemClock.sleep(2000).then(() => "still open");

  expect(await Promise.race([server.close(), late])).toBeUndefined();
});

test.each([
  ["x".repeat(103), true],
  ["x".repeat(104), false],
  ["ü".repeat(51), true],
  ["ü".repeat(52), false],
])("an address is counted in bytes: %s", async (path, fits) => {
  expect(isAddress(path)).toBe(fits);
  if (!fits)
    expect(await thrownBy(() => serve(path, async () => undefined))).toMatchObject({ code: "ADDRESS_TOO_LONG" });
});

/** Says that it was asked, and answers a moment later. */
const SLOW_SERVER = `require("node:net").createServer((socket) => socket.on("data", () => {
    process.stdout.write("asked");
    setTimeout(() => socket.end(JSON.stringify({ ok: true }) + String.fromCharCode(10)), 150);
  })).listen(process.argv[1], () => process.stdout.write("up"));`;

test("an answer that came while this process was busy is no silence", async () => {
  const path = join(temporaryFolder(), "s");
  const server = spawn(process.execPath, ["-e", SLOW_SERVER, path], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void server.kill("SIGKILL"));
  await once(server.stdout, "data");
  const asking = answersTo(path, {}, 100);
  await once(server.stdout, "data");
  // Nothing of ours runs for longer than silence may last, and than the answer takes.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
  expect(await asking).toEqual([{ ok: true }]);
});
