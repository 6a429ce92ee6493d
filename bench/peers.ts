/**
 * The same trivial jobs through wo-bridge and through what else people use: each makes one small file. What each of them
 * keeps through a power cut stands beside its numbers; they are not the same promise. Writes docs/performance.md.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BenchBase } from "./bench-base.ts";
import {
  COST_HEADING,
  conditions,
  load,
  type Measured,
  measureArrivals,
  measureByProgram,
  PEERS,
  type Peer,
  pause,
  runToEnd,
  startProgram,
  told,
  without,
  writePart,
} from "./peer-kit.ts";

const SERIAL = 200;
const BURST = 1000;

const ours: Peer = {
  name: "wo-bridge, one lane",
  durability: "each order accepted, planned, written and recorded by fdatasync/fsync; survives kill -9 and power cut",
  missing: () => undefined,
  measure: async (_folder, serial, burst) => {
    const bench = new BenchBase();
    fs.mkdirSync(join(bench.base, "bridge/outbox/CLC"), { recursive: true });
    await bench.start();
    const hand = async (name: string) => bench.drop("CLC", name, BenchBase.order(name));
    const times: number[] = [];
    for (let index = 0; index < serial; index += 1) {
      const start = performance.now();
      await hand(`S${index}`);
      await bench.result("CLC", `S${index}`);
      times.push(performance.now() - start);
    }
    const names = Array.from({ length: burst }, (_, index) => `B${index}`);
    const start = performance.now();
    for (const name of names) await hand(name);
    for (const name of names) await bench.result("CLC", name);
    const rate = burst / ((performance.now() - start) / 1000);
    await bench.end();
    return { times, rate };
  },
};

/** Hands each job over by starting a program. */
function byCommand(folder: string, argv: readonly [string, ...string[]], wish: { serial: number; burst: number }) {
  const out = join(folder, "out");
  const env = { ...process.env, TS_SOCKET: join(folder, "tsp"), TS_MAXCONN: "2000", NQDIR: join(folder, "nq") };
  return measureArrivals(out, { ...wish, atOnce: 8 }, (name) => runToEnd([...argv, "touch", join(out, name)], env));
}

/** Hands each job over by moving a file into a watched folder; `argv` is the program that watches. */
async function byFolder(folder: string, argv: readonly [string, ...string[]], wish: { serial: number; burst: number }) {
  const [inbox, out] = [join(folder, "in"), join(folder, "out")];
  const daemon = startProgram(argv);
  await pause(1000);
  const hand = async (name: string) => {
    fs.writeFileSync(join(folder, name), "z".repeat(1024));
    fs.renameSync(join(folder, name), join(inbox, name));
  };
  try {
    return await measureArrivals(out, { ...wish, atOnce: 1 }, hand);
  } finally {
    daemon.kill();
  }
}

function redis(name: string, durability: string, words: readonly string[]): Peer {
  return {
    name,
    durability,
    missing: () => without("redis-server") ?? withoutPackage("bullmq"),
    measure: async (folder, serial, burst) => {
      const port = "6399";
      const server = startProgram(["redis-server", "--port", port, "--dir", folder, "--save", "", ...words]);
      await pause(1000);
      try {
        return await measureByProgram("bullmq.js", [port, join(folder, "out"), `${serial}`, `${burst}`]);
      } finally {
        server.kill();
      }
    },
  };
}

function withoutPackage(name: string): string | undefined {
  return fs.existsSync(join(PEERS, "node_modules", name)) ? undefined : `${name} not installed`;
}

const postgres: Peer = {
  name: "PostgreSQL + graphile-worker 0.16",
  durability: "fsync and synchronous_commit on: each job and its end survive a power cut; the job's file does not",
  missing: () => without("postgres", "runuser", "initdb") ?? withoutPackage("graphile-worker"),
  measure: async (folder, serial, burst) => {
    const data = join(folder, "pg");
    fs.mkdirSync(data);
    fs.chmodSync(folder, 0o755);
    execFileSync("chown", ["-R", "postgres", data]);
    const bin = fs
      .realpathSync(execFileSync("which", ["postgres"], { encoding: "utf8" }).trim())
      .replace(/\/postgres$/, "");
    const as = ["-u", "postgres", "--"];
    execFileSync("runuser", [...as, join(bin, "initdb"), "-D", data, "-A", "trust"], { stdio: "ignore" });
    const server = startProgram(["runuser", ...as, join(bin, "postgres"), "-D", data, "-p", "5499", "-k", data]);
    await pause(3000);
    try {
      const address = "postgres://postgres@127.0.0.1:5499/postgres";
      return await measureByProgram("graphile.js", [address, join(folder, "out"), `${serial}`, `${burst}`]);
    } finally {
      execFileSync("runuser", [...as, join(bin, "pg_ctl"), "-D", data, "-m", "fast", "stop"], { stdio: "ignore" });
      server.kill();
    }
  },
};

