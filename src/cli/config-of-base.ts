/** The configuration that the daemon of a base goes by, for verbs that say beforehand what it would say. */
import { type Config, DEFAULT_CONFIG } from "../daemon/config.ts";
import { configInEffect, configPath } from "../daemon/settings.ts";
import { BridgeError } from "../platform/errors.ts";
import { readBooks } from "../records/books.ts";
import { Vault } from "../records/vault.ts";
import type { Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";

/** In effect now; the default, which refuses more, where there is no base or its record cannot be read. */
export function configOfBase(context: Context): Config {
  const { files } = context;
  try {
    const base = boundBase(context);
    const vault = new Vault(files, base.vault);
    const read = readBooks(files, vault);
    const { facts } = read.ok ? read.value.index : read.error.index;
    return configInEffect(files, vault, facts, configPath(base.path)).config;
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    // An order can be checked anywhere.
    return DEFAULT_CONFIG;
  }
}
