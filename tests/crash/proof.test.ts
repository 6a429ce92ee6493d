/** A short cut of what `npm run proof` does for a quarter of an hour; the seed in a failure makes the same choices again. */
import { expect, test } from "vitest";
import { cut } from "../../proof/cuts.ts";
import { FAULTS, fault } from "../../proof/faults.ts";
import { sweep } from "../../proof/kills.ts";
import { MEDIA } from "../../proof/rig/medium.ts";
import { evenly, Random } from "../../proof/rig/random.ts";
import { EVERYTHING, PLOTS } from "../../proof/rig/scenes.ts";
import type { Tally } from "../../proof/rig/tally.ts";
import { soakFor } from "../../proof/soak.ts";

const seed = Date.now() % 1_000_000;
const CLEAN = { seed, lost: 0, twice: 0, hand: 0 };
const SCENES = 6;
const CUTS = 2;
const SOAK_MS = 8000;

/** What was tried; skips, and says why, where it cannot be. */
function tried(tally: Tally | string, skip: (note: string) => never): object {
  return typeof tally === "string" ? skip(`NOT TESTED HERE: ${tally}`) : { seed, ...tally };
}

// The kill sweep has the first scene, at every step. Of the others, and of the faults, each run takes some.
const others = PLOTS.filter((plot) => plot !== EVERYTHING);

test.for(evenly(others, SCENES, new Random(seed)))("a kill leaves nothing to mend: $name", async (plot) => {
  expect({ seed, ...(await sweep(plot, 1, new Random(seed))) }).toMatchObject(CLEAN);
});

test.for(MEDIA)("power cuts of %s leave nothing to mend", async (kind, { skip }) => {
  expect(tried(await cut(kind, CUTS, seed), skip)).toMatchObject({ ...CLEAN, tried: CUTS });
});

test.for(evenly(Object.keys(FAULTS), 2, new Random(seed)))(
  "a disk that refuses leaves nothing to mend: %s",
  async (name, { skip }) => {
    expect(tried(await fault(name, 1, seed), skip)).toMatchObject(CLEAN);
  },
);

test("a daemon that is killed again and again loses nothing", async () => {
  expect({ seed, ...(await soakFor(SOAK_MS, seed)) }).toMatchObject(CLEAN);
});
