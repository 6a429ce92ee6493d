/** What is told of an order's texts: their secrets as stars, in each of them, and no more than anybody reads. */
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/orders/limits.ts";
import { packOperations } from "../../../src/orders/operations-file.ts";
import type { Problem } from "../../../src/orders/problems.ts";
import { secretsInFile } from "../../../src/orders/secrets.ts";
import { tellerOf, textsOf } from "../../../src/orders/teller.ts";
import { ok } from "../../../src/platform/result.ts";
import { loadSecretRules } from "../../../src/platform/secrets.ts";
import { AWS_ID, GITHUB_TOKEN } from "../../support/secrets.ts";

const rules = await loadSecretRules();

function tellerFor(order: string, named: string, rule: "refuse" | "allow") {
  const file = { path: "ops/a.yaml", bytes: Buffer.from(named) };
  const texts = textsOf(packOperations({ order: Buffer.from(order), file }));
  return tellerOf(
    texts.map((text) => ({ ...text, secrets: ok(secretsInFile(text.bytes, rules)) })),
    rule,
  );
}

test("secrets of the order and of the file that it names are told in their places, and hidden in all that is told", () => {
  const teller = tellerFor(`wo_id: A\nx: ${GITHUB_TOKEN}\n`, `ops: []\ny: ${AWS_ID}\n`, "refuse");
  const quoting: Problem = { code: "command_refused", message: `${GITHUB_TOKEN} and ${AWS_ID}`, named: AWS_ID };
  const told = teller.told([quoting]);
  expect(told).toMatchObject([
    { code: "secret_found", place: { line: 2 } },
    { code: "secret_found", named: "ops/a.yaml", place: { line: 2 } },
    { code: "command_refused" },
  ]);
  expect(told[0]?.named).toBeUndefined();
  for (const secret of [GITHUB_TOKEN, AWS_ID]) {
    expect(JSON.stringify(told)).not.toContain(secret.slice(4));
    expect(teller.isTellable(`WO-${secret}`)).toBe(false);
  }
});

test("what is not told any more is counted over all texts, secrets that have no problem of their own too", () => {
  const many = (count: number) => `a: |\n${`  ${AWS_ID}\n`.repeat(count)}`;
  const refused = (count: number) =>
    Array.from({ length: count }, () => ({ code: "path_refused", message: "no" }) as const);
  const told = tellerFor(many(LIMITS.problems + 5), many(3), "refuse").told(refused(4));
  expect(told).toHaveLength(LIMITS.problems);
  expect(told.at(-1)).toMatchObject({ code: "more_problems", message: "13 more are not told here" });
  expect(tellerFor(many(LIMITS.problems + 5), many(3), "allow").told(refused(4))).toEqual(refused(4));
});
