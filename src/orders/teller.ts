/** What may be told of a file that is refused: nothing that shows a secret in it. Pure. */
import type { Result } from "../platform/result.ts";
import type { SecretRange } from "../platform/secrets.ts";
import { decode } from "./document.ts";
import type { LaneRules } from "./lane-rules.ts";
import { bounded, type Problem } from "./problems.ts";
import { holdsSecret, secretProblems, withoutSecrets } from "./secrets.ts";

export interface Teller {
  /** The problems with stars for the secrets, behind those that the secrets are themselves where they are refused. */
  told(problems: readonly Problem[]): readonly Problem[];
  isTellable(id: string): boolean;
}

/** To be asked for all that is told of a file that may be refused; `secrets` are those in its text. */
export function tellerOf(
  bytes: Uint8Array,
  secrets: Result<readonly SecretRange[], Problem>,
  { guards }: Pick<LaneRules, "guards">,
): Teller {
  // Nobody knows what is in it: nothing else is told.
  if (!secrets.ok) return { told: () => [secrets.error], isTellable: () => false };
  const text = secrets.value.length === 0 ? undefined : decode(bytes);
  if (text?.ok !== true) return { told: bounded, isTellable: () => true };
  const refused = guards.secrets === "refuse" ? secretProblems(text.value, secrets.value) : [];
  return {
    told: (problems) => {
      const told = bounded([...refused, ...problems]);
      const [own, others] = [told.slice(0, refused.length), told.slice(refused.length)];
      return [...own, ...withoutSecrets(others, text.value, secrets.value)];
    },
    isTellable: (id) => !holdsSecret(id, text.value, secrets.value),
  };
}
