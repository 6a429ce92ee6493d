/** What reading orders costs: small ones as everybody writes them, huge ones, and ones that are made to cost. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openOrderReader } from "../src/daemon/order-reader.ts";
import { DEFAULT_GUARDS, judge } from "../src/orders/lane-rules.ts";
import { readOrder } from "../src/orders/read-order.ts";
import { systemClock } from "../src/platform/clock.ts";
import { systemDisk } from "../src/platform/disk.ts";
import { Files } from "../src/platform/files.ts";
import { OpenFolders } from "../src/platform/folder.ts";
import { findPlace } from "../src/processors/places.ts";
import { planFiles } from "../src/processors/plan.ts";
import { bounded, percentile, type Row, report, timeEach } from "./measure.ts";

const MIB = 1024 * 1024;
const SMALL = 2000;

const parts: Readonly<Record<string, () => Promise<readonly Row[]>>> = { small: benchSmall, large: benchLarge };

/** Runs the parts that are asked for, or all; true when every number was reached. */
export async function benchOrders(wanted: readonly string[]): Promise<boolean> {
  let reached = true;
  for (const [name, run] of Object.entries(parts)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    reached = report(`orders: ${name} (nothing is written: nothing is durable)`, await run()) && reached;
  }
  return reached;
}

/** 2 KB of JSON and of YAML: read, judged, its paths looked up, planned on real files. */
async function benchSmall(): Promise<readonly Row[]> {
  const base = mkdtempSync(join(tmpdir(), "wo-bench-"));
  mkdirSync(join(base, "docs"));
  writeFileSync(join(base, "docs/a.md"), "one\ntwo\nthree\n");
  const files = new Files(systemDisk, systemClock);
  const guarded = { base: base.toLowerCase(), absolute: [], isProtected: () => false };
  const rules = { base, home: base, roots: [], launchAgents: undefined, guarded };
  const plan = async (bytes: Buffer) => {
    const order = readOrder(bytes, "WO");
    if (!order.ok) throw new Error(order.error[0]?.message);
    if (
      judge(
        order.value,
        { mode: "execute", guards: DEFAULT_GUARDS, signature: "off" },
        { backlog: false, fromGit: false, signed: false },
      ).kind !== "run"
    )
      throw new Error("refused");
    const folders = new OpenFolders(files);
    const place = (path: string) => findPlace(files, path, rules);
    const planned = await planFiles(folders, { actions: order.value.files, rules, place, previous: [] });
    folders.close();
    if (!planned.ok || planned.value.length !== 3) throw new Error("not three changes are planned");
  };
  const rows: Row[] = [];
  for (const [what, text] of [
    ["JSON", smallJson()],
    ["YAML", smallYaml()],
  ] as const) {
    const bytes = Buffer.from(text);
    await timeEach(SMALL / 4, () => plan(bytes));
    const times = await timeEach(SMALL, () => plan(bytes));
    rows.push(
      bounded(`${bytes.length} bytes of ${what}: read, judged and planned, p50`, percentile(times, 0.5), 1, "ms"),
    );
  }
  rmSync(base, { recursive: true });
  return rows;
}

const CONTENT = Array.from(
  { length: 14 },
  (_, line) => `line ${line} of a file that an order writes, with words in it`,
);

function smallJson(): string {
  return JSON.stringify({
    wo_id: "WO-BENCH",
    title: "A usual order",
    priority: "P2",
    files: [
      { path: "tools/run.sh", mode: "0755", content: CONTENT.join("\n") },
      { path: "docs/new.md", content: CONTENT.join("\n") },
    ],
    edits: [{ path: "docs/a.md", find: "two", after: "two and a half" }],
    steps: [{ name: "build", run: "make", timeout: "60s" }],
    post_verify: ["test -f docs/new.md"],
  });
}

function smallYaml(): string {
  const block = CONTENT.map((line) => `      ${line}`).join("\n");
  return `wo_id: WO-BENCH
title: A usual order
priority: P2
files:
  - path: tools/run.sh
    mode: "0755"
    content: |
${block}
  - path: docs/new.md
    content: |
${block}
edits:
  - {path: docs/a.md, find: two, after: two and a half}
steps:
  - {name: build, run: make, timeout: 60s}
post_verify:
  - test -f docs/new.md
...
`;
}

const HOSTILE: readonly (readonly [string, () => string])[] = [
  ["flat list", () => `a: [${"1,".repeat(2.5 * MIB - 10)}1]\n`],
  [
    "flat map",
    () =>
      Array.from({ length: (5 * MIB) / 9 }, (_, index) => `k${index % 1e6}: 1`)
        .join("\n")
        .slice(0, 5 * MIB),
  ],
  ["nested brackets", () => "[".repeat(5 * MIB)],
  ["dashes", () => "- ".repeat(2.5 * MIB)],
  ["quotes", () => `a: "${'\\"'.repeat(2.5 * MIB - 10)}`],
  ["anchors", () => `a: &a x\nb: [${"*a,".repeat(1.6 * MIB)}x]\n`],
  ["JSON braces", () => '{"a":'.repeat(MIB)],
];

/** Five megabytes that are made to cost; and honest large ones, the longest silence of the process measured meanwhile. */
async function benchLarge(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const reader = openOrderReader(systemClock, new URL("../../dist/daemon/read-thread.js", import.meta.url));
  for (const [what, make] of HOSTILE) {
    const bytes = Buffer.from(make());
    const times = await timeEach(5, async () => {
      if ((await reader.read(bytes, "x")).ok) throw new Error(`${what} is taken`);
    });
    rows.push(
      bounded(`${(bytes.length / MIB).toFixed(1)} MiB of ${what} are refused, p50`, percentile(times, 0.5), 100, "ms"),
    );
  }
  const yaml = Buffer.from(largeYaml());
  const silence = await longestSilence(async () => {
    if (!(await reader.read(yaml, "x")).ok) throw new Error("the large YAML is refused");
  });
  rows.push(
    bounded(`${(yaml.length / MIB).toFixed(1)} MiB of YAML: longest silence of the process`, silence, 50, "ms"),
  );
  const json = Buffer.from(largeJson());
  const times = await timeEach(5, async () => {
    if (!(await reader.read(json, "x")).ok) throw new Error("the large JSON is refused");
  });
  rows.push(bounded(`${(json.length / MIB).toFixed(1)} MiB of JSON are read, p50`, percentile(times, 0.5), 300, "ms"));
  await reader.close();
  return rows;
}

function largeYaml(): string {
  const items = Array.from(
    { length: 8000 },
    (_, index) => `  - path: out/file-${index}.txt\n    content: ${"text ".repeat(18)}\n`,
  );
  return `wo_id: WO-LARGE\nfiles:\n${items.join("")}...\n`.slice(0, 1.2 * MIB);
}

function largeJson(): string {
  const files = Array.from({ length: 50 }, (_, index) => ({
    path: `out/${index}.txt`,
    content: "some words\n".repeat(8500),
  }));
  return JSON.stringify({ wo_id: "WO-LARGE", files });
}

/** Milliseconds between two turns of the event loop, at most, while `work` goes on. */
async function longestSilence(work: () => Promise<void>): Promise<number> {
  let [longest, last, isOver] = [0, performance.now(), false];
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  isOver = true;
  return longest;
}
