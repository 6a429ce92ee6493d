/** Rules between the keys of one map in JSON Schema, each with the sentence that an editor shows where it is broken. */

/** A part of a JSON Schema. */
export type Rule = Readonly<Record<string, unknown>>;

/** None of these keys. */
function without(keys: readonly string[]): Rule {
  return Object.fromEntries(keys.map((key) => [key, false]));
}

/** Exactly one of the keys; `or` are other ways to be right. */
export function oneOfKeys(keys: readonly string[], errorMessage: string, or: readonly Rule[] = []): Rule {
  const ways = keys.map((key) => {
    const others = keys.filter((other) => other !== key);
    return { required: [key], properties: without(others), errorMessage };
  });
  return { anyOf: [...ways, ...or] };
}

/** One key, and none of the others. */
export function onlyKey(key: string, others: readonly string[]): Rule {
  return { required: [key], properties: without(others) };
}

/** At least one of the keys. */
export function anyOfKeys(keys: readonly string[], errorMessage: string): Rule {
  return { anyOf: keys.map((key) => ({ required: [key], errorMessage })) };
}

/** The key is there, and not null: null is as good as nothing wherever orders ask for work. */
export function isGivenKey(key: string): Rule {
  return { required: [key], properties: { [key]: { not: { type: "null" } } } };
}

/** What stands at a path of keys, through maps only. */
export function at(path: readonly string[], rule: Rule): Rule {
  const [first, ...rest] = path;
  if (first === undefined) return rule;
  return { properties: { [first]: at(rest, rule) } };
}

/** There is something at a path of keys, through maps only; null is something. */
export function has(path: readonly string[]): Rule {
  const [first, ...rest] = path;
  if (first === undefined) return {};
  return { type: "object", required: [first], ...(rest.length === 0 ? {} : { properties: { [first]: has(rest) } }) };
}

/** `then` counts where `condition` holds. */
export function when(condition: Rule, then: Rule): Rule {
  // oxlint-disable-next-line unicorn/no-thenable -- the word is JSON Schema's, and nobody awaits a rule
  return { if: condition, then };
}
