/** The whole line on a simulated machine, and bugs that were planted to see whether it would say so. */
import { expect, test } from "vitest";
import { catchMutant, mutants } from "../../proof/mutants.ts";
import { runHistory } from "../../proof/sim/history.ts";
import { histories } from "../../proof/sim/run.ts";

const SEED = Date.now() % 1_000_000;
const HISTORIES = 250;

test("whatever goes wrong, every promise holds in the end", async () => {
  const broken: string[] = [];
  let [count, lives] = [0, 0];
  for await (const end of histories(SEED, HISTORIES)) {
    count += 1;
    lives += end.lives;
    for (const { rule, message } of end.violations) broken.push(`seed ${end.seed}: ${rule}: ${message}`);
  }
  expect(broken).toEqual([]);
  expect(count).toBe(HISTORIES);
  // Where nobody dies nothing is proved.
  expect(lives).toBeGreaterThan(1.5 * HISTORIES);
});

// Answers wiped while views were compared; a record that pointed at what power had taken; a disk that failed in a stop,
// was full when views came back, or did not open one of them; an order that waited with its file in processed/.
// Other code makes other histories of them: they only cost nothing.
test.each([46256, 301487, 302496, 601079, 603031, 601986])(
  "a history that once went wrong goes well: seed %i",
  async (seed) => {
    expect((await runHistory(seed)).violations).toEqual([]);
  },
);

test("a seed is one history, to the last event", async () => {
  const [one, other] = [await runHistory(4711), await runHistory(4711)];
  expect(other).toEqual(one);
  expect(one.events).toBeGreaterThan(100);
});

test("there are bugs to be caught", () => {
  expect(mutants().length).toBeGreaterThanOrEqual(10);
});

test.each(mutants())("a planted bug is caught: %s", (name) => {
  expect(catchMutant(name)).toMatch(/^[\w ']+: /);
});
