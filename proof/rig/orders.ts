/** Orders that a rig drops, each with what has to come of it; and careful or careless hands to drop them. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { World } from "../../tests/support/world.ts";
import type { Drop } from "../model/check.ts";

/** One drop: its files below the lane's inbox, the first of which the model looks for. */
export interface Order {
  readonly drop: Drop;
  readonly files: Readonly<Record<string, string>>;
}

export interface Place {
  readonly id: string;
  readonly lane: string;
  /** The file that its command leaves its id in. */
  readonly effects: string;
}

const DONE = { isDurable: true, ends: ["done"], before: {}, after: {} } as const;

/** A single file in the inbox. */
function orderOf({ id, lane }: Place, content: object, bend: Partial<Drop>): Order {
  const text = JSON.stringify({ wo_id: id, ...content });
  const name = `${id}.json`;
  return { drop: { ...DONE, id, lane, name, text, ...bend }, files: { [name]: text } };
}

/** Creates, edits, moves and deletes files, runs a command, and verifies. */
export function everything(place: Place): Order {
  const at = `work/${place.id}`;
  const content = {
    files: [
      { path: `${at}/made/deep/new.txt`, content: "new\n", mode: "0755" },
      { path: `${at}/gone.txt`, delete: true },
      { path: `${at}/moved.txt`, move: `${at}/made/moved.txt` },
    ],
    edits: [{ path: `${at}/edited.txt`, find: "second", after: "inserted" }],
    steps: [{ name: "count", run: `echo ${place.id} >> ${place.effects}` }],
    post_verify: [`test -f ${at}/made/deep/new.txt`],
  };
  const before = {
    [`${at}/gone.txt`]: "gone\n",
    [`${at}/moved.txt`]: "moved\n",
    [`${at}/edited.txt`]: "first\nsecond\nthird\n",
    [`${at}/made/deep/new.txt`]: undefined,
    [`${at}/made/moved.txt`]: undefined,
  };
  const after = {
    [`${at}/gone.txt`]: undefined,
    [`${at}/moved.txt`]: undefined,
    [`${at}/edited.txt`]: "first\nsecond\ninserted\nthird\n",
    [`${at}/made/deep/new.txt`]: "new\n",
    [`${at}/made/moved.txt`]: "moved\n",
  };
  return orderOf(place, content, { before, after, effects: 1 });
}

/** Writes one file of this size; `first` is what it begins with. */
export function filing(place: Place, sizeBytes = 40, first = place.id): Order {
  const path = `work/${place.id}.txt`;
  const content = `${first}\n`.padEnd(sizeBytes, "x");
  return orderOf(place, { files: [{ path, content }] }, { before: { [path]: undefined }, after: { [path]: content } });
}

/** Runs one command; `first` is what it does before it takes effect. */
export function commanding(place: Place, first = "", bend: Partial<Drop> = {}): Order {
  const steps = [{ name: "count", run: `${first}echo ${place.id} >> ${place.effects}` }];
  return orderOf(place, { steps }, { effects: 1, ...bend });
}

/** A folder with a header, a body and evidence. */
export function folder(place: Place): Order {
  const { id, lane } = place;
  const path = `work/${id}.txt`;
  const text = `wo_id: ${id}\ntitle: A folder\nbody_file: body.yaml\n`;
  const name = `${id}/${id}.yaml`;
  const body = `files: {${path}: made}\nsteps:\n  - run: echo ${id} >> ${place.effects}\n`;
  return {
    drop: { ...DONE, id, lane, name, text, before: { [path]: undefined }, after: { [path]: "made" }, effects: 1 },
    files: { [name]: text, [`${id}/body.yaml`]: body, [`${id}/evidence/notes.md`]: "why\n" },
  };
}

/** What is no order, and says so. */
export function bad(place: Place): Order {
  return orderOf(place, { files: [{ path: "../out.txt", content: place.id }] }, { ends: ["rejected"] });
}

/** The same order with another end to expect. */
export function ending(order: Order, bend: Partial<Drop>): Order {
  return { ...order, drop: { ...order.drop, ...bend } };
}

/** Drops it as careful producers do: written beside its name, then renamed. Synced before it, and its folder behind it. */
export function drop(world: World, { drop, files }: Order): void {
  const lane = world.path(`bridge/inbox/${drop.lane}`);
  const [top = ""] = drop.name.split("/");
  const aside = join(world.base, ".coming", `${drop.lane}-${top}`);
  const isFolder = top !== drop.name;
  for (const [path, text] of Object.entries(drop.before))
    if (text !== undefined) put(world.path(path), text, world.base);
  for (const [path, text] of Object.entries(files))
    put(isFolder ? join(aside, path.slice(top.length + 1)) : aside, text, drop.isDurable ? world.base : undefined);
  mkdirSync(lane, { recursive: true });
  renameSync(aside, join(lane, top));
  if (drop.isDurable) sync(lane);
}

/** Synced with every name that leads to it from a folder on, where one is given. */
function put(path: string, text: string, durableFrom?: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  if (durableFrom === undefined) return;
  for (let name = path; name.length >= durableFrom.length; name = dirname(name)) sync(name);
}

function sync(path: string): void {
  const handle = openSync(path, "r");
  fsyncSync(handle);
  closeSync(handle);
}
