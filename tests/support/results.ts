/** Takes the answer or the error out of a result, where a test knows which it must be. */
import type { Result } from "../../src/platform/result.ts";

export function valueOf<T, E>(result: Result<T, E>): T {
  if (result.ok) return result.value;
  throw new Error(`no answer, but ${JSON.stringify(result.error)}`);
}

export function errorOf<T, E>(result: Result<T, E>): E {
  if (!result.ok) return result.error;
  throw new Error(`no error, but ${JSON.stringify(result.value)}`);
}

/** The value, where a test knows that it is there. */
export function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it is not there");
  return value;
}

/** What is thrown. */
export async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("nothing was thrown");
}
