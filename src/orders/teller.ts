/** What may be told of an order's texts: nothing that shows a secret in any of them. Pure. */
import type { Result } from "../platform/result.ts";
import type { SecretRange } from "../platform/secrets.ts";
import { decode } from "./document.ts";
import type { Guards } from "./lane-rules.ts";
import { unpackOperations } from "./operations-file.ts";
import { bounded, type Problem } from "./problems.ts";
import { holdsSecret, secretProblems, withoutSecrets } from "./secrets.ts";

/** An order's file, or the file that it names. */
export interface SourceText {
  readonly bytes: Buffer;
  /** As a problem has it. */
  readonly named?: string;
}

/** The same, and what was found in it. */
export interface LookedThrough extends SourceText {
  /** A problem where that could not be found out. */
  readonly secrets: Result<readonly SecretRange[], Problem>;
}

export interface Teller {
  /** The problems with stars for the secrets, behind those that the secrets are themselves where they are refused. */
  told(problems: readonly Problem[]): readonly Problem[];
  isTellable(id: string): boolean;
}

/** All that an order's source is made of. */
export function textsOf(source: Buffer): readonly SourceText[] {
  const packed = unpackOperations(source);
  return packed === undefined
    ? [{ bytes: source }]
    : [{ bytes: packed.order }, { bytes: packed.file.bytes, named: packed.file.path }];
}

/** To be asked for all that is told of texts that may be refused. */
export function tellerOf(all: readonly LookedThrough[], rule: Guards["secrets"]): Teller {
  const unknown = all.flatMap(({ secrets }) => (secrets.ok ? [] : [secrets.error]));
  // Nobody knows what is in it: nothing else is told.
  if (unknown.length > 0) return { told: () => unknown.slice(0, 1), isTellable: () => false };
  const texts = all.flatMap(({ bytes, secrets, named }) => {
    const text = secrets.ok && secrets.value.length > 0 ? decode(bytes) : undefined;
    return secrets.ok && text?.ok === true ? [{ text: text.value, found: secrets.value, named }] : [];
  });
  const refusing = rule === "refuse" ? texts : [];
  const refused = refusing.flatMap(({ text, found, named }) => secretProblems(text, found, named));
  const count = refusing.reduce((sum, { found }) => sum + found.length, 0);
  return {
    told: (problems) => {
      const told = bounded([...refused, ...problems], count - refused.length);
      const [own, others] = [told.slice(0, refused.length), told.slice(refused.length)];
      const withStars = texts.reduce<readonly Problem[]>(
        (shown, { text, found, named }) => withoutSecrets(shown, text, found, named),
        others,
      );
      return [...own, ...withStars];
    },
    isTellable: (id) => texts.every(({ text, found }) => !holdsSecret(id, text, found)),
  };
}
