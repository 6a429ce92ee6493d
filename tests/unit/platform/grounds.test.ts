/** Folders that others bring and take away: what is gone is told, and what comes back on another device is known by its sign. */
import { expect, test } from "vitest";
import { type Disk, systemDisk } from "../../../src/platform/disk.ts";
import { Grounds } from "../../../src/platform/grounds.ts";
import { folderWith } from "../../support/temporary-folder.ts";

/** A ground in a folder whose device a test may change; what is wrong with what lies in it. */
function held(tree: Readonly<Record<string, string>>) {
  const ground = folderWith(tree);
  let device = 1;
  const disk: Disk = {
    ...systemDisk,
    stat: (path) => {
      const info = systemDisk.stat(path);
      return info === undefined ? undefined : { ...info, device };
    },
  };
  const grounds = new Grounds(disk);
  grounds.hold(ground, ".mark");
  const moveTo = (other: number) => {
    device = other;
  };
  return { ground, moveTo, fault: (path = `${ground}/g/view.json`) => grounds.faultOf(path)?.message };
}

test("another file system's folder without the sign is no ground, until the first is back", () => {
  const { ground, moveTo, fault } = held({ "g/view.json": "{}" });
  expect(fault()).toBeUndefined();
  moveTo(2);
  expect(fault()).toBe(`what lies at ${ground} is on another disk: it was unmounted`);
  moveTo(1);
  expect(fault()).toBeUndefined();
});

test("a volume that comes back as another device is known by its sign", () => {
  const { moveTo, fault } = held({ ".mark": "the base", "g/view.json": "{}" });
  moveTo(3);
  expect(fault()).toBeUndefined();
});

test("what only begins with the ground's name does not lie in it", () => {
  const { ground, moveTo, fault } = held({});
  moveTo(2);
  expect([fault(ground), fault(`${ground}-beside/x`)]).toEqual([expect.any(String), undefined]);
});
