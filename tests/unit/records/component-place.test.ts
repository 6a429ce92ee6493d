/** What components are called and where they lie: in the base, or among the user's LaunchAgents, and nowhere else. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { agentName, componentName, isAgentName, placeOf, plannedName } from "../../../src/records/component-place.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const NAME = "~/Library/LaunchAgents/com.example.a.plist";

/** A home with a base and a folder for agents in it. */
function homed() {
  const home = temporaryFolder();
  const base = { home, path: join(home, "luka") };
  const agents = join(home, "Library/LaunchAgents");
  for (const folder of [base.path, agents]) mkdirSync(folder, { recursive: true });
  const called = (typed: string, from = base.path) => componentName(realFiles, base, from, typed);
  return { home, base, agents, called };
}

test.each([NAME, "~/Library/LaunchAgents/a.plist", "~/Library/LaunchAgents/homebrew.mxcl.postgresql@14.plist"])(
  "%s is a LaunchAgent",
  (name) => expect(isAgentName(name)).toBe(true),
);

test.each([
  "~/Library/LaunchAgents/.plist",
  "~/Library/LaunchAgents/a.txt",
  "~/Library/LaunchAgents/sub/a.plist",
  "~/Library/LaunchAgents/../a.plist",
  "~/Library/LaunchAgents/*.plist",
  "~/Library/LaunchAgents/a\n.plist",
  "~/Library/LaunchDaemons/a.plist",
  "~/library/LaunchAgents/a.plist",
  "~root/Library/LaunchAgents/a.plist",
  "Library/LaunchAgents/a.plist",
  "/Library/LaunchAgents/a.plist",
  "~/.ssh/id",
])("%j is none", (name) => expect(isAgentName(name)).toBe(false));

test("a component lies where its name says, from the base or from the home on", () => {
  const base = { path: "/u/luka", home: "/u" };
  expect([placeOf(base, "tools/a.sh"), placeOf(base, NAME), placeOf(base, "~/x")]).toEqual([
    "/u/luka/tools/a.sh",
    "/u/Library/LaunchAgents/com.example.a.plist",
    "/u/luka/~/x",
  ]);
  expect(agentName("com.example.a")).toBe(NAME);
});

test("however it is typed, it is called the same", () => {
  const { home, agents, called } = homed();
  const [file, linked] = [join(agents, "com.example.a.plist"), join(temporaryFolder(), "h")];
  symlinkSync(home, linked);
  const ways = [NAME, file, join(linked, "Library/LaunchAgents/com.example.a.plist")];
  expect(ways.map((typed) => called(typed))).toEqual([NAME, NAME, NAME]);
  expect([called("com.example.a.plist", agents), called("../Library/LaunchAgents/com.example.a.plist")]).toEqual([
    NAME,
    NAME,
  ]);
  rmSync(agents, { recursive: true });
  expect([called(NAME), called(file)]).toEqual([NAME, NAME]);
  expect([called("tools/a.sh"), called("~/luka/tools/a.sh"), called("a.sh", join(home, "luka/tools"))]).toEqual([
    "tools/a.sh",
    "tools/a.sh",
    "tools/a.sh",
  ]);
});

test.each([
  "~/.ssh/id",
  "~/Library/LaunchAgents",
  "~/Library/LaunchAgents/sub/a.plist",
  "~/Library/LaunchAgents/a.txt",
  "/etc/hosts",
  "../elsewhere",
  ".",
  // A folder of the base that is called ~.
  `./${NAME}`,
  "./~/tools/a.sh",
])("%s can be no component", (typed) => expect(homed().called(typed)).toBeUndefined());

test("a file of a plan is called as the component that it is", () => {
  const base = { path: "/u/luka", home: "/u" };
  const file = "Library/LaunchAgents/com.example.a.plist";
  expect([
    plannedName(base, { root: ".", path: "tools/a.sh" }),
    plannedName(base, { root: "/u", path: file }),
    plannedName(base, { root: "/u/Library", path: "LaunchAgents/com.example.a.plist" }),
    plannedName(base, { root: ".", path: file }),
    plannedName(base, { root: "/v", path: file }),
    plannedName(base, { root: "/u", path: "notes.txt" }),
    // In a folder of the base that is called ~: an order may write it, and must not pass for the home's.
    plannedName(base, { root: ".", path: NAME }),
    plannedName(base, { root: ".", path: "~/tools/a.sh" }),
  ]).toEqual(["tools/a.sh", NAME, NAME, file, undefined, undefined, undefined, undefined]);
});
