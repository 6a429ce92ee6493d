/** Secrets that nobody has: made here piece by piece, so that this file holds none. */
import { generateKeyPairSync } from "node:crypto";

const letters = "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zC";
const long = (length: number) => letters.repeat(Math.ceil(length / letters.length)).slice(0, length);

/** A text without its seams. */
const joined = (text: string) => text.replaceAll("|", "");

export const GITHUB_TOKEN = joined(`gh|p_${long(36)}`);
export const AWS_ID = joined(`AK|IAQ7Z3LMNV5XWRT2YB`);
export const AWS_KEY = joined(`wJ|alrXUtnFEMI/K7MDENG+${long(18)}`);
export const PRIVATE_KEY = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
  type: "pkcs8",
  format: "pem",
});

/** base64 of an object whose last two characters come out as its rule wants them. */
const ONE_PASSWORD = Buffer.from(JSON.stringify({ key: long(111), a: { b: 1 } })).toString("base64");

/** What each rule is there for: the words for it, a text that holds one, and the secret in it where that is not all. */
export const SAMPLES: readonly (readonly [kind: string, text: string, value?: string])[] = [
  ["aws access key id", AWS_ID],
  ["aws access key id", joined(`AS|IAQ7Z3LMNV5XWRT2YB`)],
  ["aws secret access key", `aws_secret_access_key = ${AWS_KEY}`, AWS_KEY],
  ["private key", String(PRIVATE_KEY)],
  ["npm access token", joined(`np|m_${long(36)}`)],
  ["npm auth token", joined(`//registry.npmjs.org/:_auth|Token=${long(36)}`), long(36)],
  ["package json x oauth token", `https://${long(40)}:x-oauth-basic@github.com/a/b`, long(40)],
  ["basic auth", `https://bob:${long(20)}@git.internal.net/x`, long(20)],
  ["slack token", joined(`xo|xb-123456789012-1234567890123-${long(24)}`)],
  ["incoming webhook", `https://hooks.slack.com/services/T${"0".repeat(8)}/B${"0".repeat(8)}/${long(24)}`],
  ["github token", GITHUB_TOKEN],
  ["github token", joined(`github|_pat_${long(82)}`)],
  ["postgre sql connection", `postgres://bob:${long(20)}@db.internal.net/x`, long(20)],
  ["anthropic", joined(`sk-|ant-api03-${long(93)}AA`)],
  ["openai", joined(`sk-${long(20)}T3Blbk|FJ${long(20)}`)],
  ["sendgrid", joined(`SG|.${long(22)}.${long(43)}`)],
  ["shopify", joined(`shp|at_${long(32)}`)],
  ["gitlab", joined(`gl|pat-${long(20)}`)],
  ["grafana", joined(`gl|c_${long(40)}`)],
  ["groq", joined(`gs|k_${long(52)}`)],
  ["huggingface", joined(`hf|_|abcdefghijklmnopqrstuvwxyzABCDEFGH`)],
  ["linear", joined(`lin|_api_${long(40)}`)],
  ["notion", joined(`nt|n_12345678901${long(35)}`)],
  ["ops", joined(`op|s_${ONE_PASSWORD}`)],
  ["vault", joined(`hv|s.${long(95)}`)],
  ["vercel", joined(`vc|p_${long(30)}`)],
  ["databricks", joined(`da|pi${"0123456789abcdef".repeat(2)}`)],
  ["docker", joined(`dckr|_pat_${long(27)}`)],
  ["figma", joined(`fig|d_${long(40)}`)],
];
