/**
 * What a job really runs: from its first word through shells, env and interpreters to the last script, each hop looked at
 * on the machine, with the job's own PATH. Who looks at the first word alone finds /bin/zsh, which is always there, and
 * never the script that is gone.
 */

import { basename, resolve } from "node:path";
import { simpleCommands } from "../../orders/command-patterns.ts";
import { typedWord } from "../../platform/shell.ts";
import {
  expanded,
  finding,
  type Job,
  LAUNCHD_PATH,
  type LintFinding,
  type Looked,
  notSeen,
  protection,
  type Said,
  textOf,
  textsOf,
  variablesOf,
} from "./job.ts";
import type { LintCode } from "./lint-codes.ts";
import { pathMend, usualPath } from "./lint-environment.ts";
import { agentPath } from "./own-agents.ts";
import { shellWords, UNKNOWN } from "./shell-words.ts";

const SHELLS = new Set(["sh", "bash", "zsh", "dash", "ksh"]);
/** Interpreters, their options that take a value, and those that bring the program with them. */
const INTERPRETERS: readonly (readonly [RegExp, RegExp, RegExp])[] = [
  [
    /^(?:node|bun|deno)$/,
    /^(?:-r|--require|--import|--loader|--experimental-loader|-C|--conditions)$/,
    /^(?:-e|--eval|-p|--print|-i)$/,
  ],
  [/^python(?:\d(?:\.\d+)?)?$/, /^-[WX]$/, /^-\w*[cm]$/],
  [/^(?:ruby|perl)\d?$/, /^-[IrM]$/, /^-\w*[eE]$/],
  [/^osascript$/, /^-l$/, /^-e$/],
];
/** They start what is named behind them; their options that take a value. */
const CARRIERS: Readonly<Record<string, RegExp>> = {
  caffeinate: /^-[tw]$/,
  nice: /^-n$/,
  nohup: /^$/,
  arch: /^-arch$/,
  time: /^-o$/,
};
const BUILTINS = new Set(
  ". : [ [[ alias bg break builtin cd continue declare echo eval exit export false fg getopts hash jobs kill let local print printf pwd read readonly return set setopt shift shopt source test times trap true type typeset ulimit umask unalias unset wait while if for case function {".split(
    " ",
  ),
);
/** What every macOS brings: there, whatever machine this is looked at on. */
const MACOS_OWN =
  /^\/bin\/(?:sh|bash|zsh|dash|ksh|csh|tcsh)$|^\/usr\/bin\/(?:env|nice|nohup|arch|time|osascript|open|perl|ruby|python3|caffeinate|plutil)$|^\/bin\/launchctl$/;
const DEPTH_MAX = 12;

type Launcher = "launchd" | "path";

export class ProgramWalk {
  readonly findings: LintFinding[] = [];
  /** Every program and script on the way, as far as it could be followed. */
  readonly hops: string[] = [];
  /** Scripts that Node reads. */
  readonly nodeScripts: string[] = [];
  /** Words of the job that are programs for an interpreter. */
  readonly code = new Set<string>();
  /** Set when a shell of the job reads the user's own start-up files: the words of the shell's call. */
  loginShell:
    | { readonly shell: string; readonly command: string | undefined; readonly words: readonly string[] }
    | undefined;
  readonly #job: Job;
  #path: string;
  #folder: string;
  #depth = 0;

  constructor(job: Job) {
    this.#job = job;
    const { PATH: path = LAUNCHD_PATH } = variablesOf(job);
    this.#path = expanded(job, path) ?? path;
    this.#folder = expanded(job, textOf(job.dict["WorkingDirectory"]) ?? "/") ?? "/";
  }

  walk(): this {
    const { dict } = this.#job;
    const program = textOf(dict["Program"]);
    const words = textsOf(dict["ProgramArguments"]);
    if (program === undefined && words.length === 0) return this;
    this.#start(program === undefined ? words : [program, ...words.slice(1)], "launchd");
    return this;
  }

