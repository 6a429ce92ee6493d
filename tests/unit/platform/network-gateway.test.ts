/** The gateway at a port, for sandboxes that share the machine's network: the listed hosts, and nothing else. */
import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { listenGateway } from "../../../src/platform/network-gateway.ts";

/** A server of this machine that says hello; its port. */
async function hello(): Promise<number> {
  const server = createServer((_incoming, outgoing) => outgoing.end("hello"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return portOf(server.address());
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** What the proxy at `port` answers to a request for this. */
function get(port: number, url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path: url }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk) => {
        text += String(chunk);
      });
      answer.on("end", () => resolve(`${answer.statusCode} ${text.trim()}`));
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** The first line that the proxy answers to a CONNECT. */
function tunnel(port: number, target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write(`CONNECT ${target} HTTP/1.1\r\n\r\n`));
    socket.once("data", (data) => {
      resolve(data.toString("latin1").split("\r\n")[0] ?? "");
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

test("at its port a listed host is reached, and no other host or port", async () => {
  const [server, ending] = [await hello(), new AbortController()];
  onTestFinished(() => ending.abort());
  const port = await listenGateway([`localhost:${server}`], ending.signal);
  expect(await get(port, `http://localhost:${server}/`)).toBe("200 hello");
  expect(await tunnel(port, `localhost:${server}`)).toBe("HTTP/1.1 200 Connection established");
  expect(await get(port, `http://127.0.0.1:${server}/`)).toMatch(
    /^403 127\.0\.0\.1:\d+ is not in the lane's network list/,
  );
  expect(await tunnel(port, "localhost:1")).toBe("HTTP/1.1 403 Refused");
});

test("when its command has ended nobody listens any more", async () => {
  const ending = new AbortController();
  const port = await listenGateway(["example.com"], ending.signal);
  ending.abort();
  await expect(get(port, "http://example.com/")).rejects.toThrow("ECONNREFUSED");
  const late = await listenGateway(["example.com"], ending.signal);
  await expect(get(late, "http://example.com/")).rejects.toThrow("ECONNREFUSED");
});