const peers: readonly Peer[] = [
  ours,
  {
    name: "task-spooler 1.0 (`tsp touch`)",
    durability: "none: the queue is in memory",
    missing: () => without("tsp"),
    measure: async (folder, serial, burst) => {
      const measured = await byCommand(folder, ["tsp", "-n"], { serial, burst });
      await runToEnd(["tsp", "-K"], { ...process.env, TS_SOCKET: join(folder, "tsp") });
      return measured;
    },
  },
  {
    name: "nq 0.3 (`nq touch`)",
    durability: "the job's file by fsync of its folder; nothing resumes after a crash",
    missing: () => without("nq"),
    measure: (folder, serial, burst) => byCommand(folder, ["nq", "-q"], { serial, burst }),
  },
  {
    name: "`inotifywait -m \\| while read; do cp`",
    durability: "none: what comes while it is down is not seen",
    missing: () => without("inotifywait", "bash"),
    measure: (folder, serial, burst) => {
      const loop = `inotifywait -q -m -e moved_to --format %f "${folder}/in" | while read -r f; do cp "${folder}/in/$f" "${folder}/out/$f"; done`;
      return byFolder(folder, ["bash", "-c", `trap 'kill $(jobs -p)' TERM; ${loop} & wait`], { serial, burst });
    },
  },
  {
    name: "incron 0.5 (`cp`)",
    durability: "none: what comes while it is down is not seen",
    missing: () => without("incrond"),
    measure: (folder, serial, burst) => {
      for (const name of ["incron.d", "spool"]) fs.mkdirSync(join(folder, name));
      const conf = join(folder, "incron.conf");
      const places = { system_table_dir: "incron.d", user_table_dir: "spool", lockfile_dir: "" };
      const lines = Object.entries(places).map(([key, name]) => `${key} = ${join(folder, name)}\n`);
      fs.writeFileSync(conf, lines.join(""));
      fs.writeFileSync(join(folder, "incron.d/bench"), `${folder}/in IN_MOVED_TO cp $@/$# ${folder}/out/$#\n`);
      return byFolder(folder, ["incrond", "-n", "-f", conf], { serial, burst });
    },
  },
  redis("redis 7 + BullMQ 5, in memory", "none: redis as started, without a log", ["--appendonly", "no"]),
  redis("redis 7 + BullMQ 5, `appendfsync always`", "each job and its end by fsync; the job's file is not synced", [
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
  ]),
  postgres,
];

/** Measures all that is there, or the peers whose names hold one of the words; writes the page. */
export async function benchPeers(wanted: readonly string[]): Promise<boolean> {
  const rows: string[] = [];
  const absent: string[] = [];
  const loadBefore = load();
  for (const peer of peers.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)))) {
    const why = peer.missing();
    if (why !== undefined) {
      absent.push(`- ${peer.name}: not measured, ${why}`);
      continue;
    }
    const measured = await inFolder((folder) => peer.measure(folder, SERIAL, BURST)).catch((error: unknown) =>
      String(error),
    );
    if (typeof measured === "string") absent.push(`- ${peer.name}: not measured, ${measured}`);
    else rows.push(`| ${peer.name} | ${told(measured.times)} | ${measured.rate.toFixed(0)} | ${peer.durability} |`);
    process.stdout.write(`${rows.at(-1) ?? ""}\n${absent.at(-1) ?? ""}\n`);
  }
  const part = pageOf(rows, absent, loadBefore);
  if (wanted.length > 0) process.stdout.write(part);
  else writePart((page) => `${part}\n${page.slice(Math.max(0, page.indexOf(COST_HEADING)))}`);
  return rows.length > 0;
}

async function inFolder(work: (folder: string) => Promise<Measured>): Promise<Measured> {
  const folder = fs.mkdtempSync(join(tmpdir(), "wo-peer-"));
  for (const name of ["in", "out"]) fs.mkdirSync(join(folder, name));
  // At the end of all: what a peer leaves running for a moment still writes there.
  process.once("exit", () => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return work(folder);
}

function pageOf(rows: readonly string[], absent: readonly string[], loadBefore: string): string {
  return `# What it costs, beside others

Written by \`npm run bench -- peers\` (what that needs: \`scripts/peers\`), the second part by \`npm run bench -- cost\`.

${conditions(loadBefore)}

A job makes one file of at most 1 KiB. Latency: from handing a job over until its end is seen (ours: its result file),
${SERIAL} jobs one after the other. Throughput: ${BURST} jobs handed over at once. Each peer as it comes, one job at a time where
it can be told so. BullMQ and graphile-worker make the file in their own process; ours, like them, starts no program.

| | latency p50 / p95 / p99 ms | jobs/s | what a power cut leaves |
| --- | --- | --- | --- |
${rows.join("\n")}
${absent.length === 0 ? "" : `\n${absent.join("\n")}\n`}`;
}
