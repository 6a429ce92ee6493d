/** What a job runs: the way to its last script (program-walk.ts), and what is wrong with that way itself. */
import { basename } from "node:path";
import { simpleCommands } from "../../orders/command-patterns.ts";
import { expanded, finding, type Job, type LintFinding, textOf, textsOf } from "./job.ts";
import { ProgramWalk } from "./program-walk.ts";
import { shellWords } from "./shell-words.ts";
import { linksInstead, nodeWarning } from "./stable-node.ts";

/** The findings, and the walk that they come from. */
export function lintProgram(job: Job): { readonly findings: readonly LintFinding[]; readonly walk: ProgramWalk } {
  const walk = new ProgramWalk(job).walk();
  const { Program, ProgramArguments } = job.dict;
  const found: LintFinding[] = [];
  if (textOf(Program) === undefined && textsOf(ProgramArguments).length === 0) {
    const why = "neither Program nor ProgramArguments says what to run";
    found.push(
      finding("no_program", {
        key: "ProgramArguments",
        why,
        next: "name the program by its whole path, one <string> for each word",
      }),
    );
  }
  const login = walk.loginShell;
  if (login !== undefined) {
    const why = `${basename(login.shell)} reads the user's start-up files first: they know no terminal here, and what they set differs from login to login`;
    const to = withoutLogin(job, walk);
    found.push(
      finding("login_shell", {
        key: "ProgramArguments",
        why,
        ...(to === undefined ? { next: "name the script itself" } : { mend: { key: ["ProgramArguments"], to } }),
      }),
    );
  }
  return { findings: [...found, ...walk.findings, ...nodeFindings(job, walk)], walk };
}

function nodeFindings(job: Job, { hops }: ProgramWalk): readonly LintFinding[] {
  const words = textsOf(job.dict["ProgramArguments"]);
  return [...new Set(hops)].flatMap((path) => {
    const warning = basename(path) === "node" ? nodeWarning(path) : undefined;
    if (warning === undefined) return [];
    const link = linksInstead(path).find((one) => job.ground.look(one).kind === "file");
    const mend =
      link !== undefined && words.includes(path)
        ? { mend: { key: ["ProgramArguments"], to: words.map((word) => (word === path ? link : word)) } }
        : {};
    return [finding(warning.code, { key: "ProgramArguments", why: warning.message, next: warning.hint, ...mend })];
  });
}

/** The words without the shell where it has nothing to do, else without its login. */
function withoutLogin(job: Job, walk: ProgramWalk): readonly string[] | undefined {
  const words = textsOf(job.dict["ProgramArguments"]);
  const { shell, command } = walk.loginShell ?? {};
  const at = words.findIndex((word) => word === shell || word === basename(shell ?? ""));
  if (at === -1 || job.dict["Program"] !== undefined) return undefined;
  const direct = command === undefined ? undefined : directWords(job, command);
  if (direct !== undefined) return direct;
  const flags = words.slice(at + 1).findIndex((word) => !/^[-+]/.test(word));
  const until = flags === -1 ? words.length : at + 1 + flags;
  const kept = words.slice(at + 1, until).flatMap((flag) => {
    if (flag === "--login") return [];
    const bare = flag.startsWith("--") ? flag : flag.replaceAll(/[li]/g, "");
    return bare === "-" ? [] : [bare];
  });
  return [...words.slice(0, at + 1), ...kept, ...words.slice(until)];
}

/** One command of plain words whose program is there needs no shell. */
function directWords(job: Job, text: string): readonly string[] | undefined {
  if (/[<>|;&`(){}\n]/.test(text) || simpleCommands(text).join("") !== text.replaceAll(/\s+/g, " ").trim())
    return undefined;
  const all = shellWords(text, (one) => expanded(job, one));
  const words = all.filter((word) => typeof word === "string");
  const plain = words[0] === "exec" ? words.slice(1) : words;
  const there = job.ground.look(plain[0] ?? "");
  const canRun = plain[0]?.startsWith("/") === true && there.kind === "file" && (there.mode & 0o111) !== 0;
  return words.length === all.length && canRun ? plain : undefined;
}
