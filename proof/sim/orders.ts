/** Orders of all kinds, and what each must come to. */
import type { Drop } from "../model/check.ts";
import type { Random } from "../rig/random.ts";

/** A drop whose hopes sink with what happens to it. */
export type LiveDrop = { -readonly [key in keyof Drop]: Drop[key] };

const LANES = ["CLC", "LPE", "QA"] as const;
/** Beyond it an order's source is a blob. */
const LARGE = 70 * 1024;

type Files = Readonly<Record<string, string | undefined>>;
interface Kind {
  readonly order: object;
  readonly ends: readonly string[];
  readonly before?: Files;
  readonly after?: Files;
  readonly effects?: number;
  readonly repeats?: boolean;
}

const KINDS: readonly [(id: string) => Kind, ...((id: string) => Kind)[]] = [
  creating,
  changing,
  changing,
  commanding,
  commanding,
  repeating,
  failing,
  large,
  (id) => ({ order: { wo_id: id, objective: "think about it" }, ends: ["waiting"] }),
  (id) => ({ order: { wo_id: id, files: { "../out.txt": "x" } }, ends: ["rejected"] }),
  (id) => ({
    order: { wo_id: id, dry_run: true, files: { [`made/${id}.txt`]: "x" } },
    ends: ["planned"],
    after: { [`made/${id}.txt`]: undefined },
  }),
];

/** Makes an order, and says what it works on and must come to. */
export function newDrop(random: Random, number: number): LiveDrop {
  const id = `WO-${number}`;
  const { order, ends, before = {}, after = {}, effects, repeats } = random.pick(KINDS)(id);
  // JSON is YAML: of a cut piece of either nothing can be read.
  const ending = random.pick(["json", "json", "yaml"]);
  return {
    id,
    lane: random.pick(LANES),
    name: `${id}.${ending}`,
    text: JSON.stringify(order),
    isDurable: false,
    ends,
    before,
    after,
    ...(effects === undefined ? {} : { effects }),
    ...(repeats === undefined ? {} : { repeats }),
  };
}

function creating(id: string): Kind {
  const after = { [`made/${id}/a.txt`]: `a of ${id}\n`, [`made/${id}/deep/b.txt`]: `b of ${id}\n` };
  const before = Object.fromEntries(Object.keys(after).map((path) => [path, undefined]));
  return { order: { wo_id: id, files: after }, ends: ["done"], before, after };
}

/** Creates, edits, deletes and moves. */
function changing(id: string): Kind {
  const order = {
    wo_id: id,
    files: [
      { path: `made/${id}.txt`, content: "made\n" },
      { path: `old/${id}-gone.txt`, delete: true },
      { path: `old/${id}-from.txt`, move: `made/${id}-to.txt` },
    ],
    edits: [{ path: `old/${id}.txt`, find: "second", after: "inserted" }],
  };
  const before = {
    [`made/${id}.txt`]: undefined,
    [`old/${id}-gone.txt`]: "gone\n",
    [`old/${id}-from.txt`]: "moved\n",
    [`made/${id}-to.txt`]: undefined,
    [`old/${id}.txt`]: "first\nsecond\n",
  };
  const after = {
    [`made/${id}.txt`]: "made\n",
    [`old/${id}-gone.txt`]: undefined,
    [`old/${id}-from.txt`]: undefined,
    [`made/${id}-to.txt`]: "moved\n",
    [`old/${id}.txt`]: "first\nsecond\ninserted\n",
  };
  return { order, ends: ["done"], before, after };
}

function commanding(id: string): Kind {
  const kind = changing(id);
  return { ...kind, order: { ...kind.order, steps: [{ run: `effect ${id} 0` }] }, effects: 1 };
}

function repeating(id: string): Kind {
  const order = { wo_id: id, on_interrupt: "retry", steps: [{ run: `effect ${id} 0` }] };
  return { order, ends: ["done"], effects: 1, repeats: true };
}

function failing(id: string): Kind {
  return { order: { wo_id: id, steps: [{ run: `effect ${id} 1` }] }, ends: ["failed"], effects: 1 };
}

function large(id: string): Kind {
  const text = `${id} `.repeat(LARGE / id.length);
  return {
    order: { wo_id: id, files: { [`made/${id}.txt`]: text } },
    ends: ["done"],
    before: { [`made/${id}.txt`]: undefined },
    after: { [`made/${id}.txt`]: text },
  };
}
