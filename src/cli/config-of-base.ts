/** The base and the configuration that its daemon goes by, for verbs that say beforehand what it would say. */
import type { BoundBase } from "../daemon/base.ts";
import type { Config } from "../daemon/config.ts";
import { configInEffect, configPath } from "../daemon/settings.ts";
import { BridgeError } from "../platform/errors.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { readBooks } from "../records/books.ts";
import type { Facts } from "../records/facts.ts";
import { Vault } from "../records/vault.ts";
import type { Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";

export interface BaseInEffect {
  readonly base: BoundBase;
  readonly config: Config;
  readonly facts: Facts;
}

/** As they are now; why not, where there is no base or its record cannot be read: an order can be checked anywhere. */
export function baseInEffect(context: Context): Result<BaseInEffect, BridgeError> {
  const { files } = context;
  try {
    const base = boundBase(context);
    const vault = new Vault(files, base.vault);
    const read = readBooks(files, vault);
    const { facts } = read.ok ? read.value.index : read.error.index;
    return ok({ base, facts, config: configInEffect(files, vault, facts, configPath(base.path)).config });
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    return err(thrown);
  }
}
