/** The launchd double with real processes, row by row, and on a Mac the real one, which is the judge of both. */
import { expect, type TestContext, test } from "vitest";
import { isForMac, isSeen, play, type Row } from "../support/launchd/conformance.ts";
import { ROWS } from "../support/launchd/rows.ts";
import { doubleStage, macStage, type Stage } from "../support/launchd/stage.ts";
import { run } from "../support/world.ts";

const PATIENCE_MS = 10_000;
const doubled = ROWS.filter(({ on = "all" }) => on !== "clock" && on !== "machine");

/** Closing fails when a process is left. */
async function playOn(stage: Stage, row: Row, { expect, onTestFinished }: TestContext): Promise<void> {
  onTestFinished(() => stage.close());
  const sight = await play(row, stage, PATIENCE_MS);
  expect(isSeen(row.sees, sight), JSON.stringify({ wanted: row.sees, sight })).toBe(true);
}

for (const row of doubled)
  test.concurrent(`double: ${row.fact} (${row.tag})`, async (context) => {
    await playOn(await doubleStage(row.given), row, context);
  });

test("most rows are played with processes, and most on a Mac where there is one", () => {
  expect(doubled.length).toBeGreaterThan(80);
  expect(ROWS.filter(isForMac).length).toBeGreaterThan(70);
});

const hasLaunchd =
  process.platform === "darwin" &&
  (await run(["/bin/launchctl", "print", `gui/${process.getuid?.()}`], process.env)).code === 0;

if (!hasLaunchd) {
  // Said out loud: a skipped test proves nothing.
  const count = ROWS.filter(isForMac).length;
  process.stderr.write(
    `\nSKIPPED: ${count} rows on the real launchd need a Mac with somebody logged in at the screen\n\n`,
  );
}

for (const row of ROWS.filter(isForMac))
  test.skipIf(!hasLaunchd)(`Mac: ${row.fact} (${row.tag})`, async (context) => {
    await playOn(macStage(row.given), row, context);
  });
