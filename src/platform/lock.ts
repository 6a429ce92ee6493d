/**
 * One holder at a time, by a lock that the kernel drops when its holder dies: nothing is ever stale, nothing is ever
 * taken over. Linux: an abstract unix socket. macOS: a file opened with O_EXLOCK. Whoever loses learns who holds it.
 */
import {
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { join } from "node:path";
import lockfile from "proper-lockfile";
import { BridgeError, errnoOf } from "./errors.ts";
import { sha256 } from "./ids.ts";
import { systemProcesses } from "./processes.ts";
import { err, ok, type Result } from "./result.ts";

/** What a holder says of itself: `key=value` words for people. */
export type Holder = string;

export interface KernelLock {
  release(): Promise<void>;
}

const ASK_HOLDER_MS = 500;
const O_EXLOCK = 0x20;
const O_NONBLOCK_MACOS = 0x4;

/**
 * Takes the lock named `name`, or says who has it. `folder` holds the lock files where the system needs any.
 * The name is the identity: two processes that spell it alike never both hold it.
 */
export async function takeLock(folder: string, name: string, self: Holder): Promise<Result<KernelLock, Holder>> {
  if (process.platform === "linux") return takeSocket(`\0wo-bridge/${name}`, self);
  if (process.platform === "darwin") return takeFile(folder, name, self);
  throw new BridgeError("MACHINE_UNSUPPORTED", `no kernel lock is known for ${process.platform}`);
}

async function takeSocket(address: string, self: Holder): Promise<Result<KernelLock, Holder>> {
  const server = createServer((connection) => {
    // Whoever asks is told and left alone; that it hangs up early is its own business.
    connection.on("error", () => connection.destroy());
    connection.end(self);
  });
  const bound = await new Promise<boolean>((resolve, reject) => {
    server.once("error", (error) => (errnoOf(error) === "EADDRINUSE" ? resolve(false) : reject(error)));
    server.listen(address, () => resolve(true));
  });
  if (!bound) return err(await askHolder(address));
  server.unref();
  return ok({ release: () => closeServer(server) });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function askHolder(address: string): Promise<Holder> {
  return new Promise((resolve) => {
    let text = "";
    const connection = createConnection(address);
    const finish = () => {
      connection.destroy();
      resolve(text === "" ? "a process that does not answer" : text);
    };
    // This process may have been the busy one: an answer that came meanwhile is read first.
    connection.setTimeout(ASK_HOLDER_MS, () => setImmediate(() => setImmediate(finish)));
    connection.on("data", (chunk) => {
      text += chunk.toString("utf8");
    });
    connection.on("end", finish);
    connection.on("error", finish);
  });
}

/**
 * Who holds the lock, taking nothing: undefined when nobody does. What a holder that is stuck says is that it does not
 * answer. On macOS it is whoever wrote himself down last, as long as a process of his pid lives.
 */
export async function holderOf(folder: string, name: string): Promise<Holder | undefined> {
  if (process.platform !== "linux") return holderIn(lockFile(folder, name));
  const address = `\0wo-bridge/${name}`;
  const isHeld = await new Promise<boolean>((resolve) => {
    const connection = createConnection(address, () => finish(true));
    const finish = (held: boolean) => {
      connection.destroy();
      resolve(held);
    };
    connection.on("error", () => finish(false));
  });
  return isHeld ? askHolder(address) : undefined;
}

function holderIn(path: string): Holder | undefined {
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const pid = Number(/^pid (\d+)/.exec(text)?.[1] ?? 0);
  return pid > 0 && systemProcesses().identify(pid) !== undefined ? text : undefined;
}

function lockFile(folder: string, name: string): string {
  return join(folder, `${sha256(name).slice(0, 24)}.lock`);
}

function takeFile(folder: string, name: string, self: Holder): Result<KernelLock, Holder> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = lockFile(folder, name);
  let handle: number;
  try {
    handle = openSync(path, constants.O_RDWR | constants.O_CREAT | O_EXLOCK | O_NONBLOCK_MACOS, 0o600);
  } catch (thrown) {
    if (errnoOf(thrown) !== "EAGAIN") throw thrown;
    return err(readFileSync(path, "utf8") || "a process that does not answer");
  }
  ftruncateSync(handle);
  writeSync(handle, self, 0);
  return ok({ release: async () => closeSync(handle) });
}

/**
 * Shows the holder to people and to other tools as proper-lockfile's `<path>.lock` folder. It excludes nobody: it is
 * judged by its age, so a machine that slept looks dead. Losing it is no trouble and is not reported.
 */
export async function showHolder(path: string): Promise<() => Promise<void>> {
  const ignore = () => undefined;
  // The caller has the kernel lock: a visible lock that is there already belongs to a dead process.
  if (existsSync(`${path}.lock`)) rmSync(`${path}.lock`, { recursive: true, force: true });
  try {
    const release = await lockfile.lock(path, {
      realpath: false,
      stale: 60_000,
      update: 20_000,
      onCompromised: ignore,
    });
    return () => release().catch(ignore);
  } catch {
    // The folder refuses it; the kernel lock decides, this one only shows.
    return async () => undefined;
  }
}
