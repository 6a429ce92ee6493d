/** A LaunchAgent that launchd could not load is not put where launchd reads it. */
import { expect, test } from "vitest";
import { checkAgentFile } from "../../../src/processors/agent-file.ts";

const NAME = "com.02luka.backup.plist";
const plist = (inner: string) =>
  Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">${inner}</plist>
`);
const labelled = (label: string) => plist(`<dict><key>Label</key><string>${label}</string></dict>`);

test("a property list that carries its own name is fine", async () => {
  expect(await checkAgentFile(NAME, labelled("com.02luka.backup"))).toBeUndefined();
});

test.each([
  ["no property list", Buffer.from("a plain text"), "is no property list that launchd"],
  ["nothing", Buffer.from(""), "is no property list that launchd"],
  [
    "XML without its end",
    Buffer.from(labelled("com.02luka.backup").toString().slice(0, -20)),
    "is no property list that launchd",
  ],
  [
    "a bare &, as of a shell command",
    plist("<dict><key>Label</key><string>com.02luka.backup</string><key>A</key><string>x && y</string></dict>"),
    "a bare &",
  ],
  [
    "a key that stands twice",
    plist(
      "<dict><key>Label</key><string>com.02luka.backup</string><key>Label</key><string>com.02luka.backup</string></dict>",
    ),
    "stands twice",
  ],
  ["a list", plist("<array><string>x</string></array>"), "holds no dictionary"],
  ["a text", plist("<string>x</string>"), "holds no dictionary"],
  ["another label", labelled("com.02luka.other"), "carries the label com.02luka.other"],
  ["a label of other case", labelled("com.02luka.Backup"), "carries the label com.02luka.Backup"],
  ["no label", plist("<dict><key>A</key><string>x</string></dict>"), "carries the label undefined"],
  ["a label that is a number", plist("<dict><key>Label</key><integer>5</integer></dict>"), "carries the label 5"],
])("%s is refused, with the reason", async (_what, bytes, message) => {
  expect(await checkAgentFile(NAME, bytes)).toContain(message);
  expect(await checkAgentFile(NAME, bytes)).toContain(NAME);
});
