/** How `wo` behaves as a program among programs: colours, pipes that close, and how soon it starts. */
import { expect, test } from "vitest";
import { workingWorld } from "../support/line-kit.ts";
import { MAIN, World } from "../support/world.ts";

const ESCAPE = "\u001b[";

test.each([
  ["--color always", { FORCE_COLOR: undefined }, true],
  ["--color never", { FORCE_COLOR: "1" }, false],
  ["--color auto", { FORCE_COLOR: undefined }, false],
])("colours in a pipe with %s", async (flag, more, colored) => {
  const world = await World.make();
  const { stdout } = await world.run([process.execPath, MAIN, ...flag.split(" "), "status"], {
    ...world.env,
    NO_COLOR: undefined,
    ...more,
  });
  expect(stdout.includes(ESCAPE)).toBe(colored);
});

test.each([
  ["is set there are none", "1", false],
  ["is not set there are some", undefined, true],
])("on a terminal where NO_COLOR %s", async (_what, value, colored) => {
  const world = await World.make();
  const line = `'${process.execPath}' '${MAIN}' status`;
  const env = { ...world.env, TERM: "xterm", NO_COLOR: value };
  const argv =
    process.platform === "darwin"
      ? ["script", "-q", "/dev/null", "sh", "-c", line]
      : ["script", "-qec", line, "/dev/null"];
  const { stdout } = await world.run(argv, env);
  expect([stdout.includes("Needs you"), stdout.includes(ESCAPE)]).toEqual([true, colored]);
});

test("a reader that hangs up ends a command quietly", async () => {
  const world = await workingWorld();
  const files = Array.from({ length: 400 }, (_, index) => ({ path: `many/${index}`, content: "x".repeat(100) }));
  for (const id of ["WO-1", "WO-2", "WO-3"]) world.drop("CLC", `${id}.json`, { wo_id: id, files });
  await world.reaches("WO-3", "done");
  const log = `'${process.execPath}' '${MAIN}' log --json`;
  const end = await world.run(["bash", "-c", `set -o pipefail; ${log} | head -n 1`]);
  expect((await world.run(["bash", "-c", log])).stdout.length).toBeGreaterThan(100_000);
  expect(end).toEqual({ code: 0, stdout: expect.stringMatching(/^\{.*"seq":1,.*\}\n$/), stderr: "" });
});

test("the program starts within a second", async () => {
  const world = await World.make({ bare: true });
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round += 1) {
    const startMs = performance.now();
    expect(await world.wo("--version")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    fastestMs = Math.min(fastestMs, performance.now() - startMs);
  }
  expect(fastestMs).toBeLessThan(1000);
});
