/** `wo check`: what is wrong with order files and what their lane has against them, said by the built program. */
import { expect, test } from "vitest";
import { BROKEN, documentOf, filing, orderFile, running, valueIn } from "../support/line-kit.ts";
import { World } from "../support/world.ts";

const some = (fields: object): unknown => expect.objectContaining(fields);

test("check shows each problem as file:line:column with the lines in question and a hint, and ends with 2", async () => {
  const world = await World.make({ bare: true });
  const [bad, good] = [orderFile(world, "bad.yaml", BROKEN), orderFile(world, "good.json", filing("WO-2"))];
  const { code, stdout } = await world.wo("check", bad, good);
  expect(code).toBe(2);
  expect(stdout).toContain(`${bad}:4:5  files[0].contnet: the key "contnet" is not known here [unknown_key]`);
  expect(stdout).toMatch(
    / 3 \| {3}- path: a\.txt\n +4 \| {5}contnet: x\n +\| {5}\^+\n +hint: did you mean "content"\?/,
  );
  expect(stdout).toContain(`${bad}:5:5  `);
  expect(stdout).toMatch(new RegExp(`✓ ${good} {2}WO-2 {2}P2`));
  const data = documentOf(await world.wo("check", bad, good, "--json"), "check");
  expect(data).toEqual([some({ file: bad, ok: false }), some({ file: good, ok: true, order: some({ id: "WO-2" }) })]);
  expect(valueIn(data, 0, "problems", 0)).toMatchObject({ code: "unknown_key", place: { line: 4, column: 5 } });
  expect((await world.wo("check", good)).code).toBe(0);
});

const LANES = `
policy: {commands: {deny: [{pattern: git push *, reason: people push}]}}
lanes: {FILES: {mode: files-only}, HELD: {mode: hold}}
`;

test("check asks the lane without a daemon: the named one, the one in whose folders the file lies, the usual one", async () => {
  const world = await World.make({ config: LANES });
  const [good, push, bad] = [
    orderFile(world, "good.json", running("WO-1", "ls")),
    orderFile(world, "push.json", running("WO-2", "git push")),
    orderFile(world, "bad.yaml", BROKEN),
  ];
  const said = async (...words: readonly string[]) => {
    const { code, stdout } = await world.wo("check", ...words);
    return `${code} ${stdout}`;
  };
  expect(await said(good)).toMatch(/^0 ✓ .*WO-1.*\n {2}lane CLC: it would run/);
  expect(await said(good, "--lane", "HELD")).toMatch(/^0 ✓ .*\n {2}lane HELD: it would wait \(held_lane\)/);
  expect(await said(good, "--lane", "files")).toMatch(
    /^5 .*good\.json:1:\d+ {2}steps\[0\]: this lane runs no commands.*\[lane_refuses_commands\]\n[^]*lane files refuses it[^]*✗ 1 problem$/m,
  );
  expect(await said(push, "--lane", "FILES")).toMatch(
    /^5 [^]*lane_refuses_commands[^]*command_refused[^]*✗ 2 problems/,
  );
  // Where it lies says which lane it is for.
  world.write("bridge/error/FILES/late.json", JSON.stringify(running("WO-3", "ls")));
  expect(await said(world.path("bridge/error/FILES/late.json"))).toMatch(/^5 [^]*lane FILES refuses it/);
  expect(await said(good, push, bad)).toMatch(/^2 [^]*lane CLC refuses it[^]*unknown_key/);
  expect(await said(good, push)).toMatch(/^5 /);
  const data = documentOf(await world.wo("check", good, "--lane", "HELD", "--json"), "check");
  expect(data).toEqual([some({ ok: true, lane: "HELD", verdict: "wait" })]);
});

test("an order that is passed on is checked by the rules of the lane that gets it", async () => {
  const world = await World.make({ config: LANES });
  world.write("bridge/inbox/FILES/.keep", "");
  const path = orderFile(world, "a.json", running("WO-1", "ls", { target: "FILES" }));
  const { code, stdout } = await world.wo("check", path, "--lane", "ENTRY");
  expect([code, stdout]).toEqual([5, expect.stringContaining("lane ENTRY → FILES refuses it")]);
});

test("without a base a check is one of the order alone, and says so", async () => {
  const world = await World.make({ bare: true });
  const path = orderFile(world, "push.json", running("WO-1", "rm -rf /"));
  const { code, stdout } = await world.wo("check", path, "--lane", "CLC");
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/✓ .*WO-1.*\nonly the order itself was checked, no lane's rules: .* is not attached/),
  ]);
});
