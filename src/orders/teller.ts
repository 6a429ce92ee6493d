/** What may be told of an order's texts: nothing that shows a secret in any of them. Pure. */
import type { Result } from "../platform/result.ts";
import type { SecretRange } from "../platform/secrets.ts";
import { decode } from "./document.ts";
import type { Guards } from "./lane-rules.ts";
import { LIMITS } from "./limits.ts";
import type { Problem } from "./problems.ts";
import { holdsSecret, secretProblems, withoutSecrets } from "./secrets.ts";

/** An order's file, or the file that it names, and what was found in it. */
export interface LookedThrough {
  readonly bytes: Uint8Array;
  /** A problem where that could not be found out. */
  readonly secrets: Result<readonly SecretRange[], Problem>;
  /** As a problem has it. */
  readonly named?: string;
}

export interface Teller {
  /** The problems with stars for the secrets, behind those that the secrets are themselves where they are refused. */
  told(problems: readonly Problem[]): readonly Problem[];
  isTellable(id: string): boolean;
}

/** To be asked for all that is told of texts that may be rejected. */
export function tellerOf(all: readonly LookedThrough[], rule: Guards["secrets"]): Teller {
  const unknown = all.flatMap(({ secrets }) => (secrets.ok ? [] : [secrets.error]));
  // Nobody knows what is in it: nothing else is told.
  if (unknown.length > 0) return { told: () => unknown.slice(0, 1), isTellable: () => false };
  const texts = all.flatMap(({ bytes, secrets, named }) => {
    const text = secrets.ok && secrets.value.length > 0 ? decode(bytes) : undefined;
    return secrets.ok && text?.ok === true ? [{ text: text.value, found: secrets.value, named }] : [];
  });
  const refused =
    rule === "refuse" ? texts.flatMap(({ text, found, named }) => secretProblems(text, found, named)) : [];
  return {
    told: (problems) => {
      const hidden = texts.reduce((told, { text, found, named }) => withoutSecrets(told, text, found, named), problems);
      return [...refused, ...hidden].slice(0, LIMITS.problems);
    },
    isTellable: (id) => texts.every(({ text, found }) => !holdsSecret(id, text, found)),
  };
}
