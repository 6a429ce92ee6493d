/** The rules find what they are there for, and nothing in a text switches them off. */
import { expect, test } from "vitest";
import { loadSecretRules } from "../../../src/platform/secrets.ts";
import { AWS_ID, GITHUB_TOKEN, SAMPLES } from "../../support/secrets.ts";

const rules = await loadSecretRules();

test.each(SAMPLES.map((sample) => ({ kind: sample[0], sample })))(
  "the rule for $kind finds its own, and where all of it stands",
  ({ kind, sample: [, secret, value = secret.trim()] }) => {
    const text = `first line\nkey: ${secret}\nlast line\n`;
    const found = rules(text);
    expect(found.map((range) => range.kind).join()).toContain(kind);
    expect(found.some(({ start, end }) => text.slice(start, end).includes(value))).toBe(true);
    for (const { start, end } of found) {
      expect(start).toBeGreaterThanOrEqual("first line\nkey: ".length);
      expect(end).toBeLessThanOrEqual(text.length - "\nlast line\n".length);
      expect(end - start).toBeGreaterThan(10);
    }
  },
);

test("no two texts share what was found in them", () => {
  const first = rules(GITHUB_TOKEN);
  expect([rules("nothing"), first.length, rules(GITHUB_TOKEN).length]).toEqual([[], 1, 1]);
});

test.each([
  ["a comment", `# secretlint-disable\n${GITHUB_TOKEN}\n`],
  ["a comment on the line", `${GITHUB_TOKEN} # secretlint-disable-line\n`],
])("%s switches no rule off", (_what, text) => {
  expect(rules(text)).toHaveLength(1);
});

test.each([
  "a line of words",
  "AKIA",
  `X${AWS_ID}`,
  `${AWS_ID}0`,
  AWS_ID.toLowerCase(),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what people write
  "//registry.npmjs.org/:_authToken=${NPM_TOKEN}",
  "https://user:password@localhost/x",
  "0123456789abcdef0123456789abcdef01234567",
  "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
])("%j is no secret", (text) => {
  expect(rules(text)).toEqual([]);
});
