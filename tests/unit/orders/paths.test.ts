/** Which paths can be meant, and which none may touch, however they are spelled. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/orders/limits.ts";
import { foldName, foldPath, type Guarded, isWithin, readPath, refusePath } from "../../../src/orders/paths.ts";
import { errorOf, valueOf } from "../../support/results.ts";

const BASE = "/home/me/02luka";
const guarded: Guarded = {
  base: BASE,
  absolute: ["/home/me/.ssh", "/var/vault", "/etc/allowed_signers"],
  isProtected: (path) => path === "secrets" || path.startsWith("secrets/"),
};

test.each([
  ["a.txt", { form: "base", rest: "a.txt" }],
  ["a/b/../c.txt", { form: "base", rest: "a/b/../c.txt" }],
  ["../x", { form: "base", rest: "../x" }],
  ["/etc/hosts", { form: "absolute", rest: "/etc/hosts" }],
  ["~/x/y", { form: "home", rest: "x/y" }],
  ["./~x", { form: "base", rest: "./~x" }],
  ["...", { form: "base", rest: "..." }],
  ["a b/ü.txt", { form: "base", rest: "a b/ü.txt" }],
  ["price$.txt", { form: "base", rest: "price$.txt" }],
])("the path %j is read as %j", (path, expected) => {
  expect(valueOf(readPath(path))).toEqual(expected);
});

test.each([
  ["", "names a folder"],
  ["/", "names a folder"],
  ["a/", "names a folder"],
  [".", "names a folder"],
  ["a/.", "names a folder"],
  ["a/..", "names a folder"],
  ["a\0b", "control characters"],
  ["a\nb", "control characters"],
  ["\u009bb", "control characters"],
  ["$HOME/x", "never filled in"],
  ["a/${X}", "never filled in"],
  ["a/$(date).txt", "never filled in"],
  ["~", "begins with ~"],
  ["~other/x", "begins with ~"],
  ["x".repeat(LIMITS.nameBytes + 1), "more than 255 bytes"],
  ["ü".repeat(128), "more than 255 bytes"],
  ["x/".repeat(512) + "y", "longer than 1024 bytes"],
])("the path %j names no file", (path, message) => {
  expect(errorOf(readPath(path))).toMatchObject({ code: "bad_path" });
  expect(errorOf(readPath(path)).message).toContain(message);
});

test("a name and a path of exactly their limits can be meant", () => {
  const name = "x".repeat(LIMITS.nameBytes);
  const path = [name, name, name, name].join("/");

  expect(path).toHaveLength(LIMITS.pathBytes - 1);
  expect(readPath(path).ok && readPath(`${path.slice(0, -1)}/y`).ok).toBe(true);
});

const OWN = [
  "bridge",
  "bridge/inbox/CLC/a.yaml",
  "g/followup/state/a.json",
  "g/telemetry/unified.jsonl",
  "wo-bridge.yaml",
  ".wo-base",
];

test.each([
  ...OWN.map((path) => `${BASE}/${path}`),
  `${BASE}/.git/config`,
  `${BASE}/a/b/.git`,
  `${BASE}/a/.git/hooks/pre-commit`,
  `${BASE}/GIT~1/config`,
  "/elsewhere/.git/config",
  "/home/me/.ssh",
  "/home/me/.ssh/config",
  "/var/vault/ledger/000001.jsonl",
  "/etc/allowed_signers",
  `${BASE}/secrets`,
  `${BASE}/secrets/a/b`,
])("%s may be touched by no order", (path) => {
  expect(refusePath(path, guarded)).toEqual(expect.any(String));
});

test.each([
  `${BASE}/a.txt`,
  `${BASE}/bridges/a`,
  `${BASE}/x/bridge/a`,
  `${BASE}/g/followup/states`,
  `${BASE}/g/telemetry/other.jsonl`,
  `${BASE}/x/wo-bridge.yaml`,
  `${BASE}/.gitignore`,
  `${BASE}/.github/a`,
  `${BASE}/my.git`,
  `${BASE}/secrets2`,
  "/home/me/.sshx",
  "/home/me/02luka2/bridge/a",
  "/var/vaults/a",
  "/other/secrets",
])("%s is not forbidden by its name", (path) => {
  expect(refusePath(path, guarded)).toBeUndefined();
});

const INVISIBLE = [
  "\u200b",
  "\u200c",
  "\u200d",
  "\u200e",
  "\u200f",
  "\u202a",
  "\u202e",
  "\u2060",
  "\u206a",
  "\u206f",
  "\ufeff",
];

test("any spelling of a guarded name is guarded: other case, invisible characters between", () => {
  const spelling = (name: string) =>
    fc
      .tuple(
        ...name
          .split("")
          .map((char) =>
            fc
              .tuple(fc.boolean(), fc.subarray(INVISIBLE, { maxLength: 1 }))
              .map(([upper, hidden]) => (upper ? char.toUpperCase() : char) + hidden.join("")),
          ),
      )
      .map((chars) => chars.join(""));
  fc.assert(
    fc.property(spelling("bridge"), spelling(".git"), spelling("secrets"), (bridge, git, secrets) => {
      for (const path of [`${bridge}/x`, `a/${git}/x`, secrets]) {
        expect(refusePath(`${BASE}/${path}`, guarded), path).toBeDefined();
      }
    }),
  );
});

test.each([
  ["e\u0301", "\u00e9"],
  ["E\u0301", "\u00e9"],
  ["\u1100\u1161", "\uac00"],
  ["\u212a", "k"],
  ["STRASSE", "strasse"],
  ["stra\u00dfe", "strasse"],
  [".wo-ba\u017fe", ".wo-base"],
  ["\u017fsh", "ssh"],
  ["\u200b\ufeffA", "a"],
])("%j and %j are one name", (a, b) => {
  expect(foldName(a)).toBe(foldName(b));
});

test("any name folds to something that folds no further, and slashes stay", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), (names) => {
      const path = names.map((name) => name.replaceAll("/", "")).join("/");
      expect(foldPath(foldPath(path))).toBe(foldPath(path));
      expect(foldPath(path).split("/")).toHaveLength(path.split("/").length);
    }),
  );
});

test.each([
  ["/a/b", "/a", true],
  ["/a", "/a", true],
  ["/ab", "/a", false],
  ["/a/b", "/a/", true],
  ["/a", "/", true],
  ["/a", "/a/b", false],
])("%s lies in %s: %s", (path, folder, within) => {
  expect(isWithin(path, folder)).toBe(within);
});

test("what the policy protects is protected below each of its roots, too, and the machinery is the base's alone", () => {
  const withRoots = { ...guarded, roots: ["/srv/shared", "/home/me"] };
  expect(refusePath("/srv/shared/Secrets/a", withRoots)).toBe("policy.protect names it");
  expect(refusePath("/srv/shared/bridge/a", withRoots)).toBeUndefined();
  expect(refusePath("/srv/other/secrets/a", withRoots)).toBeUndefined();
  // A root around the base changes nothing of what holds in it.
  expect(refusePath(`${BASE}/bridge/a`, withRoots)).toBe("it belongs to the machinery");
  expect(refusePath(`${BASE}/secrets/a`, withRoots)).toBe("policy.protect names it");
});
