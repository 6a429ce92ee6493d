/** The machine's own disk with somebody looking on: who writes calls down, refuses one, or cuts the power. */
import { basename } from "node:path";
import { type Disk, systemDisk } from "../../src/platform/disk.ts";

/** One call on the disk. */
export interface DiskCall {
  readonly verb: string;
  readonly words: readonly unknown[];
}

/** Does the call, or something else; what it returns or throws is what the caller gets. */
export type Intruder = (call: DiskCall, go: () => unknown) => unknown;

/** A disk whose every call goes through `intrude`; `over` is another disk than the machine's own. */
export function watchedDisk(intrude: Intruder, over = systemDisk): Disk {
  return new Proxy(over, {
    get: (target, verb) => {
      const method: unknown = Reflect.get(target, verb);
      if (typeof method !== "function" || typeof verb !== "string") return method;
      return (...words: unknown[]) => intrude({ verb, words }, () => Reflect.apply(method, target, words));
    },
  });
}

/** What Node throws when the system refuses a call. */
export function refusal(errno: string): Error {
  return Object.assign(new Error(`${errno}: refused by the test`), { code: errno });
}

/** Refuses the `nth` call of a verb (1: the first) with an errno, and every later one when `always` is set. */
export function refusingDisk(verb: string, errno: string, { nth = 1, always = false, over = systemDisk } = {}): Disk {
  let count = 0;
  return watchedDisk((call, go) => {
    if (call.verb !== verb) return go();
    count += 1;
    if (count === nth || (always && count > nth)) throw refusal(errno);
    return go();
  }, over);
}

/** Refuses one verb with an errno from `refuse(true)` until `refuse(false)`. */
export function moodyDisk(
  verb: string,
  errno: string,
): { readonly disk: Disk; readonly refuse: (isRefused: boolean) => void } {
  let refuses = false;
  const disk = watchedDisk((call, go) => {
    if (refuses && call.verb === verb) throw refusal(errno);
    return go();
  });
  return { disk, refuse: (isRefused) => void (refuses = isRefused) };
}

/** Takes half of the `nth` write, and says of the next one that there is no room. */
export function shortDisk(nth: number): Disk {
  let count = 0;
  return watchedDisk(({ verb, words: [handle, bytes] }, go) => {
    if (verb !== "write") return go();
    count += 1;
    if (count === nth + 1) throw refusal("ENOSPC");
    if (count !== nth || typeof handle !== "number" || !(bytes instanceof Uint8Array)) return go();
    return systemDisk.write(handle, bytes.subarray(0, bytes.length >> 1));
  });
}

/** A disk that keeps everybody waiting with one verb from `hold` until what it returns is called; fails then with `errno`. */
export function heldDisk(verb: string, errno?: string): { readonly disk: Disk; readonly hold: () => () => void } {
  let gate: Promise<void> | undefined;
  const disk = watchedDisk((call, go) => {
    if (call.verb !== verb || gate === undefined) return go();
    return gate.then(() => {
      if (errno !== undefined) throw refusal(errno);
      return go();
    });
  });
  const hold = () => {
    let open: () => void = () => undefined;
    gate = new Promise((resolve) => {
      open = resolve;
    });
    return () => {
      gate = undefined;
      open();
    };
  };
  return { disk, hold };
}

const CHANGING = new Set(
  "openNew openAppend write truncate chmod sync syncData rename link unlink makeFolder removeFolder".split(" "),
);

/** Writes down the calls that change something, as `rename TEMP a.txt`; handles are shown by their file's name. */
export function recordingDisk(over = systemDisk): { readonly disk: Disk; readonly calls: string[] } {
  const calls: string[] = [];
  const names = new Map<unknown, string>();
  const show = (word: unknown): string[] => {
    if (typeof word === "string") return [basename(word).replace(/^\.wo-.*\.tmp$/, "TEMP")];
    return names.has(word) ? [names.get(word) ?? ""] : [];
  };
  const disk = watchedDisk(({ verb, words }, go) => {
    if (CHANGING.has(verb)) calls.push([verb, ...words.flatMap(show)].join(" "));
    const result = go();
    if (verb.startsWith("open")) names.set(result, show(words[0]).join(""));
    return result;
  }, over);
  return { disk, calls };
}

export type CutHow = "before" | "after" | "torn";

/** Where the power goes: at the `at`th call that changes something (1: the first). */
export interface Cut {
  readonly at: number;
  readonly how: CutHow;
}

/** A disk whose power goes at one call: from then on nothing is changed any more. `calls` counts up to there. */
export function powerCutDisk(cut: Cut | undefined): { readonly disk: Disk; readonly calls: string[] } {
  const calls: string[] = [];
  let isDark = false;
  const goDark = (): never => {
    isDark = true;
    throw new Error("the power is gone");
  };
  const disk = watchedDisk(({ verb, words }, go) => {
    if (!CHANGING.has(verb)) return go();
    if (isDark) return goDark();
    calls.push(verb);
    if (calls.length !== cut?.at) return go();
    if (cut.how === "after") {
      const done = go();
      isDark = true;
      if (done instanceof Promise) return done.then(goDark);
    }
    const [handle, bytes] = words;
    if (cut.how === "torn" && verb === "write" && typeof handle === "number" && bytes instanceof Uint8Array) {
      systemDisk.write(handle, bytes.subarray(0, Math.floor(bytes.length / 2)));
    }
    return goDark();
  });
  return { disk, calls };
}

/** Every way in which the power can go during these calls. */
export function everyCut(calls: readonly string[]): Cut[] {
  return calls.flatMap((verb, index) => {
    const hows: readonly CutHow[] = verb === "write" ? ["before", "torn", "after"] : ["before", "after"];
    return hows.map((how) => ({ at: index + 1, how }));
  });
}

/** Counts the handles that were opened and never closed again. */
export function countingDisk(): { readonly disk: Disk; readonly open: () => number } {
  let open = 0;
  const disk = watchedDisk(({ verb }, go) => {
    const result = go();
    if (verb.startsWith("open")) open += 1;
    if (verb === "close") open -= 1;
    return result;
  });
  return { disk, open: () => open };
}
