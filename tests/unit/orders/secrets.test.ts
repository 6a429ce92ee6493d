/** Secrets in an order's file: found however they are written, and shown by nothing that is told of the file. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import type { Problem } from "../../../src/orders/problems.ts";
import { holdsSecret, secretProblems, secretsIn, secretsInFile, withoutSecrets } from "../../../src/orders/secrets.ts";
import { loadSecretRules } from "../../../src/platform/secrets.ts";
import { leastCpuMs, mostWhenLinear } from "../../support/cpu.ts";
import { problemsIn } from "../../support/orders.ts";
import { AWS_ID, AWS_KEY, GITHUB_TOKEN, PRIVATE_KEY, SAMPLES } from "../../support/secrets.ts";

const rules = await loadSecretRules();

const problemsOf = (text: string) => secretProblems(text, secretsIn(text, rules));
const places = (text: string) => problemsOf(text).map(({ place }) => [place?.line, place?.column]);

test("a secret is told with its kind and its place, and shown as stars", () => {
  const text = `wo_id: A\nfiles:\n  - path: a\n    content: x ${GITHUB_TOKEN} y\n`;
  const [problem] = problemsOf(text);
  expect(problem).toMatchObject({
    code: "secret_found",
    message: "this looks like a secret: github token",
    hint: expect.stringContaining("bridge/error/"),
    place: { line: 4, column: 16 },
  });
  expect(problem?.frame).toContain(`content: x ${"*".repeat(GITHUB_TOKEN.length)} y`);
});

test.each([
  ["behind an escaped line end", `{"c": "one\\n${GITHUB_TOKEN}\\n"}`, [[1, 13]]],
  ["with escaped slashes", `{"c": "aws_secret_access_key=${AWS_KEY.replaceAll("/", "\\/")}"}`, [[1, 30]]],
  ["in numbers of characters", `{"c": "${GITHUB_TOKEN.replaceAll("_", "\\u005f")}"}`, [[1, 8]]],
  ["over a line that goes on", `c: "${GITHUB_TOKEN.slice(0, 9)}\\\n   ${GITHUB_TOKEN.slice(9)}"\n`, [[1, 5]]],
  ["in doubled quotes", `c: 'aws_secret_access_key = ''${AWS_KEY}'''\n`, [[1, 31]]],
  ["in a comment", `c: x # ${AWS_ID}\n`, [[1, 8]]],
  [
    "twice",
    `${AWS_ID}\n  ${AWS_ID}\n`,
    [
      [1, 1],
      [2, 3],
    ],
  ],
  ["where a backslash is a backslash", `c: |\n  sed s/\\n/x/ ${GITHUB_TOKEN}\n`, [[2, 15]]],
] as const)("a secret is found %s", (_what, text, expected) => {
  expect(places(text)).toEqual(expected);
  for (const { frame = "" } of problemsOf(text)) expect(frame).not.toContain(GITHUB_TOKEN.slice(9));
});

test("what is no text holds no places", () => {
  expect(secretsInFile(Uint8Array.of(0xff, 0xfe, 0x41), rules)).toEqual([]);
});

const STYLES = ["PLAIN", "BLOCK_FOLDED", "BLOCK_LITERAL", "QUOTE_DOUBLE", "QUOTE_SINGLE"] as const;
/** The ways in which programs write the same order. */
const writings = fc.oneof(
  fc.constantFrom<(value: object) => string>(JSON.stringify, (value) => JSON.stringify(value, undefined, 2)),
  fc
    .record({
      defaultStringType: fc.constantFrom(...STYLES),
      lineWidth: fc.constantFrom(0, 40, 80),
      indent: fc.constantFrom(2, 4),
    })
    .map(
      (options) => (value: object) => stringify(value, { ...options, defaultStringType: options.defaultStringType }),
    ),
);
const around = fc.stringMatching(/^(?:[a-z"'\\/]{0,10}[ \n\t]){0,3}$/);
const samples = fc.constantFrom(...SAMPLES.map(([, sample, value = sample]) => ({ sample, value })));

test("any secret anywhere in an order is found, whoever wrote the file, and no problem shows it", () => {
  fc.assert(
    fc.property(writings, samples, around, around, (write, { sample, value }, before, after) => {
      const order = {
        wo_id: "A",
        files: [{ path: "a", contnet: `${before}${sample}\n${after}` }],
        steps: [{ run: `echo ${before}; token='${sample}'` }],
      };
      const text = write(order);
      const secrets = secretsIn(text, rules);
      expect(secrets.length).toBeGreaterThan(0);
      const told = JSON.stringify([
        ...secretProblems(text, secrets),
        ...withoutSecrets(problemsIn(text), text, secrets),
        ...withoutSecrets([quoting(text)], text, secrets),
      ]);
      // Of a key that is many lines long, none.
      for (const line of value.split("\n").filter((part) => part.length > 16)) expect(told).not.toContain(line);
    }),
    { numRuns: 300 },
  );
});

/** A problem that quotes as much of its file as can be. */
function quoting(text: string): Problem {
  return { code: "syntax", message: text, hint: text, key: text, place: { line: 1, column: 1 }, frame: text };
}

test("stars are as long as what they stand for, and the rest is as it was", () => {
  const text = `a: 1\nb: [${GITHUB_TOKEN}\n`;
  const [problem] = withoutSecrets(problemsIn(text), text, secretsIn(text, rules));
  expect(problem?.frame?.split("\n")[0]).toBe(" 2 | b: [".padEnd(8) + "*".repeat(GITHUB_TOKEN.length));
});

test("a file without secrets keeps its problems as they are", () => {
  const problems = problemsIn("files: 5\n");
  expect(withoutSecrets(problems, "files: 5\n", [])).toBe(problems);
});

test("words that quote a part of a secret are hidden as well, other words are not", () => {
  const text = `k: ${GITHUB_TOKEN}`;
  const message = `unexpected "${GITHUB_TOKEN.slice(4, 20)}" here`;
  const [problem] = withoutSecrets([{ code: "syntax", message }], text, secretsIn(text, rules));
  expect(problem?.message).toBe(`unexpected "${"*".repeat(16)}" here`);
});

test("of a file that is full of secrets nothing is compared, and nothing is shown", () => {
  const text = `${AWS_ID} `.repeat(2000);
  const [problem] = withoutSecrets([{ code: "syntax", message: AWS_ID }], text, secretsIn(text, rules));
  expect(problem?.message).toBe("left out: the file is full of secrets");
});

test("a name that holds a secret is told apart from one that does not", () => {
  const text = `wo_id: ${GITHUB_TOKEN}\n`;
  const secrets = secretsIn(text, rules);
  expect([`WO-${GITHUB_TOKEN}`, "WO-1"].map((id) => holdsSecret(id, text, secrets))).toEqual([true, false]);
});

test("a private key of many lines is one secret", () => {
  const text = stringify({ files: { key: PRIVATE_KEY } });
  expect(problemsOf(text).map(({ message, place }) => [message, place?.line])).toEqual([
    ["this looks like a secret: private key", 3],
  ]);
});

/** Made to be slow for the rules that look back, or look far. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ["escapes", "\\n"],
  ["backslashes", "\\"],
  ["addresses", "http://"],
  ["addresses with names", "http://a:b@"],
  ["keys that do not end", `-----BEGIN RSA PRIVATE KEY-----\n${"A".repeat(10_000)}`],
  ["tokens that are too long", `SG.${"a".repeat(128)}.${"a".repeat(300)} `],
  ["dashes", "xoxb-"],
  ["blanks", `secretaccesskey${" ".repeat(1000)}`],
];

test.each(HOSTILE)("looking through %s takes time that grows with the text", (_what, piece) => {
  const timeOf = (length: number) => {
    const text = piece.repeat(Math.ceil(length / piece.length));
    return leastCpuMs(() => secretsIn(text, rules), 5);
  };
  timeOf(50_000);
  expect(timeOf(400_000)).toBeLessThan(mostWhenLinear(timeOf(50_000)));
});
