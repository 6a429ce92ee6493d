/** `wo doctor` where launchd keeps the daemon: what was planted is in its first line, soon, whatever else follows from it. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { writePropertyList } from "../../src/platform/property-list.ts";
import type { AgentSpec } from "../../src/upkeep/agents/agent-spec.ts";
import { AgentWorld } from "../support/agent-kit.ts";
import { firstLine, PATIENT } from "../support/doctor-kit.ts";
import { KeptWorld } from "../support/kept-world.ts";
import { documentOf, QUICK, valueIn } from "../support/line-kit.ts";
import { valueOf } from "../support/results.ts";
import { put } from "../support/temporary-folder.ts";
import { asRecord, type CommandEnd, MAIN, until, type World } from "../support/world.ts";

/** Codes of what is not well, and of what was seen to be. Whether this machine makes sandboxes, and has room, is its own affair. */
function codesIn(end: CommandEnd): { readonly wrong: readonly string[]; readonly well: readonly string[] } {
  const findings = valueIn(documentOf(end, "doctor"), "findings");
  if (!Array.isArray(findings)) throw new Error(end.stdout);
  const told = findings.map(asRecord).filter(({ code }) => code !== "sandbox" && code !== "room");
  const lines = (isMeant: (mark: string) => boolean, key: string) =>
    told.filter(({ mark }) => isMeant(String(mark))).map((one) => String(one[key]));
  return {
    wrong: lines((mark) => mark !== "ok" && mark !== "not_here", "seen"),
    well: lines((mark) => mark === "ok", "code"),
  };
}

const JUDGED = new Set(["plists", "tools", "jobs", "ends"]);
const OF_AGENTS = ["launchd", "plists", "tools", "jobs", "ends", "locks", "daemon", "canary"];

test("a daemon that launchd keeps, that answers and has taken a canary: nothing is wrong", async () => {
  const kept = await (await KeptWorld.make({ config: QUICK })).works();
  const { wrong, well } = codesIn(await kept.wo(...PATIENT, "--json"));
  expect(wrong).toEqual([]);
  expect(well).toEqual(expect.arrayContaining(OF_AGENTS));
});

test("what wo agent install has installed is well, too", async () => {
  const here = await AgentWorld.make();
  await here.install();
  expect(await here.wo("canary")).toMatchObject({ code: 0 });
  const { wrong, well } = codesIn(await here.wo(...PATIENT, "--json"));
  expect(wrong).toEqual([]);
  expect(well).toEqual(expect.arrayContaining(OF_AGENTS));
});

