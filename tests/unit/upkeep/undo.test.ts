/** What has to be done to take something back. */
import { expect, test } from "vitest";
import type { Event, Image } from "../../../src/records/events.ts";
import { changesOf, undoOrder, versionAt, versionsOf } from "../../../src/upkeep/undo.ts";
import { chainOf } from "../../support/events.ts";

const entriesOf = (events: readonly Event[]) => chainOf(events).map(({ entry }) => entry);
const BASE = { path: "/home/u/base", home: "/home/u" };
const of = { wo_id: "WO-1", lane: "CLC", attempt: 1 };
const image = (text: string, mode = 0o644): Image => ({ sha256: text, size_bytes: 1, mode, content: { text } });

function planned(before: Image | undefined, after: Image | undefined, id = "WO-1", root = "."): Event {
  const file = { root, path: "a", temporary: ".t", ...(before && { before }), ...(after && { after }) };
  return { event: "patch_planned", ...of, wo_id: id, files: [file] };
}

const applied = (id = "WO-1"): Event => ({ event: "patch_applied", ...of, wo_id: id, changed: 1 });

test("what was planned and not done is not taken back, nor what made no difference", () => {
  expect(changesOf(entriesOf([planned(image("x"), image("y"))]))).toBeUndefined();
  expect(changesOf(entriesOf([planned(image("x"), image("x")), applied()]))).toBeUndefined();
});

test("of an order that was tried again the last try counts", () => {
  const events = [planned(image("x"), image("y")), applied(), planned(image("y"), image("z")), applied()];
  expect(changesOf(entriesOf(events))).toEqual([{ path: "a", wanted: image("y"), left: image("z") }]);
});

test("a file outside of the base is named in full", () => {
  const events = [planned(undefined, image("y"), "WO-1", "/agents"), applied()];
  expect(changesOf(entriesOf(events))).toMatchObject([{ path: "/agents/a" }]);
});

test("a file in a folder of the base that is called ~ is none of the home", () => {
  const file = { root: ".", path: "~/.profile", temporary: ".t", after: image("y") };
  const events: Event[] = [{ event: "patch_planned", ...of, files: [file] }, applied()];
  expect(changesOf(entriesOf(events))).toMatchObject([{ path: "./~/.profile" }]);
});

test("versions are what was found, what orders made of it, and what was accepted", () => {
  const accepted: Event = {
    event: "components_accepted",
    by: "me",
    why: "",
    components: [
      { path: "a", kind: "file", mode: 0o755, owner: 1, sha256: "c", size_bytes: 1, content: { text: "c" } },
    ],
  };
  const versions = versionsOf(
    entriesOf([planned(image("x"), image("y")), applied(), planned(image("y"), image("n"), "WO-2"), accepted]),
    BASE,
    "a",
  );
  expect(versions.map(({ image: one }) => one?.sha256)).toEqual(["x", "y", "y", "c"]);
});

test("versions of a LaunchAgent are those of its file, by orders and by people", () => {
  const path = "~/Library/LaunchAgents/x.plist";
  const file = { root: "/home/u", path: "Library/LaunchAgents/x.plist", temporary: ".t", after: image("y") };
  const accepted: Event = {
    event: "components_accepted",
    by: "me",
    why: "",
    components: [{ path, kind: "file", mode: 0o644, owner: 1, sha256: "c", size_bytes: 1, content: { text: "c" } }],
  };
  const events: Event[] = [{ event: "patch_planned", ...of, files: [file] }, applied(), accepted];
  const versions = versionsOf(entriesOf(events), BASE, path);
  expect(versions.map(({ image: one }) => one?.sha256)).toEqual([undefined, "y", "c"]);
});

test("without a time the newest that is something else; with one what it was by then", () => {
  const version = (ts: string, text: string) => ({ ts, from: "", image: image(text) });
  const versions = [
    version("2026-01-01", "a"),
    version("2026-01-02", "b"),
    { ts: "2026-01-03", from: "", image: undefined },
  ];
  expect(versionAt(versions, undefined, "b")?.ts).toBe("2026-01-01");
  expect(versionAt(versions, undefined, undefined)?.ts).toBe("2026-01-02");
  expect(versionAt(versions, "2026-01-02T12", "b")?.ts).toBe("2026-01-02");
  expect(versionAt(versions, "2026-01-04", undefined)?.image).toBeUndefined();
  expect(versionAt(versions, "2025", undefined)?.ts).toBe("2026-01-01");
  expect(versionAt([], "2025", undefined)).toBeUndefined();
});

test("the order writes with rights, deletes by name, and says what it cannot carry", () => {
  const bytes = (content: object) => ("text" in content ? Buffer.from(String(content.text)) : Buffer.from([0xff]));
  const binary: Image = { sha256: "b", size_bytes: 1, mode: 0o4755, content: { base64: "/w==" } };
  const wishes = [
    { path: "a", wanted: image("x", 0o600), left: undefined },
    { path: "b", wanted: undefined, left: undefined },
    { path: "c", wanted: binary, left: undefined },
  ];
  const { text, binary: refused } = undoOrder({ id: "UNDO-1", title: "t" }, wishes, bytes);
  const files: unknown = JSON.parse(text);
  expect(files).toMatchObject({
    wo_id: "UNDO-1",
    allow_delete: true,
    files: [
      { path: "a", content: "x", mode: "0600" },
      { path: "b", delete: true },
      { path: "c", mode: "0755" },
    ],
  });
  expect(refused).toEqual(["c"]);
});
