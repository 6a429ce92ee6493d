/** What `wo doctor` says first, and that it says it soon. */
import { expect } from "vitest";
import type { CommandEnd } from "./world.ts";

/** Two seconds on a machine that has nothing else to do; twice that where other tests run. */
const SOON_MS = 4000;
const TRIES = 3;
/** What is told must not depend on how busy this machine is; how soon, is asked of the quickest of a few. */
export const PATIENT = ["doctor", "--within", "30s"] as const;

/** The first line; below it stands what is to be typed. */
export async function firstLine(doctor: (...words: readonly string[]) => Promise<CommandEnd>): Promise<string> {
  const patient = await timed(doctor, PATIENT);
  const took = [patient.tookMs];
  while (Math.min(...took) > SOON_MS && took.length < TRIES) took.push((await timed(doctor, ["doctor"])).tookMs);
  const { stdout, stderr } = patient.end;
  const [first = "", next = ""] = stdout.split("\n");
  expect(Math.min(...took)).toBeLessThan(SOON_MS);
  expect(`${first}${stderr}`).toMatch(/^First: /);
  expect(next).toMatch(/^ {2}next: \S/);
  return first;
}

async function timed(doctor: (...words: readonly string[]) => Promise<CommandEnd>, words: readonly string[]) {
  const startMs = performance.now();
  const end = await doctor(...words);
  return { end, tookMs: Math.round(performance.now() - startMs) };
}