  /** The program that launchd starts is the first word here. */
  get #key(): string {
    return this.#depth <= 1 && this.#job.dict["Program"] !== undefined ? "Program" : "ProgramArguments";
  }

  #tell(code: LintCode, said: Omit<Said, "key">): void {
    this.findings.push(finding(code, { key: this.#key, ...said }));
  }

  #start(words: readonly string[], by: Launcher): void {
    this.#depth += 1;
    const [written, ...rest] = words;
    if (written === undefined || this.#depth > DEPTH_MAX) return;
    const name = expanded(this.#job, written);
    // Told as such elsewhere.
    if (name === undefined) return;
    const path = this.#find(name, by, words);
    if (path === undefined) return;
    if (by === "launchd" && rest.length === 0 && /\s/.test(name) && this.#look(path).kind === "absent") {
      const to = name.trim().split(/\s+/);
      const why = `one <string> is one word: launchd looks for a file called ${JSON.stringify(name)}`;
      this.#tell("one_string", {
        why,
        mend: { key: [this.#key], ...(this.#key === "Program" ? { to: to[0] ?? "" } : { to }) },
      });
      return;
    }
    this.#checkProgram(path);
    this.#goOn(path, rest);
  }

  /** The whole path of a program; undefined when that is told already. */
  #find(name: string, by: Launcher, words: readonly string[]): string | undefined {
    if (name.startsWith("/")) return name;
    if (by === "path" && name.includes("/")) return resolve(this.#folder, name);
    const found = this.#onPath(name, by === "launchd" ? LAUNCHD_PATH : this.#path);
    if (by === "launchd") {
      const why = "the path of a program is whole, or launchd looks for it in /usr/bin:/bin:/usr/sbin:/sbin alone";
      const better = found ?? this.#onPath(name, agentPath());
      const mend =
        this.#key === "Program"
          ? { key: ["Program"], to: better ?? "" }
          : { key: ["ProgramArguments"], to: [better ?? "", ...words.slice(1)] };
      this.#tell("relative_program", better === undefined ? { why, next: "write the whole path" } : { why, mend });
      return found;
    }
    if (found === undefined)
      this.#tell("command_missing", {
        why: `${name} is in no folder of the job's PATH (${this.#path}): 127`,
        ...this.#pathWith(name),
      });
    return found;
  }

  /** The PATH with the folder in which a program is, where that is known. */
  #pathWith(name: string): Pick<Said, "mend" | "next"> {
    const folder = agentPath()
      .split(":")
      .find((one) => this.#look(`${one}/${name}`).kind === "file");
    if (folder === undefined) return { next: `install ${name}, or write its whole path` };
    return pathMend(this.#job, `${this.#path}:${folder}`);
  }

  #onPath(name: string, path: string): string | undefined {
    const candidates = path.split(":").map((folder) => `${folder}/${name}`);
    return candidates.find((one) => {
      const there = this.#look(one);
      return there.kind === "elsewhere" || (there.kind === "file" && (there.mode & 0o111) !== 0);
    });
  }

  #look(path: string): Looked {
    if (MACOS_OWN.test(path)) return { kind: "file", mode: 0o755, owner: 0, sizeBytes: 1 };
    return this.#job.ground.look(path);
  }

  #checkProgram(path: string): void {
    this.#hop(path);
    const there = this.#look(path);
    switch (there.kind) {
      case "elsewhere":
        return;
      case "refused":
        this.findings.push(notSeen(this.#key, path, there.errno));
        return;
      case "absent":
        return this.#missing("program_missing", path);
      case "folder":
      case "other":
        return this.#tell("program_missing", {
          why: `${path} is no file that can be run`,
          next: "name the file in it",
        });
      case "file":
        if ((there.mode & 0o111) === 0)
          this.#tell("not_executable", { why: `${path} may not be run: 126`, next: `chmod +x ${typedWord(path)}` });
    }
  }

  #missing(code: "program_missing" | "script_missing", path: string): void {
    const other = path.startsWith("/opt/homebrew/")
      ? path.replace("/opt/homebrew/", "/usr/local/")
      : path.startsWith("/usr/local/")
        ? path.replace("/usr/local/", "/opt/homebrew/")
        : undefined;
    const words = textsOf(this.#job.dict["ProgramArguments"]);
    if (other !== undefined && this.#look(other).kind !== "absent") {
      const why = `${path} is not there, ${other} is: Homebrew lies elsewhere on this machine`;
      const isWord = words.includes(path);
      const mend = isWord
        ? { key: ["ProgramArguments"], to: words.map((word) => (word === path ? other : word)) }
        : { key: ["Program"], to: other };
      const can = isWord || this.#job.dict["Program"] === path;
      return this.#tell("homebrew_elsewhere", can ? { why, mend } : { why, next: `write ${other}` });
    }
    const next = "put it back (`wo why PATH` tells what became of a file of the base), or take the agent away";
    this.#tell(code, { why: `${path} is not there`, next });
  }

  #hop(path: string): void {
    this.hops.push(path);
    const kept = protection(this.#job, path);
    if (kept !== undefined)
      this.#tell("protected_place", { why: kept, next: "move it to a folder that is not protected" });
  }

  /** What the program does with its words. */
  #goOn(path: string, words: readonly string[]): void {
    const name = basename(path);
    const carrier = CARRIERS[name];
    const interpreter = INTERPRETERS.find(([pattern]) => pattern.test(name));
    if (SHELLS.has(name)) this.#shell(path, words);
    else if (name === "env") this.#env(words);
    else if (carrier !== undefined) this.#start(withoutOptions(words, carrier), "path");
    else if (interpreter !== undefined) this.#interpret(interpreter, words);
    else this.#checkShebang(path);
  }

  #shell(path: string, words: readonly string[]): void {
    let [at, isLogin, takesCommand] = [0, false, false];
    for (; /^[-+]/.test(words[at] ?? ""); at += 1) {
      const flag = words[at] ?? "";
      if (flag === "--login" || /^-\w*[li]/.test(flag)) isLogin = true;
      if (/^-\w*c/.test(flag)) takesCommand = true;
      if (/^[-+]\w*o$/.test(flag)) at += 1;
    }
    const first = words[at];
    if (isLogin) this.loginShell ??= { shell: path, command: takesCommand ? first : undefined, words: words.slice(at) };
    if (first === undefined) return;
    if (takesCommand) this.#commands(first);
    else this.#script(first);
  }

  /** Each simple command that a shell is given. */
  #commands(text: string): void {
    this.code.add(text);
    const set = /(?:^|[\s;&])PATH=("[^"]*"|'[^']*'|[^\s;&]+)/.exec(text)?.[1]?.replaceAll(/["']/g, "");
    if (set !== undefined)
      this.#path = expanded(this.#job, set.replaceAll(/\$\{?PATH\b\}?/g, this.#path)) ?? this.#path;
    const depth = this.#depth;
    for (const command of simpleCommands(text)) {
      this.#depth = depth;
      const words = shellWords(command, (one) => expanded(this.#job, one));
      this.#command(command, words);
    }
  }

  #command(command: string, words: ReturnType<typeof shellWords>): void {
    const [first, second] = words;
    if (first === undefined) return;
    const known: string[] = [];
    for (const word of words) {
      if (word === UNKNOWN) break;
      known.push(word);
    }
    // An interpreter's script is as unknown as a program's name would be.
    if (first === UNKNOWN || (second === UNKNOWN && isInterpreter(first))) {
      const why = `only a shell that runs knows what this is: ${command.slice(0, 80)}`;
      return this.#tell("not_followed", { why, next: "write the path out, or put the commands into a script" });
    }
    if (first === "cd" && typeof second === "string") return this.#enter(resolve(this.#folder, second));
    if ((first === "." || first === "source") && typeof second === "string") return this.#script(second);
    if (first === "exec" || first === "command") this.#start(withoutOptions(known.slice(1), /^-a$/), "path");
    else if (!BUILTINS.has(first)) this.#start(known, "path");
  }

  #enter(folder: string): void {
    this.#folder = folder;
    const there = this.#look(folder);
    if (there.kind === "absent")
      this.#tell("folder_missing", {
        why: `${folder} is not there`,
        next: `mkdir -p ${typedWord(folder)}, or name another one`,
      });
    if (there.kind === "refused") this.findings.push(notSeen(this.#key, folder, there.errno));
  }

  #env(words: readonly string[]): void {
    let rest = words;
    while (rest[0] !== undefined) {
      const [word = "", ...more] = rest;
      const [, name, value = ""] = /^([A-Za-z_]\w*)=(.*)$/s.exec(word) ?? [];
      if (name === "PATH") this.#path = value;
      if (name === undefined && !word.startsWith("-")) break;
      if (word === "-S") rest = [...(more[0] ?? "").split(/\s+/), ...more.slice(1)];
      else rest = word === "-u" || word === "-P" ? more.slice(1) : more;
    }
    const hasPath = variablesOf(this.#job)["PATH"] !== undefined || this.#path !== LAUNCHD_PATH;
    const [program] = rest;
    if (program !== undefined && !program.includes("/") && !hasPath) {
      const why = `env looks for ${program} on a PATH that the job does not have`;
      this.#tell("env_without_path", { why, ...pathMend(this.#job, usualPath(this.#job)) });
    }
    this.#start(rest, "path");
  }

  #interpret([name, withValue, inline]: (typeof INTERPRETERS)[number], words: readonly string[]): void {
    let at = 0;
    for (; (words[at] ?? "").startsWith("-"); at += 1) {
      const flag = words[at] ?? "";
      if (inline.test(flag)) {
        this.code.add(words[at + 1] ?? "");
        return;
      }
      if (withValue.test(flag)) at += 1;
    }
    const script = words[at];
    // `bun run x`, `deno run x`: what follows is no path yet.
    if (script === undefined || (script === "run" && name.test("bun"))) return;
    this.#script(script, name.test("node"));
  }

  /** A file that is read, not run: it has to be there, and nothing else. */
  #script(written: string, isNode = false): void {
    const name = expanded(this.#job, written);
    if (name === undefined) return;
    const path = resolve(this.#folder, name);
    this.#hop(path);
    const there = this.#look(path);
    if (there.kind === "absent") this.#missing("script_missing", path);
    else if (there.kind === "refused") this.findings.push(notSeen(this.#key, path, there.errno));
    else if (isNode && there.kind === "file" && /\.[cm]?js$/.test(path)) this.nodeScripts.push(path);
  }

  /** A file that is run: who its first line says reads it. */
  #checkShebang(path: string): void {
    const [, line] = /^#!\s*(.*)/.exec(this.#look(path).kind === "file" ? this.#job.ground.head(path) : "") ?? [];
    const [interpreter, ...words] = line?.trim().split(/\s+/) ?? [];
    if (interpreter === undefined || interpreter === "") return;
    const isEnv = basename(interpreter) === "env";
    const name = isEnv ? words.find((word) => !word.startsWith("-") && !word.includes("=")) : undefined;
    if (isEnv && name === undefined) return;
    const found = name === undefined ? interpreter : this.#onPath(name, this.#path);
    if (found !== undefined && this.#look(found).kind !== "absent") {
      this.hops.push(found);
      return;
    }
    const missing =
      name === undefined
        ? `${interpreter}, which is not there`
        : `${name}, which is in no folder of the job's PATH (${this.#path})`;
    this.#tell("interpreter_missing", {
      why: `the first line of ${path} asks for ${missing}: 127`,
      ...this.#pathWith(name ?? basename(interpreter)),
    });
  }
}

function isInterpreter(word: string): boolean {
  const name = basename(word);
  return SHELLS.has(name) || INTERPRETERS.some(([pattern]) => pattern.test(name));
}

function withoutOptions(words: readonly string[], withValue: RegExp): readonly string[] {
  let at = 0;
  for (; (words[at] ?? "").startsWith("-"); at += 1) if (withValue.test(words[at] ?? "")) at += 1;
  return words.slice(at);
}
