/** What `launchctl WORDS` does to a launchd and answers: exit codes are what callers may trust, texts are for people. */
import type { CommandEnd } from "../world.ts";
import type { Job } from "./job.ts";
import type { Domain, Launchd } from "./launchd.ts";
import { dictionaryText, disabledText, domainText, jobText, meaningOf, signalOf, tableText } from "./texts.ts";

interface Target {
  readonly domain: Domain;
  /** As it was written: gui/501. */
  readonly place: string;
  /** Undefined: the domain itself. */
  readonly label: string | undefined;
}

type Verb = (launchd: Launchd, words: readonly string[]) => CommandEnd | Promise<CommandEnd>;

const VERBS: Readonly<Record<string, Verb>> = {
  bootout,
  bootstrap,
  disable: (launchd, words) => override(launchd, words, true),
  enable: (launchd, words) => override(launchd, words, false),
  error: (_launchd, [code = ""]) => said(`${meaningOf(Number(code))}\n`),
  kickstart,
  kill,
  list,
  load: (launchd, words) => legacy(launchd, words, load),
  print,
  "print-disabled": (launchd, [word = ""]) =>
    targetOf(launchd, word)?.label === undefined ? said(disabledText(launchd)) : MALFORMED,
  unload: (launchd, words) => legacy(launchd, words, unload),
};

/** Runs it to its end, which is not the end of what it has begun. */
export async function launchctl(launchd: Launchd, [verb = "help", ...words]: readonly string[]): Promise<CommandEnd> {
  return (await VERBS[verb]?.(launchd, words)) ?? failed(64, `Unrecognized subcommand: ${verb}`);
}

const DONE: CommandEnd = { code: 0, stdout: "", stderr: "" };
const MALFORMED = failed(64, "Unrecognized target specifier.");

function said(stdout: string): CommandEnd {
  return { code: 0, stdout, stderr: "" };
}

function failed(code: number, stderr: string): CommandEnd {
  return { code, stdout: "", stderr: `${stderr}\n` };
}

/** Undefined when it names no domain that launchctl knows; another user's domain is none that is there. */
function targetOf({ userId }: Launchd, word: string): Target | undefined {
  const [, kind, user, label] = /^(gui|user)\/(\d+)(?:\/([^/]+))?$/.exec(word) ?? [];
  if (kind === undefined || Number(user) !== userId) return undefined;
  return { domain: kind === "gui" ? "gui" : "user", place: `${kind}/${user}`, label };
}

/** The job, or what launchctl says where there is none. */
function jobOf(launchd: Launchd, word: string): Job | CommandEnd {
  const target = targetOf(launchd, word);
  if (target === undefined) return strangeTarget(word);
  const { domain, label, place } = target;
  if (domain === "gui" && launchd.faults.noGui) return noDomain(place);
  if (label === undefined) return MALFORMED;
  const inDomain = `in domain for ${place.replace("gui/", "user gui: ").replace("user/", "uid: ")}`;
  return launchd.job(domain, label) ?? failed(113, `Bad request.\nCould not find service "${label}" ${inDomain}`);
}

function strangeTarget(word: string): CommandEnd {
  return /^(?:gui|user)\/\d+(?:\/|$)/.test(word) ? noDomain(word.split("/").slice(0, 2).join("/")) : MALFORMED;
}

function noDomain(place: string): CommandEnd {
  return failed(
    112,
    `Bad request.\nCould not find domain for ${place.replace("gui/", "user gui: ").replace("user/", "uid: ")}`,
  );
}

function isEnd(one: Job | CommandEnd): one is CommandEnd {
  return "stderr" in one;
}

function bootstrap(launchd: Launchd, [where = "", path]: readonly string[]): CommandEnd {
  if (!/^(?:gui|user)\/\d+$/.test(where) || path === undefined) return MALFORMED;
  const target = targetOf(launchd, where);
  const code = target === undefined ? 125 : launchd.bootstrap(target.domain, path);
  if (code === 0) return DONE;
  const hint = code === 5 ? "\nTry re-running the command as root for richer errors." : "";
  return failed(code, `Bootstrap failed: ${meaningOf(code)}${hint}`);
}

