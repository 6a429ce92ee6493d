/**
 * The only way out of a sandbox that lists hosts: a proxy (CONNECT, and plain http) for one command, which reaches the
 * listed hosts and nothing else. It runs in the runner host, so that it outlives the daemon as the command does.
 */
import { lookup } from "node:dns/promises";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { createServer as createSession } from "node:http2";
import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import { Duplex, PassThrough } from "node:stream";

const DIAL_MS = 30_000;

function newProxy(hosts: readonly string[]): Server {
  const proxy = createServer((incoming, outgoing) => void forward(incoming, outgoing, hosts));
  proxy.on("connect", (incoming: IncomingMessage, client: Duplex) => void tunnel(incoming, client, hosts));
  proxy.on("clientError", (_error, socket) => socket.destroy());
  return proxy;
}

/**
 * Serves the proxy at a port of this machine's own address until the signal; resolves with the port. For sandboxes that
 * share the machine's network: whoever else finds the port reaches the listed hosts through it, and nothing more.
 */
export async function listenGateway(hosts: readonly string[], signal: AbortSignal): Promise<number> {
  const proxy = newProxy(hosts);
  const end = () => {
    proxy.close();
    proxy.closeAllConnections();
  };
  await new Promise<void>((resolve, reject) => {
    proxy.once("error", reject);
    proxy.listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const address = proxy.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

/** Serves the proxy on a channel until that closes. */
export function serveGateway(channel: Socket, hosts: readonly string[]): void {
  const proxy = newProxy(hosts);
  const session = createSession();
  session.on("stream", (stream) => {
    stream.on("error", () => stream.destroy());
    stream.respond({ ":status": 200 });
    // Strings written to a stream of node:http2 in one go with others arrive garbled (seen in Node 20.20): bytes only.
    const bytes = new PassThrough();
    bytes.pipe(stream);
    proxy.emit("connection", Duplex.from({ readable: stream, writable: bytes }));
  });
  session.on("sessionError", () => channel.destroy());
  // The command has ended, with or without a word to its last connections.
  channel.on("error", () => channel.destroy());
  session.emit("connection", channel);
}

/** True when the list names the host, with this port where the list names one. */
export function isListed(host: string, port: number, hosts: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  return hosts.some((entry) => {
    const [wanted = "", wantedPort] = entry.toLowerCase().split(":");
    if (wantedPort !== undefined && Number(wantedPort) !== port) return false;
    return wanted.startsWith("*.") ? name.endsWith(wanted.slice(1)) && name !== wanted.slice(2) : name === wanted;
  });
}

/** True for an address of this very machine or link: a listed name must not turn out to be one. */
export function isOwnAddress(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, "");
  return /^(?:127\.|0\.|169\.254\.)/.test(plain) || plain === "::" || plain === "::1" || plain.startsWith("fe80:");
}

interface Target {
  readonly host: string;
  readonly port: number;
  /** Gives the addresses that were looked at, so that no other is dialed. */
  readonly lookup: LookupFunction;
}

/** Where to dial; throws when the host is not listed, or leads to this machine under another name. */
async function targetOf(host: string, port: number, hosts: readonly string[]): Promise<Target> {
  if (!isListed(host, port, hosts)) throw new Error(`${host}:${port} is not in the lane's network list`);
  const found = await lookup(host, { all: true });
  const own = host === "localhost" || isIP(host) !== 0 ? undefined : found.find(({ address }) => isOwnAddress(address));
  const [first] = found;
  if (own !== undefined || first === undefined) throw new Error(`${host} leads to ${own?.address ?? "nowhere"}`);
  return {
    host,
    port,
    lookup: (_name, options, callback) => {
      if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    },
  };
}

async function tunnel(incoming: IncomingMessage, client: Duplex, hosts: readonly string[]): Promise<void> {
  client.on("error", () => client.destroy());
  const target = /^(.+):(\d+)$/.exec(incoming.url ?? "");
  const [host, port] = [(target?.[1] ?? "").replace(/^\[|\]$/g, ""), Number(target?.[2])];
  try {
    const server = connect({ ...(await targetOf(host, port, hosts)), timeout: DIAL_MS });
    server.on("timeout", () => server.destroy(new Error("timed out")));
    server.on("error", (error) => refuse(client, 502, error.message));
    server.once("connect", () => {
      server.setTimeout(0);
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      server.pipe(client).pipe(server);
    });
    client.on("close", () => server.destroy());
  } catch (thrown) {
    refuse(client, 403, thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function refuse(client: Duplex, status: number, reason: string): void {
  client.end(`HTTP/1.1 ${status} Refused\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${reason}\n`);
}

async function forward(incoming: IncomingMessage, outgoing: ServerResponse, hosts: readonly string[]): Promise<void> {
  const fail = (status: number, reason: string) => {
    if (!outgoing.headersSent) outgoing.writeHead(status, { "content-type": "text/plain" });
    outgoing.end(`${reason}\n`);
  };
  try {
    const url = new URL(incoming.url ?? "");
    const port = url.port === "" ? 80 : Number(url.port);
    if (url.protocol !== "http:") throw new Error(`${url.protocol} is not carried`);
    const target = await targetOf(url.hostname, port, hosts);
    const { "proxy-authorization": _secret, "proxy-connection": _hop, ...headers } = incoming.headers;
    const path = `${url.pathname}${url.search}`;
    const onward = request({ ...target, path, method: incoming.method, headers: { ...headers, host: url.host } });
    onward.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", (error) => fail(502, error.message));
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  } catch (thrown) {
    fail(403, thrown instanceof Error ? thrown.message : String(thrown));
  }
}
