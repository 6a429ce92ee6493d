/** What a supervisor has opened for our output: found among the files that are known for it, and cut when it has grown long. */
import { closeSync, linkSync, openSync, readFileSync, symlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { outputEnd, trimOutput } from "../../../src/platform/own-output.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const MIB = 1024 * 1024;

/** A log of so many bytes in lines of 100, opened as a supervisor does. */
function log(sizeBytes: number): { readonly path: string; readonly handle: number } {
  const path = put(join(temporaryFolder(), "a.err.log"), `${"x".repeat(99)}\n`.repeat(sizeBytes / 100));
  const handle = openSync(path, "a");
  onTestFinished(() => closeSync(handle));
  return { path, handle };
}

test("what is larger than 1 MiB is cut to its last whole lines, and goes on at its end", () => {
  const { path, handle } = log(2_000_000);
  writeSync(handle, "last words\n");
  trimOutput(handle, ["/nowhere", path]);
  writeSync(handle, "new\n");
  const text = readFileSync(path, "utf8");
  expect([text.length <= 64 * 1024 + 4, text.slice(0, 100), text.slice(-15)]).toEqual([
    true,
    `${"x".repeat(99)}\n`,
    "last words\nnew\n",
  ]);
});

test("what is smaller is left", () => {
  const { path, handle } = log(MIB - 76);
  trimOutput(handle, [path]);
  expect(readFileSync(path).length).toBe(MIB - 76);
});

test("a descriptor that leads to none of the known files is left alone, and so are they", () => {
  const [own, other] = [log(2_000_000), log(2_000_000)];
  trimOutput(own.handle, [other.path]);
  const link = join(temporaryFolder(), "link");
  symlinkSync(own.path, link);
  trimOutput(own.handle, [link]);
  expect([readFileSync(own.path).length, readFileSync(other.path).length]).toEqual([2_000_000, 2_000_000]);
});

test("neither a device nor a descriptor that is closed is anything", () => {
  const handle = openSync("/dev/null", "a");
  expect(outputEnd(handle, ["/dev/null"])).toBeUndefined();
  closeSync(handle);
  expect(outputEnd(handle, ["/dev/null"])).toBeUndefined();
});

test("a file is known by another of its names, too", () => {
  const { path, handle } = log(1000);
  const name = join(temporaryFolder(), "name");
  linkSync(path, name);
  expect(outputEnd(handle, [name])).toMatchObject({ sizeBytes: 1000 });
});
