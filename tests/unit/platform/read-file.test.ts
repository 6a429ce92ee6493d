/** Files that are read in parts: what the system refuses is an error with the file's name, as everywhere else. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemDisk } from "../../../src/platform/disk.ts";
import { ReadFile } from "../../../src/platform/read-file.ts";
import { refusingDisk } from "../../support/disks.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

test("parts are read from anywhere, and are short at the end", () => {
  const file = new ReadFile(systemDisk, put(join(temporaryFolder(), "a"), "0123456789"));
  expect(file.range(2, 3).toString()).toBe("234");
  expect(file.range(8, 5).toString()).toBe("89");
  file.close();
});

test.each([
  ["openRead", "EMFILE", "TOO_MANY_FILES"],
  ["openRead", "EACCES", "DISK_REFUSED"],
  ["read", "EIO", "DISK_REFUSED"],
])("a %s that ends with %s is %s", (verb, errno, code) => {
  const path = put(join(temporaryFolder(), "a"), "text");
  const read = () => new ReadFile(refusingDisk(verb, errno), path).range(0, 4);
  expect(read).toThrowError(expect.objectContaining({ code, message: expect.stringContaining(path) }));
});
