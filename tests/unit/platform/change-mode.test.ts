/** Rights are changed of what is named, and of nothing that a link leads to. */
import { chmodSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { changeMode } from "../../../src/platform/change-mode.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const files = new Files(systemDisk, systemClock);
const modeOf = (path: string) => statSync(path).mode & 0o777;

test("a file and a folder get the rights that are named; a link is refused", () => {
  const folder = temporaryFolder();
  const [file, link] = [put(join(folder, "file"), ""), join(folder, "link")];
  chmodSync(file, 0o666);
  symlinkSync(file, link);
  expect(() => changeMode(files, link, 0o600)).toThrow("ELOOP");
  expect(modeOf(file)).toBe(0o666);
  changeMode(files, file, 0o600);
  changeMode(files, folder, 0o700);
  expect([modeOf(file), modeOf(folder)]).toEqual([0o600, 0o700]);
});
