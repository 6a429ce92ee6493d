/**
 * The configuration in effect: what the tree says, held to what a person accepted. Asked anew at every scan, so that an
 * edit takes effect by itself, a wiped file is put back, and a broken one changes nothing but the status.
 */
import { join } from "node:path";
import type { Problem } from "../orders/problems.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { sha256 } from "../platform/ids.ts";
import { err, ok, type Result } from "../platform/result.ts";
import type { Books } from "../records/books.ts";
import type { Facts } from "../records/facts.ts";
import type { Vault } from "../records/vault.ts";
import { type Config, DEFAULT_CONFIG, type EffectiveConfig, holdTo, readConfig } from "./config.ts";
import { readSigners, type SignersInEffect, signersInEffect, signersPath } from "./signers.ts";

const CONFIG_BYTES_MAX = 1024 * 1024;

export interface ConfigInEffect extends EffectiveConfig {
  /** What is wrong with the tree's file; the last accepted configuration is in effect then. */
  readonly problems: readonly Problem[];
}

/** Where a base keeps its configuration. */
export function configPath(base: string): string {
  return join(base, "wo-bridge.yaml");
}

/** What is in effect now, changing nothing. Throws CONFIG_INVALID when the accepted one is of a newer version. */
export function configInEffect(files: Files, vault: Vault, facts: Facts, path: string): ConfigInEffect {
  const tree = readTree(files, path);
  const problems = tree.read.ok ? [] : tree.read.error;
  const accepted = facts.config === undefined ? undefined : readAccepted(vault.load(facts.config.content));
  if (accepted === undefined) return { config: tree.read.ok ? tree.read.value : DEFAULT_CONFIG, pending: [], problems };
  if (!tree.read.ok || tree.bytes === undefined) return { config: accepted, pending: [], problems };
  return { ...holdTo(accepted, tree.read.value), problems };
}

/** `bytes` undefined: there is no file. */
interface TreeConfig {
  readonly bytes: Buffer | undefined;
  readonly read: Result<Config, readonly Problem[]>;
}

function readTree(files: Files, path: string): TreeConfig {
  const reading = files.peek(path, CONFIG_BYTES_MAX);
  if (reading.kind === "absent") return { bytes: undefined, read: ok(DEFAULT_CONFIG) };
  if (reading.kind === "file") return { bytes: reading.bytes, read: readConfig(reading.bytes) };
  return {
    bytes: undefined,
    read: err([{ code: "no_file", message: `${path} is no file that can be read: ${reading.kind}` }]),
  };
}

function readAccepted(bytes: Buffer): Config {
  const read = readConfig(bytes);
  if (read.ok) return read.value;
  // Accepted by a version that knew more: guessing what it allowed would be looser than it was, or break its users.
  throw new BridgeError(
    "CONFIG_INVALID",
    `the accepted configuration cannot be read: ${read.error[0]?.message ?? "unknown"}`,
  );
}

export class Settings {
  readonly path: string;
  readonly #signersPath: string;
  readonly #files: Files;
  readonly #books: Books;
  #stamp = "";
  #effect: ConfigInEffect = { config: DEFAULT_CONFIG, pending: [], problems: [] };
  #signers: SignersInEffect = { text: "", pending: [], problems: [] };

  constructor(files: Files, books: Books, base: string) {
    this.#files = files;
    this.#books = books;
    this.path = configPath(base);
    this.#signersPath = signersPath(base);
  }

  /** In effect now. Do not keep it: ask again. */
  get config(): Config {
    return this.#effect.config;
  }

  /** Lines of allowed_signers in effect now. */
  get signers(): string {
    return this.#signers.text;
  }

  /** What the tree wishes and nobody has accepted. */
  get pending(): readonly string[] {
    return [...this.#effect.pending, ...this.#signers.pending];
  }

  get problems(): readonly Problem[] {
    return [...this.#effect.problems, ...this.#signers.problems];
  }

  /** Nobody has ever accepted a configuration for this base. */
  get isUnaccepted(): boolean {
    return this.#books.index.facts.config === undefined;
  }

  /** Reads the files when one has changed; the paths of those that had vanished and were put back. */
  async reload(): Promise<readonly string[]> {
    const { facts, vault } = { facts: this.#books.index.facts, vault: this.#books.vault };
    const stamp = [this.#stampOf(this.path), this.#stampOf(this.#signersPath), facts.config, facts.signers]
      .map((part) => (typeof part === "string" ? part : part?.sha256))
      .join(":");
    if (stamp === this.#stamp) return [];
    const restored = [
      ...(await this.#putBack(this.path, facts.config)),
      ...(await this.#putBack(this.#signersPath, facts.signers)),
    ];
    this.#effect = configInEffect(this.#files, vault, facts, this.path);
    this.#signers = signersInEffect(this.#files, vault, facts, this.#signersPath);
    this.#stamp = restored.length > 0 ? "" : stamp;
    return restored;
  }

  #stampOf(path: string): string {
    const info = this.#files.info(path);
    return `${info?.inode}:${info?.sizeBytes}:${info?.modifiedMs}`;
  }

  /** Makes the tree's configuration the accepted one, and its signers with it; the problems when one is none. */
  async accept(by: string): Promise<Result<{ readonly changed: boolean }, readonly Problem[]>> {
    const tree = readTree(this.#files, this.path);
    if (!tree.read.ok) return err(tree.read.error);
    const signers = readSigners(this.#files, this.#signersPath);
    if (signers.problems.length > 0) return err(signers.problems);
    const bytes = tree.bytes ?? Buffer.alloc(0);
    const hash = sha256(bytes);
    const { facts } = this.#books.index;
    const signersHash = signers.bytes === undefined ? undefined : sha256(signers.bytes);
    if (facts.config?.sha256 === hash && facts.signers?.sha256 === signersHash) return ok({ changed: false });
    const config = await this.#books.vault.keep(bytes);
    const named =
      signers.bytes === undefined || signersHash === undefined
        ? {}
        : { signers_sha256: signersHash, signers: await this.#books.vault.keep(signers.bytes) };
    await this.#books.append([{ event: "config_accepted", by, sha256: hash, config, ...named }]);
    this.#stamp = "";
    await this.reload();
    return ok({ changed: true });
  }

  async #putBack(path: string, accepted: Facts["config"]): Promise<readonly string[]> {
    if (accepted === undefined || this.#files.info(path) !== undefined) return [];
    const bytes = this.#books.vault.load(accepted.content);
    if (bytes.length === 0) return [];
    await this.#files.publish(path, bytes);
    return [path];
  }
}
