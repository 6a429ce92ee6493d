/** An editor as yaml-language-server sees one: opens texts, and asks what is wrong, what may come, and what a key means. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";
import { asRecord } from "./world.ts";

const SERVER = createRequire(import.meta.url).resolve("yaml-language-server/bin/yaml-language-server");
const SETTINGS = { yaml: { validate: true, completion: true, hover: true, schemaStore: { enable: false } } };

/** 0-based, as the protocol counts. */
interface Spot {
  readonly line: number;
  readonly character: number;
}

export interface Finding {
  readonly line: number;
  readonly message: string;
}

/** One server process, ended with the test. */
export class Editor {
  readonly #server: ChildProcess;
  readonly #waiting = new Map<string, (answer: unknown) => void>();
  #unread = Buffer.alloc(0);
  #count = 0;

  private constructor(server: ChildProcess) {
    this.#server = server;
    server.stdout?.on("data", (bytes: Buffer) => this.#take(bytes));
  }

  static async start(folder: string): Promise<Editor> {
    const server = spawn(process.execPath, [SERVER, "--stdio"], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void server.kill("SIGKILL"));
    const editor = new Editor(server);
    await editor.#ask("initialize", { processId: process.pid, rootUri: pathToFileURL(folder).href, capabilities: {} });
    editor.#tell("initialized", {});
    editor.#tell("workspace/didChangeConfiguration", { settings: SETTINGS });
    return editor;
  }

  /** Opens a file with this text; what the server finds wrong with it. */
  async open(path: string, text: string): Promise<readonly Finding[]> {
    const uri = pathToFileURL(path).href;
    const found = this.#answer(`findings ${uri}`);
    this.#tell("textDocument/didOpen", { textDocument: { uri, languageId: "yaml", version: 1, text } });
    const list = asRecord(await found)["diagnostics"];
    return (Array.isArray(list) ? list : []).map((item: unknown) => {
      const { message, range } = asRecord(item);
      return { line: Number(asRecord(asRecord(range)["start"])["line"]), message: String(message) };
    });
  }

  /** The words that are offered at a place of an open file. */
  async complete(path: string, position: Spot): Promise<readonly string[]> {
    const answer = asRecord(await this.#ask("textDocument/completion", at(path, position)));
    const items = Array.isArray(answer["items"]) ? answer["items"] : [];
    return items.map((item: unknown) => String(asRecord(item)["label"]));
  }

  /** What is shown of the thing at a place of an open file. */
  async hover(path: string, position: Spot): Promise<string> {
    const answer = asRecord(await this.#ask("textDocument/hover", at(path, position)));
    return String(asRecord(answer["contents"])["value"]);
  }

  #ask(method: string, params: object): Promise<unknown> {
    this.#count += 1;
    const answer = this.#answer(`answer ${this.#count}`);
    this.#send({ id: this.#count, method, params });
    return answer;
  }

  #tell(method: string, params: object): void {
    this.#send({ method, params });
  }

  #answer(key: string): Promise<unknown> {
    return new Promise((resolve) => this.#waiting.set(key, resolve));
  }

  #send(message: object): void {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#server.stdin?.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  #take(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const end = this.#unread.indexOf("\r\n\r\n");
      const length = Number(/Content-Length: (\d+)/.exec(this.#unread.toString("latin1", 0, end))?.[1]);
      if (end === -1 || this.#unread.length < end + 4 + length) return;
      const message = asRecord(JSON.parse(this.#unread.toString("utf8", end + 4, end + 4 + length)));
      this.#unread = this.#unread.subarray(end + 4 + length);
      this.#dispatch(message);
    }
  }

  #dispatch({ id, method, params, result }: Record<string, unknown>): void {
    // What the server asks of the editor is answered with nothing.
    if (method !== undefined && id !== undefined) return this.#send({ id, result: null });
    const isFinding = method === "textDocument/publishDiagnostics";
    const key = isFinding ? `findings ${String(asRecord(params)["uri"])}` : `answer ${String(id)}`;
    this.#waiting.get(key)?.(isFinding ? params : result);
    this.#waiting.delete(key);
  }
}

function at(path: string, position: Spot): object {
  return { textDocument: { uri: pathToFileURL(path).href }, position };
}
