/** Property lists with one mistake each, as people were seen to make them, and some without; and the home that they are for. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type PropertyDict, type PropertyValue, writePropertyList } from "../../src/platform/property-list.ts";
import type { LintCode } from "../../src/upkeep/agents/lint-codes.ts";
import { valueOf } from "./results.ts";
import { put } from "./temporary-folder.ts";

/** undefined: the key goes. */
type Bends = Readonly<Record<string, PropertyValue | undefined>>;

/** A file's name without .plist, what is other than in a good one, what is done to its text, and what has to be said of it. */
export interface Planted {
  readonly name: string;
  readonly bends: Bends;
  readonly inText?: (text: string) => string;
  readonly codes: readonly LintCode[];
}

const PATH = "/usr/local/bin:/usr/bin:/bin";

/** A job that launchd runs as it is meant. */
export function goodJob(home: string, label: string, bends: Bends = {}): PropertyDict {
  const job: Bends = {
    Label: label,
    ProgramArguments: [`${home}/bin/work`],
    EnvironmentVariables: { PATH },
    WorkingDirectory: home,
    StartInterval: 300,
    ExitTimeOut: 30,
    StandardOutPath: `${home}/Library/Logs/${label}.log`,
    StandardErrorPath: `${home}/Library/Logs/${label}.err`,
    ...bends,
  };
  return Object.fromEntries(Object.entries(job).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

/** What the jobs run and write to. */
export function makeAgentHome(home: string): void {
  const script = (name: string, text: string, mode = 0o755) => chmodSync(put(join(home, name), text), mode);
  script("bin/work", "#!/bin/sh\n");
  script("bin/snake", "#!/usr/bin/env no-such-python\n");
  script("bin/gone-shell", "#!/no/such/shell\n");
  script("bin/plain", "#!/bin/sh\n", 0o644);
  script("app/good.mjs", "export const a = 1;\n", 0o644);
  script("app/broken.mjs", "export const = 1;\n", 0o644);
  script("Library/CloudStorage/GoogleDrive-me/My Drive/work", "#!/bin/sh\n");
  script("brew/Cellar/node/22.1.0/bin/node", "#!/bin/sh\n");
  script("brew/opt/node/bin/node", "#!/bin/sh\n");
  script(".nvm/versions/node/v22.1.0/bin/node", "#!/bin/sh\n");
  mkdirSync(join(home, "Library/Logs/a-folder"), { recursive: true });
  mkdirSync(join(home, "Library/LaunchAgents"), { recursive: true });
}

const runs = (...words: readonly string[]): Bends => ({ ProgramArguments: words });
const stays = (KeepAlive: PropertyValue, ThrottleInterval?: number): Bends => ({
  StartInterval: undefined,
  KeepAlive,
  ThrottleInterval,
});
const env = (more: Readonly<Record<string, PropertyValue>>): Bends => ({ EnvironmentVariables: { PATH, ...more } });

const plant = (name: string, bends: Bends, ...codes: readonly LintCode[]): Planted => ({ name, bends, codes });
const text = (name: string, code: LintCode, inText: (text: string) => string): Planted => ({
  name,
  bends: {},
  codes: [code],
  inText,
});

/** Fine as they are. */
function good(home: string): readonly Planted[] {
  return [
    plant("good", {}),
    plant("good-service", stays({ SuccessfulExit: false }, 10)),
    plant("good-calendar", { StartInterval: undefined, StartCalendarInterval: [{ Hour: 3 }, { Hour: 15 }] }),
    plant(
      "good-shell",
      runs("/bin/zsh", "-c", `cd ${home} && PATH=${home}/bin:$PATH work --now >> $HOME/x.log 2>&1; echo $?`),
    ),
    plant("good-node", runs("/usr/bin/env", "node", `${home}/app/good.mjs`, "--price=5$")),
    plant("good-comment", { Comment: "ไทย – naïve 😀 & <b>", Nice: 5, Umask: "077" }),
  ];
}

/** In the text. */
function broken(): readonly Planted[] {
  return [
    text("raw-ampersand", "raw_ampersand", (xml) =>
      xml
        .replace("bin/work<", "bin/work && date<")
        .replace("<array>", "<array><string>/bin/zsh</string><string>-c</string>"),
    ),
    text("no-first-line", "no_xml_line", (xml) => xml.replace(/^<\?xml.*\n/, "")),
    text("several-numbers", "bad_number", (xml) => xml.replace(">300<", ">30\n35\n40\n0<")),
    text("twice", "duplicate_key", (xml) =>
      xml.replace("<key>StartInterval", "<key>ExitTimeOut</key><integer>60</integer><key>StartInterval"),
    ),
    text("cut-off", "broken_xml", (xml) => xml.slice(0, -30)),
    text("script", "shell_script", () => "#!/bin/zsh\nlaunchctl load x\n"),
    text("prose", "not_xml", () => "Label: com.x\n"),
    text("json", "old_style_plist", () => '{"Label": "json"}'),
    text("latin", "not_text", (xml) => xml.replace("bin/work", "bin/\u0000").replace("\u0000", "\u00ff")),
    text("list", "not_a_dictionary", () => '<?xml version="1.0"?><plist version="1.0"><array/></plist>'),
  ];
}

/** Keys, and when it runs. */
function misnamed(): readonly Planted[] {
  return [
    plant("no-label", { Label: undefined }, "label_missing"),
    plant("other-label", { Label: "another" }, "label_differs"),
    plant("misspelt", { StandardOutpath: "/x" }, "unknown_key"),
    plant("obsolete", { OnDemand: false }, "obsolete_key"),
    plant("number-as-text", { StartInterval: "300" }, "wrong_type"),
    plant("variable-as-number", env({ LEVEL: 5 }), "wrong_type"),
    plant("path-state", stays({ PathState: "/x" }, 10), "wrong_type"),
    plant("switched-off", { Disabled: true }, "disabled"),
    plant("settings", { Label: undefined, ProgramArguments: undefined, AppleLocale: "en" }, "no_job"),
    plant("interval-and-keepalive", { KeepAlive: true }, "interval_and_keepalive"),
    plant("keepalive-alone", stays(true), "keepalive_without_throttle"),
    plant("throttle-of-one", stays({ SuccessfulExit: false }, 1), "throttle_short"),
    plant("again-on-success", stays({ SuccessfulExit: true }, 10), "restarts_on_success"),
    plant("crashed-false", stays({ SuccessfulExit: false, Crashed: false }, 10), "crashed_false"),
    plant("no-exit-timeout", { ExitTimeOut: undefined }, "exit_timeout_missing"),
    plant("exit-timeout-for-ever", { ExitTimeOut: 0 }, "exit_timeout_short"),
    plant("transactions", { EnableTransactions: true }, "transactions"),
    plant("pressured", { EnablePressuredExit: true }, "pressured_exit"),
    plant("abandons", { AbandonProcessGroup: true }, "abandons_group"),
  ];
}

/** What it runs. */
function dangling(home: string): readonly Planted[] {
  const work = `${home}/bin/work`;
  return [
    plant("nothing-to-run", { ProgramArguments: undefined }, "no_program"),
    plant("login-shell", runs("/bin/zsh", "-lc", `${work} --now`), "login_shell"),
    plant("login-shell-apart", runs("/bin/bash", "-l", "-c", `cd ${home} && ./bin/work`), "login_shell"),
    plant("login-shell-gone", runs("/bin/zsh", "-lc", `"$HOME/bin/gone" --now`), "login_shell", "program_missing"),
    plant(
      "env-without-path",
      { ...runs("/usr/bin/env", "zsh", work), EnvironmentVariables: {} },
      "env_without_path",
      "no_path",
    ),
    plant("dangling", runs(`${home}/bin/gone`), "program_missing"),
    plant("dangling-in-zsh", runs("/bin/zsh", `${home}/bin/gone.zsh`), "script_missing"),
    plant(
      "dangling-in-node",
      runs("/usr/bin/env", "-u", "X", "node", "--require", "x", `${home}/app/gone.js`),
      "script_missing",
    ),
    plant(
      "dangling-behind-caffeinate",
      runs("/usr/bin/caffeinate", "-i", "-t", "5", `${home}/bin/gone`),
      "program_missing",
    ),
    plant("dangling-folder", runs("/bin/sh", "-c", `cd ${home}/gone && ls`), "folder_missing"),
    plant("not-executable", runs(`${home}/bin/plain`), "not_executable"),
    plant("no-interpreter", runs(`${home}/bin/gone-shell`), "interpreter_missing"),
    plant("interpreter-off-path", runs("/bin/sh", "-c", `${home}/bin/snake`), "interpreter_missing"),
    plant("command-off-path", runs("/bin/sh", "-c", "no-such-tool --now"), "command_missing"),
    plant("one-string", runs(`/bin/zsh ${work}`), "one_string"),
    plant("relative", runs("zsh", work), "relative_program"),
    plant("only-the-shell-knows", runs("/bin/sh", "-c", "$TOOL --now"), "not_followed"),
    plant("broken-script", runs("/usr/bin/env", "node", `${home}/app/broken.mjs`), "script_broken"),
    plant("node-in-cellar", runs(`${home}/brew/Cellar/node/22.1.0/bin/node`, `${home}/app/good.mjs`), "node_in_cellar"),
    plant(
      "node-of-nvm",
      runs(`${home}/.nvm/versions/node/v22.1.0/bin/node`, `${home}/app/good.mjs`),
      "node_of_version_manager",
    ),
    plant("google-drive", runs(`${home}/Library/CloudStorage/GoogleDrive-me/My Drive/work`), "protected_place"),
  ];
}

/** Where, and with which variables. */
function misplaced(home: string): readonly Planted[] {
  const work = `${home}/bin/work`;
  return [
    plant("log-in-home", { StandardOutPath: "~/Library/Logs/a.log" }, "not_expanded"),
    plant("log-in-variable", { StandardErrorPath: "$HOME/Library/Logs/a.log" }, "not_expanded"),
    plant("argument-in-variable", runs(work, "--in=${HOME}/in"), "not_expanded"),
    plant("program-in-home", runs("~/bin/work"), "not_expanded"),
    plant("home-in-env", env({ DATA: "~/data" }), "not_expanded"),
    plant("path-before-path", { EnvironmentVariables: { PATH: "/opt/bin:$PATH" } }, "not_expanded"),
    plant("nobody-knows", { StandardOutPath: "$LOGS/a.log" }, "not_expanded"),
    plant("log-in-tmp", { StandardOutPath: "/tmp/a.log" }, "log_in_tmp"),
    plant("log-on-desktop", { StandardOutPath: `${home}/Desktop/a.log` }, "protected_place"),
    plant("log-relative", { StandardOutPath: "a.log" }, "relative_path"),
    plant("log-nowhere", { StandardOutPath: `${home}/gone/a.log` }, "log_folder_missing"),
    plant("log-is-a-folder", { StandardOutPath: `${home}/Library/Logs/a-folder` }, "log_unwritable"),
    plant("works-nowhere", { WorkingDirectory: `${home}/gone` }, "folder_missing"),
    plant("works-in-documents", { WorkingDirectory: `${home}/Documents` }, "protected_place"),
    plant("glob", { StandardOutPath: `${home}/Library/Logs/*.log` }, "glob"),
    plant("no-path", { EnvironmentVariables: undefined }, "no_path"),
    plant("secret", env({ REDIS_PASSWORD: "hunter2-and-more" }), "secret", "secret_readable"),
    plant("secret-word", runs(work, "--password=hunter2-and-more"), "secret", "secret_readable"),
    plant("proxy", env({ https_proxy: "http://10.0.0.1:3128" }), "proxy_frozen"),
  ];
}

/** Each named by its mistake. */
export function plantedJobs(home: string): readonly Planted[] {
  return [...good(home), ...broken(), ...misnamed(), ...dangling(home), ...misplaced(home)];
}

/** Its text. */
export function plantedText(home: string, { name, bends, inText }: Planted): string {
  const text = valueOf(writePropertyList(goodJob(home, name, bends)));
  return inText === undefined ? text : inText(text);
}

/** Writes it where launchd reads; returns its path. */
export function plantJob(home: string, planted: Planted): string {
  const path = join(home, "Library/LaunchAgents", `${planted.name}.plist`);
  const isLatin = planted.codes.includes("not_text");
  return put(path, Buffer.from(plantedText(home, planted), isLatin ? "latin1" : "utf8"));
}
