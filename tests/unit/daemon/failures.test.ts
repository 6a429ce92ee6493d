/** What something thrown during an attempt makes of its order: whose fault it is decides what to do about it. */
import { expect, test } from "vitest";
import { failureOf, isVanished } from "../../../src/daemon/failures.ts";
import { BridgeError, diskError } from "../../../src/platform/errors.ts";
import { refusal } from "../../support/disks.ts";

test.each([
  ["PATH_ESCAPED", "policy"],
  ["NO_FOLDER", "conflict"],
  ["DISK_FULL", "transient_infra"],
  ["TOO_MANY_FILES", "transient_infra"],
  ["RUNNER_FAILED", "transient_infra"],
] as const)("%s makes the order fail as %s, with the way out", (code, failureClass) => {
  const thrown = new BridgeError(code, "what happened");

  expect(failureOf(thrown)).toEqual({
    class: failureClass,
    code: code.toLowerCase(),
    message: "what happened",
    hint: thrown.hint,
  });
  expect(thrown.hint).not.toBe("");
});

test.each([[new Error("oh no")], ["oh no"]])("anything else is an error of ours and says so: %s", (thrown) => {
  expect(failureOf(thrown)).toMatchObject({ class: "internal", code: "bug" });
  expect(failureOf(thrown).message).toContain("oh no");
});

test("only what the disk did not find is called vanished", () => {
  expect(isVanished(diskError(refusal("ENOENT"), "/x"))).toBe(true);
  expect(isVanished(diskError(refusal("EACCES"), "/x"))).toBe(false);
  expect(isVanished(refusal("ENOENT"))).toBe(false);
});
