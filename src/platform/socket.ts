/**
 * Requests and answers over a unix socket, JSON lines both ways: one request per connection, one answer or, for calls
 * that follow something, several. The connection's end is the end of the answer.
 */
import { chmodSync, rmSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { BridgeError, diskError, errnoOf, translated } from "./errors.ts";
import { onLines } from "./lines.ts";
import { parseJson } from "./result.ts";

/** The longest address that macOS takes, less its final NUL. */
const ADDRESS_BYTES_MAX = 103;
const HANG_UP_MS = 500;
const REQUEST_CHARS_MAX = 1024 * 1024;

export interface Server {
  close(): Promise<void>;
}

/** Answers one request by calling `reply` any number of times; `signal` aborts when the caller has hung up. */
export type Answerer = (request: unknown, reply: (answer: unknown) => void, signal: AbortSignal) => Promise<void>;

/** True when the path can be bound and connected to. */
export function isAddress(path: string): boolean {
  return Buffer.byteLength(path) <= ADDRESS_BYTES_MAX;
}

/**
 * Listens on `path` (mode 0600), replacing what a dead process left there: the caller holds the base's lock. Throws what the
 * disk has against it.
 */
export async function serve(path: string, answer: Answerer): Promise<Server> {
  if (!isAddress(path)) throw new BridgeError("ADDRESS_TOO_LONG", `${path} is longer than ${ADDRESS_BYTES_MAX} bytes`);
  translated(path, () => rmSync(path, { force: true }));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    answerOne(socket, answer);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(diskError(error, path)));
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    close: () => {
      // What was answered is sent; whoever does not hang up by himself is not waited for.
      for (const socket of sockets) {
        socket.end(() => socket.destroy());
        socket.setTimeout(HANG_UP_MS, () => socket.destroy());
      }
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answerOne(socket: Socket, answer: Answerer): void {
  const gone = new AbortController();
  let [chars, asked] = [0, false];
  socket.on("close", () => gone.abort());
  socket.on("error", () => gone.abort());
  socket.on("data", (chunk) => {
    chars += chunk.length;
    if (chars > REQUEST_CHARS_MAX) socket.destroy();
  });
  const reply = (message: unknown) => {
    if (!gone.signal.aborted) socket.write(`${JSON.stringify(message)}\n`);
  };
  onLines(socket, (line) => {
    if (asked) return;
    asked = true;
    void answer(parseJson(line), reply, gone.signal).finally(() => socket.end());
  });
}

/**
 * Sends one request; `onAnswer` gets each answer. Resolves when the other side has ended the connection. Throws
 * DAEMON_SILENT when nobody listens, or when nothing came for `silenceMs` (0: no limit).
 */
export async function ask(
  path: string,
  request: unknown,
  onAnswer: (answer: unknown) => void,
  options: { readonly silenceMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const silent = (why: string) => reject(new BridgeError("DAEMON_SILENT", `no answer at ${path}: ${why}`));
    const socket = createConnection(path, () => socket.write(`${JSON.stringify(request)}\n`));
    options.signal?.addEventListener("abort", () => socket.destroy());
    const giveUp = (bytesRead: number) => {
      if (socket.bytesRead > bytesRead) return;
      silent(`silent for ${options.silenceMs} ms`);
      socket.destroy();
    };
    socket.setTimeout(options.silenceMs, () => {
      const { bytesRead } = socket;
      // This process may have been the busy one: an answer that came meanwhile is read first.
      setImmediate(() => setImmediate(giveUp, bytesRead));
    });
    socket.on("error", (error) => silent(errnoOf(error) ?? error.message));
    onLines(socket, (line) => onAnswer(parseJson(line)));
    socket.on("close", () => resolve());
  });
}