test("where there is time launchd's own log is read, and what it says of our agents told with what it means", async () => {
  const kept = await (await KeptWorld.make({ config: QUICK })).works();
  const log = join(kept.world.root, "log");
  const env = { ...kept.env, WO_LOG: log };
  const look = () => kept.world.run([process.execPath, MAIN, "doctor", "--check", "ends"], env);
  const asked = (lines: readonly string[]) => {
    put(log, `#!/bin/sh\nprintf '%s\\n' "$*" > ${kept.world.root}/words\ncat <<'END'\n${lines.join("\n")}\nEND\n`);
    chmodSync(log, 0o755);
    return look();
  };
  const quiet = await asked([
    "12:00 launchd[1]: [gui/501/com.02luka.wo-bridge-other:] Pushing respawn out by 8 seconds.",
  ]);
  expect([quiet.code, quiet.stdout]).toEqual([0, expect.stringContaining("says nothing against them")]);
  expect(readFileSync(join(kept.world.root, "words"), "utf8")).toMatch(
    /^show --last 1h --predicate process == "launchd"/,
  );
  const told = await asked([
    "12:00 launchd[1]: [gui/501/com.02luka.wo-bridge [77]:] Service only ran for 2 seconds. Pushing respawn out by 8 seconds.",
    "12:01 launchd[1]: [gui/501/com.02luka.wo-bridge [78]:] Service only ran for 2 seconds. Pushing respawn out by 8 seconds.",
    "12:02 launchd[1]: [gui/501/com.02luka.wo_pipeline_guardrail:] denied launch by BTM",
  ]);
  expect(told.stdout).toMatch(/com\.02luka\.wo-bridge: launchd's own log of the last hour, 2 times: it ends sooner/);
  expect(told.stdout).toMatch(
    /wo_pipeline_guardrail: .*background task management refuses it[^\n]*\n +next: System Settings/,
  );
  put(log, "#!/bin/sh\nexit 64\n");
  const silent = await look();
  expect([silent.code, silent.stdout]).toEqual([
    1,
    expect.stringMatching(/\? ends .*could not be read[^\n]*\n +next: log show/),
  ]);
});

/** A script between launchd and the daemon, as people write them. */
const wrapped =
  (shell: readonly string[], name: string) =>
  (spec: AgentSpec, { home }: World): AgentSpec => ({ ...spec, argv: [...shell, join(home, name)] });

const failed = (code: string) => async (kept: KeptWorld) => kept.says(`last exit code = ${code}`);

/** On a machine that does other things, too. */
const HANGING_MS = 6000;

interface Stage {
  readonly what: string;
  readonly make: () => Promise<KeptWorld>;
  readonly plant: (kept: KeptWorld) => Promise<unknown>;
  readonly first: RegExp;
}

const STAGES: readonly Stage[] = [
  {
    what: "127: a login shell whose script is gone",
    make: () => KeptWorld.make({ bend: wrapped(["/bin/sh", "-lc"], "bin/start.zsh") }),
    plant: failed("127"),
    first: /bin\/start\.zsh is not there/,
  },
  {
    what: "126: a script that nobody made executable",
    make: () =>
      KeptWorld.make({
        bend: (spec, world) => {
          put(join(world.home, "bin/start.sh"), "#!/bin/sh\n");
          chmodSync(join(world.home, "bin/start.sh"), 0o644);
          return wrapped(["/bin/sh", "-c"], "bin/start.sh")(spec, world);
        },
      }),
    plant: failed("126"),
    first: /bin\/start\.sh .*\(not_executable\)/,
  },
  {
    what: "78: a folder where the log is to be",
    make: () =>
      KeptWorld.make({
        bend: (spec) => {
          mkdirSync(spec.logs.stderr, { recursive: true });
          return spec;
        },
      }),
    plant: failed("78"),
    first: /\.err\.log is a folder.*\(log_unwritable\)/,
  },
  {
    what: "the Node in its Cellar is gone after an upgrade",
    make: async () => {
      const cellar = (world: World) => join(world.home, "brew/Cellar/node/20.1.0/bin/node");
      const kept = await KeptWorld.make({
        bend: (spec, world) => {
          mkdirSync(dirname(cellar(world)), { recursive: true });
          symlinkSync(process.execPath, cellar(world));
          return { ...spec, argv: [cellar(world), ...spec.argv.slice(1)] };
        },
      });
      await kept.works();
      rmSync(cellar(kept.world));
      return kept;
    },
    plant: async (kept) => {
      await kept.ctl("kill", "KILL", kept.target());
      await failed("78")(kept);
    },
    first: /Cellar\/node\/20\.1\.0\/bin\/node is not there/,
  },
  {
    what: "no PATH in the property list",
    make: async () =>
      (
        await KeptWorld.make({ inText: (text) => text.replace(/ *<key>PATH<\/key>\s*<string>[^<]*<\/string>\n/, "") })
      ).works(),
    plant: async () => undefined,
    first: /without a PATH a program finds .*\(no_path\)/,
  },
  {
    what: "macOS refuses the folder of the base",
    make: () => KeptWorld.make({ unloaded: true }),
    plant: async (kept) => {
      Object.assign(kept.launchd.faults, { denied: [kept.world.base] });
      for (const label of ["com.02luka.wo-bridge", "com.02luka.wo_pipeline_guardrail"]) await kept.bootstrap(label);
      await failed("126")(kept);
    },
    first: /com\.02luka\.wo-bridge: 126: macOS refuses .* a folder; its log ends: .*Operation not permitted/,
  },
  {
    what: "the label is switched off",
    make: async () => (await KeptWorld.make()).works(),
    plant: async (kept) => {
      await kept.ctl("unload", "-w", kept.plist());
      await until(async () => (await kept.printed()) === "", 20_000, "it is unloaded");
    },
    first: /com\.02luka\.wo-bridge: it is switched off/,
  },
  {
    what: "nobody has loaded it again",
    make: async () => (await KeptWorld.make()).works(),
    plant: async (kept) => {
      await kept.ctl("bootout", kept.target());
      await until(async () => (await kept.printed()) === "", 20_000, "it is unloaded");
    },
    first: /com\.02luka\.wo-bridge: its file is there, and launchd has not loaded it/,
  },
  {
    what: "a property list that was edited by hand",
    make: async () =>
      (
        await KeptWorld.make({ inText: (text) => text.replace("<integer>30</integer>", "<integer>25</integer>") })
      ).works(),
    plant: async () => undefined,
    first: /was changed by hand: ExitTimeOut: 25 → 30/,
  },
  {
    what: "a symlink in the place of the property list",
    make: async () => (await KeptWorld.make()).works(),
    plant: async (kept) => {
      const elsewhere = join(kept.world.root, "elsewhere.plist");
      renameSync(kept.plist(), elsewhere);
      symlinkSync(elsewhere, kept.plist());
    },
    first: /com\.02luka\.wo-bridge\.plist: a symlink: .*\(symlink\)/,
  },
  {
    what: "others may write the property list",
    make: async () => (await KeptWorld.make()).works(),
    plant: async (kept) => chmodSync(kept.plist(), 0o666),
    first: /others may write the file: launchd refuses it/,
  },
  {
    what: "a daemon that was started by hand beside launchd's",
    make: () => KeptWorld.make({ unloaded: true }),
    plant: async (kept) => {
      await kept.world.startDaemon();
      for (const label of ["com.02luka.wo-bridge", "com.02luka.wo_pipeline_guardrail"]) await kept.bootstrap(label);
      const log = join(kept.world.home, "Library/Logs/wo-bridge/com.02luka.wo-bridge.err.log");
      const isWaiting = () => existsSync(log) && readFileSync(log, "utf8").includes("is held by");
      await until(isWaiting, 20_000, "launchd's own waits");
    },
    first:
      /the daemon that answers \(pid \d+\) is not the one that launchd keeps \(pid \d+, which waits for it to end\)/,
  },
  {
    what: "a first configuration that cannot be read",
    make: () => KeptWorld.make({ config: "lanes: {CLC: {mode: exekute}}\n" }),
    plant: failed("0"),
    first: /wo-bridge\.yaml:1:21 .*; none was accepted before it: no daemon starts/,
  },
];

test.each(STAGES)("$what", async ({ make, plant, first }) => {
  const kept = await make();
  await plant(kept);
  expect(await firstLine((...words) => kept.wo(...words))).toMatch(first);
});

test("what an agent finds on its own PATH, which Node and which daemon: each is told", async () => {
  const kept = await KeptWorld.make({
    unloaded: true,
    bend: (spec) => ({ ...spec, env: { ...spec.env, PATH: "/nowhere", WO_NODE_VERSION: "18.0.0" } }),
  });
  await kept.world.startDaemon();
  const { stdout } = await kept.wo(...PATIENT);
  expect(stdout).toMatch(/^✗ tools +git is in no folder of the agent's PATH \(\/nowhere\)$/m);
  expect(stdout).toMatch(/^! tools +.*node is Node \d.* by now, and the agent was made for 18\.0\.0$/m);
  expect(stdout).toMatch(/^! jobs +the daemon that answers \(pid \d+\) is not the one that launchd keeps \(none\)/m);
  expect(stdout).toMatch(/^! jobs +.*was changed by hand: EnvironmentVariables\.PATH: \/nowhere → /m);
});

test("a daemon that was started by hand is stopped first, and the agent's own end is not its fault", async () => {
  const kept = await (await KeptWorld.make()).works();
  expect((await kept.wo("daemon", "stop")).code).toBe(0);
  await kept.says("last exit code = 0");
  await kept.world.startDaemon();
  const { stdout } = await kept.wo(...PATIENT);
  expect(stdout).toMatch(/^First: .*it was started by hand\n {2}next: wo daemon stop && wo agent start$/m);
  expect(stdout).toMatch(
    /^✓ ends +com\.02luka\.wo-bridge: it ended by itself \(0\), and a daemon of this base answers/m,
  );
});

test("another base's agents are told as that alone: nothing of them is judged, mended, or said to have ended", async () => {
  const kept = await (await KeptWorld.make()).works();
  const other = join(kept.world.home, "other");
  expect((await kept.wo("-C", other, "init", "--yes")).code).toBe(0);
  chmodSync(kept.plist(), 0o666);
  await kept.ctl("disable", kept.target("com.02luka.wo_pipeline_guardrail"));
  await kept.ctl("bootout", kept.target());
  await until(async () => (await kept.printed()) === "", 20_000, "it is unloaded");
  const told = valueIn(documentOf(await kept.wo("-C", other, ...PATIENT, "--json"), "doctor"), "findings");
  const ofAgents = (Array.isArray(told) ? told : []).map(asRecord).filter(({ code }) => JUDGED.has(String(code)));
  const serves = (label: string) => `warning jobs: ${label}: it serves another base: ${kept.world.base}`;
  const elsewhere = "the agents that are installed serve another base";
  expect(ofAgents.map(({ mark, code, seen }) => `${String(mark)} ${String(code)}: ${String(seen)}`)).toEqual([
    `not_here plists: ${elsewhere}`,
    `not_here tools: ${elsewhere}`,
    serves("com.02luka.wo-bridge"),
    serves("com.02luka.wo_pipeline_guardrail"),
    `not_here ends: ${elsewhere}`,
  ]);
  const { stdout } = await kept.wo("-C", other, "doctor", "--apply", "plists", "jobs");
  expect(stdout).toMatch(
    /^! plists: nothing was done: .*\n! jobs: nothing was done: a person has to do it: .*agent status\n/,
  );
  expect([await kept.printed(), statSync(kept.plist()).mode & 0o777]).toEqual(["", 0o666]);
  const codes = [...(await kept.wo("-C", other, "agent", "status")).stdout.matchAll(/\[(\w+)\]$/gm)].map(
    ([, one]) => one,
  );
  expect(codes.filter((one) => one !== "other_version")).toEqual(["other_base", "other_base"]);
});

test("a second file and a second domain with the label, and a second file that starts a daemon, are told", async () => {
  const kept = await (await KeptWorld.make()).works();
  const job = { ProgramArguments: ["/bin/sleep", "1000"], LimitLoadToSessionType: "Background", RunAtLoad: true };
  const twin = put(kept.plist("twin"), valueOf(writePropertyList({ Label: "com.02luka.wo-bridge", ...job })));
  chmodSync(twin, 0o644);
  await kept.ctl("bootstrap", `user/${kept.launchd.userId}`, twin);
  const words = ["/usr/bin/node", "/opt/wo-bridge/dist/bin/wo.js", "daemon", "run"];
  put(kept.plist("other"), valueOf(writePropertyList({ Label: "com.example.other", ProgramArguments: words })));
  const { stdout } = await kept.wo(...PATIENT);
  expect(stdout).toMatch(
    /^! jobs +com\.02luka\.wo-bridge is loaded a second time, as user\/\d+\/com\.02luka\.wo-bridge$/m,
  );
  expect(stdout).toMatch(/^! jobs +.*twin\.plist has the label com\.02luka\.wo-bridge, too/m);
  expect(stdout).toMatch(/^! jobs +.*other\.plist starts a daemon, too/m);
});

test("what can be put right is put right when it is asked for by its code, and nothing else", async () => {
  const kept = await (await KeptWorld.make()).works();
  chmodSync(kept.plist(), 0o666);
  chmodSync(kept.world.vault, 0o755);
  await kept.ctl("disable", kept.target());
  const one = await kept.wo("doctor", "--apply", "plists");
  expect(one.stdout).toMatch(/^✓ plists: chmod go-w .*com\.02luka\.wo-bridge\.plist\n/);
  expect(one.stdout).toMatch(/^! vault +others may look into/m);
  const both = await kept.wo("doctor", "--apply", "vault", "jobs");
  expect([both.code, both.stdout]).toEqual([0, expect.stringMatching(/^✓ vault: chmod 700 .*\n✓ jobs: .* enable /)]);
  expect((await kept.wo("doctor", "--apply", "vault")).stdout).toMatch(
    /^! vault: nothing was done: nothing is wrong there\n/,
  );
});

test("what was taken out is loaded again, and a file that has changed since is loaded anew", async () => {
  const kept = await (await KeptWorld.make()).works();
  await kept.ctl("bootout", kept.target());
  await until(async () => (await kept.printed()) === "", 20_000, "it is unloaded");
  const again = await kept.wo("doctor", "--apply", "jobs");
  expect(again.stdout).toMatch(/^✓ jobs: loaded .*com\.02luka\.wo-bridge\.plist\n/);
  kept.write((spec) => ({ ...spec, stopGraceSec: 25 }));
  const anew = await kept.wo("doctor", "--apply", "jobs");
  expect(anew.stdout).toMatch(/^✓ jobs: loaded .*com\.02luka\.wo-bridge\.plist anew\n/);
  await kept.says("exit timeout = 25\n");
});

test("a launchctl that hangs holds up nobody: the checks that ask it cannot tell, the others do", async () => {
  const kept = await (await KeptWorld.make()).works();
  const hanging = join(kept.world.root, "launchctl");
  put(hanging, "#!/bin/sh\nexec sleep 60\n");
  chmodSync(hanging, 0o755);
  const startMs = performance.now();
  const argv = [process.execPath, MAIN, "doctor"];
  const { stdout } = await kept.world.run(argv, { ...kept.env, WO_LAUNCHCTL: hanging });
  expect(performance.now() - startMs).toBeLessThan(HANGING_MS);
  expect(stdout).toMatch(/^\? others +cannot tell: it took longer than 1\.4 s \(launchd, .*jobs, ends\b/m);
  expect(stdout).toMatch(/^✓ daemon /m);
});