/** `bootout gui/UID/LABEL` or `bootout gui/UID PATH`; `--wait` is on no manual page, and refused by some versions. */
function bootout(launchd: Launchd, [where = "", path]: readonly string[]): CommandEnd {
  const target = targetOf(launchd, where);
  if (target === undefined) return strangeTarget(where);
  const label = target.label ?? (path === undefined ? undefined : launchd.labelAt(path));
  if (target.domain === "gui" && launchd.faults.noGui) return failed(125, `Boot-out failed: ${meaningOf(125)}`);
  const code = label === undefined ? 3 : launchd.bootout(target.domain, label);
  // By its path, what is not loaded is an input/output error.
  const shown = code === 3 && target.label === undefined ? 5 : code;
  return shown === 0 ? DONE : failed(shown, `Boot-out failed: ${meaningOf(shown)}`);
}

async function kickstart(launchd: Launchd, words: readonly string[]): Promise<CommandEnd> {
  const flags = words.filter((word) => word.startsWith("-")).join("");
  const job = jobOf(launchd, words.find((word) => !word.startsWith("-")) ?? "");
  if (isEnd(job)) return job;
  const { label } = job.agent;
  if (launchd.isDisabled(label)) return failed(119, `Could not kickstart service "${label}": ${meaningOf(119)}`);
  if (flags.includes("k")) await job.stop();
  job.start();
  return flags.includes("p") && job.pid !== undefined ? said(`${job.pid}\n`) : DONE;
}

function kill(launchd: Launchd, [name = "", where = ""]: readonly string[]): CommandEnd {
  const signal = signalOf(name);
  const job = jobOf(launchd, where);
  if (signal === undefined) return failed(64, `Unknown signal: ${name}`);
  if (isEnd(job)) return job;
  return job.signal(signal) ? DONE : failed(3, `Could not signal service: ${meaningOf(3)}`);
}

function override(launchd: Launchd, [where = ""]: readonly string[], isDisabled: boolean): CommandEnd {
  const label = targetOf(launchd, where)?.label;
  if (label === undefined) return MALFORMED;
  launchd.setDisabled(label, isDisabled);
  return DONE;
}

function print(launchd: Launchd, [where = ""]: readonly string[]): CommandEnd {
  const target = targetOf(launchd, where);
  if (target === undefined) return strangeTarget(where);
  const { domain, place, label } = target;
  if (label === undefined)
    return domain === "gui" && launchd.faults.noGui ? noDomain(place) : said(domainText(launchd, domain));
  const job = jobOf(launchd, where);
  return isEnd(job) ? job : said(jobText(launchd, domain, job));
}

/** Takes a bare label, and sees the login session alone. */
function list(launchd: Launchd, [label]: readonly string[]): CommandEnd {
  if (label === undefined) return said(tableText(launchd));
  const job = launchd.job("gui", label);
  return job === undefined
    ? failed(113, `Could not find service "${label}" in domain for port`)
    : said(dictionaryText(job));
}

/** Whatever happens, the exit code is 0. */
function legacy(
  launchd: Launchd,
  words: readonly string[],
  work: (launchd: Launchd, path: string, isLasting: boolean) => string,
): CommandEnd {
  const isLasting = words.some((word) => /^-\w*w/.test(word));
  const paths = words.filter((word) => !word.startsWith("-"));
  return { code: 0, stdout: "", stderr: paths.map((path) => work(launchd, path, isLasting)).join("") };
}

function load(launchd: Launchd, path: string, isLasting: boolean): string {
  const label = launchd.labelAt(path);
  if (isLasting && label !== undefined) launchd.setDisabled(label, false);
  return launchd.bootstrap("gui", path) === 0 ? "" : legacyFailure("Load", "bootstrap");
}

function unload(launchd: Launchd, path: string, isLasting: boolean): string {
  const label = launchd.labelAt(path);
  if (isLasting && label !== undefined) launchd.setDisabled(label, true);
  return label !== undefined && launchd.bootout("gui", label) === 0 ? "" : legacyFailure("Unload", "bootout");
}

function legacyFailure(what: string, instead: string): string {
  return `${what} failed: ${meaningOf(5)}\nTry running \`launchctl ${instead}\` as root for richer errors.\n`;
}
