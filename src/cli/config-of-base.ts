/** The configuration that the daemon of a base goes by, for verbs that say beforehand what it would say. */
import type { BoundBase } from "../daemon/base.ts";
import { type Config, DEFAULT_CONFIG } from "../daemon/config.ts";
import { configInEffect, configPath } from "../daemon/settings.ts";
import { placeRules } from "../daemon/surroundings.ts";
import { BridgeError } from "../platform/errors.ts";
import type { PlaceRules } from "../processors/places.ts";
import { readBooks } from "../records/books.ts";
import { Vault } from "../records/vault.ts";
import type { Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";

/** In effect now; the default, which refuses more, where there is no base or its record cannot be read. */
export function configOfBase(context: Context): Config {
  return whereBound(context, (base) => configOf(context, base)) ?? DEFAULT_CONFIG;
}

/** Where the orders of a lane may read and write; undefined where there is no base. */
export function placeRulesOfBase(context: Context, lane: string): PlaceRules | undefined {
  return whereBound(context, (base) => placeRules(context, base, configOf(context, base), lane));
}

function configOf({ files }: Context, base: BoundBase): Config {
  const vault = new Vault(files, base.vault);
  const read = readBooks(files, vault);
  const { facts } = read.ok ? read.value.index : read.error.index;
  return configInEffect(files, vault, facts, configPath(base.path)).config;
}

/** An order can be checked anywhere: undefined where no base is. */
function whereBound<T>(context: Context, work: (base: BoundBase) => T): T | undefined {
  try {
    return work(boundBase(context));
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    return undefined;
  }
}
