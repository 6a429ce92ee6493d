/** One file, whatever it is: what is wrong with it, and its text once everything that can be mended is. */

import { basename } from "node:path";
import type { Files } from "../../platform/files.ts";
import {
  isDict,
  isList,
  type PropertyDict,
  type PropertyFault,
  type PropertyValue,
  type ReadPropertyList,
  readPropertyList,
  writePropertyList,
} from "../../platform/property-list.ts";
import { typedWord } from "../../platform/shell.ts";
import { finding, type Job, type LintFinding, type LintGround, type Mend, textOf } from "./job.ts";
import type { LintCode } from "./lint-codes.ts";
import { secretsOf } from "./lint-environment.ts";
import { lintJob, mendedJob, withMend } from "./lint-job.ts";

/** Ten times the largest job that was seen: rules compare keys with keys, which takes long in larger ones. */
const LIMIT_BYTES = 64 * 1024;

/** A finding as it is told; secrets are stars in it. */
export interface ToldFinding extends Omit<LintFinding, "mend"> {
  /** The key as it would be, as XML; "" when it goes. Absent where a person has to mend it. */
  readonly mended?: string;
}

export interface FileReport {
  readonly path: string;
  readonly label?: string;
  readonly findings: readonly ToldFinding[];
  /** Every program and script on the way to what is run. */
  readonly runs: readonly string[];
  /** The whole file mended, secrets as stars; absent where nothing can be mended. */
  readonly mended?: string;
  /** How many comments the mended file would not have. */
  readonly commentsLost: number;
}

export interface LintedFile {
  readonly report: FileReport;
  /** What to write, and what it was made of; absent where nothing can be mended. */
  readonly repair?: { readonly text: string; readonly from: Buffer; readonly mode: number; readonly owner: number };
}

/** Reads and judges a file. Changes nothing. */
export async function lintFile(files: Files, ground: LintGround, path: string): Promise<LintedFile> {
  const reading = files.peek(path, LIMIT_BYTES);
  const only = (code: LintCode, why: string, next?: string) =>
    reportOf(path, [finding(code, next === undefined ? { why } : { why, next })]);
  switch (reading.kind) {
    case "absent":
      return only("absent", "there is no such file", "ls ~/Library/LaunchAgents");
    case "refused":
      return only("unreadable", `the file cannot be read: ${reading.errno}`, `ls -l ${typedWord(path)}`);
    case "too large":
      return only("too_large", `${reading.info.sizeBytes} bytes are no job of launchd`, "leave it out");
    case "no file":
      if (reading.info.kind === "folder")
        return only("folder", "this is a folder", `wo agent lint ${typedWord(path)}/*.plist`);
      if (reading.info.kind === "link")
        return only(
          "symlink",
          "a symlink: it loads by hand, and is reported to be left out at login",
          "put the file itself there",
        );
      return only("special_file", "this is a pipe, a socket or a device, which would never end", "leave it out");
    case "file":
      break;
  }
  const { bytes, info } = reading;
  const read = readPropertyList(bytes);
  if (!read.ok) return reportOf(path, [textFinding(path, read.error)]);
  const { value } = read.value;
  if (!isDict(value))
    return only(
      "not_a_dictionary",
      "the property list holds no <dict>: launchd wants one",
      "leave it out, or write a job",
    );
  const judge = judgeOf(path, value, ground);
  const rights = rightsFindings(judge.job, info.mode, path);
  const ofJob = await jobFindings(judge);
  const findings = [
    ...read.value.flaws.map((flaw) => textFinding(path, flaw)),
    ...rights,
    ...judge.strange,
    ...ofJob.findings,
  ];
  const mended = mendedText(judge, read.value, findings);
  const report = toldReport({ path, judge, read: read.value, findings, hops: ofJob.hops, mended });
  return mended === undefined
    ? { report }
    : { report, repair: { text: mended.text, from: bytes, mode: info.mode, owner: info.owner } };
}

function reportOf(path: string, findings: readonly LintFinding[]): LintedFile {
  return { report: { path, findings, runs: [], commentsLost: 0 } };
}

interface Judge {
  readonly job: Job;
  readonly stem: string | undefined;
  readonly strange: readonly LintFinding[];
}

/** A file that is not installed here may name the home of another machine: then nobody knows what is there. */
function judgeOf(path: string, dict: PropertyDict, ground: LintGround): Judge {
  const stem = path.endsWith(".plist") ? basename(path, ".plist") : undefined;
  const isInstalled = /\/Library\/Launch(?:Agents|Daemons)\//.test(path);
  const homes = allTexts(dict).flatMap((text) => text.match(/(?<![\w.])\/(?:Users|home)\/[^/:\s]+/g) ?? []);
  const foreign = homes.find(
    (home) => !`${ground.home}/`.startsWith(`${home}/`) && ground.look(home).kind === "absent",
  );
  if (isInstalled || foreign === undefined) return { job: { dict, ground }, stem, strange: [] };
  const look: LintGround["look"] = (one) => {
    const there = ground.look(one);
    return there.kind === "absent" ? { kind: "elsewhere" } : there;
  };
  const why = `it is made for a machine with ${foreign}: whether its programs and folders are there was not looked at`;
  return {
    job: { dict, ground: { ...ground, look } },
    stem,
    strange: [finding("other_machine", { why, next: "ask again on that machine" })],
  };
}

function allTexts(value: PropertyValue): readonly string[] {
  if (typeof value === "string") return [value];
  if (isList(value)) return value.flatMap(allTexts);
  return isDict(value) ? Object.values(value).flatMap(allTexts) : [];
}

async function jobFindings({ job, stem }: Judge) {
  const { findings, nodeScripts, hops } = lintJob(job, stem);
  const broken: LintFinding[] = [];
  for (const script of nodeScripts) {
    const fault = await job.ground.syntaxFault(script);
    const next = `node --check ${typedWord(script)}`;
    if (fault !== undefined)
      broken.push(finding(fault.code, { key: "ProgramArguments", why: `${script}: ${fault.why}`, next }));
  }
  return { findings: [...findings, ...broken], hops };
}

function rightsFindings(job: Job, mode: number, path: string): readonly LintFinding[] {
  const found: LintFinding[] = [];
  if ((mode & 0o022) !== 0)
    found.push(
      finding("writable_by_others", {
        why: "others may write the file: launchd refuses it (122)",
        next: `chmod go-w ${typedWord(path)}`,
      }),
    );
  if ((mode & 0o044) !== 0 && secretsOf(job).length > 0)
    found.push(
      finding("secret_readable", {
        why: "others may read the file, and there are secrets in it",
        next: `chmod 600 ${typedWord(path)}`,
      }),
    );
  return found;
}

const PLUTIL = "plutil -convert xml1";
const NEXT: Readonly<Partial<Record<PropertyFault["code"], string>>> = {
  broken_xml: "mend the text there: `<`, `>` and `&` are written &lt; &gt; &amp;, and each tag has its end",
  not_xml: "write it anew, or take it away",
  empty_file: "write it anew, or take it away",
  binary_plist: PLUTIL,
  old_style_plist: PLUTIL,
  not_text: PLUTIL,
  shell_script: "leave the script where scripts are, and name it in ProgramArguments of a property list",
  bad_number:
    "write the one number that is meant; for several times of a day, a <dict> for each in StartCalendarInterval",
  duplicate_key: "take out the one that is not meant: which of them counts differs from reader to reader",
};

function textFinding(path: string, { code, message, line, key }: PropertyFault): LintFinding {
  const next = NEXT[code];
  const words = next === PLUTIL ? `${next} ${typedWord(path)}, on macOS` : next;
  return finding(code, {
    why: message,
    ...(line === undefined ? {} : { line }),
    ...(key === undefined ? {} : { key }),
    ...(words === undefined ? {} : { next: words }),
  });
}

/** What was read of these is not what somebody meant: nothing may be written of it. */
const AMBIGUOUS: ReadonlySet<LintCode> = new Set(["bad_number", "duplicate_key"]);
/** Mended by writing the file anew. */
const BY_WRITING: ReadonlySet<LintCode> = new Set(["raw_ampersand", "no_xml_line"]);

interface Mended {
  readonly text: string;
  readonly dict: PropertyDict;
}

function mendedText(
  { job, stem }: Judge,
  { indent }: ReadPropertyList,
  findings: readonly LintFinding[],
): Mended | undefined {
  if (findings.some(({ code }) => AMBIGUOUS.has(code))) return undefined;
  if (!findings.some(({ code, mend }) => mend !== undefined || BY_WRITING.has(code))) return undefined;
  const dict = mendedJob(job.dict, job.ground, stem);
  if (dict === undefined) return undefined;
  const text = writePropertyList(dict, indent);
  return text.ok ? { text: text.value, dict } : undefined;
}

interface Told {
  readonly path: string;
  readonly judge: Judge;
  readonly read: ReadPropertyList;
  readonly findings: readonly LintFinding[];
  readonly hops: readonly string[];
  readonly mended: Mended | undefined;
}

function toldReport({ path, judge: { job }, read, findings, hops, mended }: Told): FileReport {
  const hide = hiding(job);
  const told = findings.map(({ mend, ...rest }): ToldFinding => {
    const line = rest.line ?? lineOf(read.lines, rest.key);
    const isByWriting = mended !== undefined && BY_WRITING.has(rest.code);
    return {
      ...rest,
      why: hide(rest.why),
      ...(line === undefined ? {} : { line }),
      ...(mend !== undefined && mended !== undefined ? { mended: hide(fragment(mend)) } : {}),
      ...(isByWriting
        ? { mended: rest.code === "raw_ampersand" ? "&amp;" : '<?xml version="1.0" encoding="UTF-8"?>' }
        : {}),
    };
  });
  const label = textOf(job.dict["Label"]);
  return {
    path,
    ...(label === undefined ? {} : { label }),
    findings: told,
    runs: hops.map(hide),
    ...(mended === undefined ? {} : { mended: hide(shown({ dict: mended.dict, ground: job.ground }, read.indent)) }),
    commentsLost: mended === undefined ? 0 : read.comments,
  };
}

/** The nearest key that has a line. */
function lineOf(lines: ReadonlyMap<string, number>, key: string | undefined): number | undefined {
  for (let path = key; path !== undefined && path !== ""; path = path.slice(0, Math.max(0, path.lastIndexOf(".")))) {
    const line = lines.get(path);
    if (line !== undefined) return line;
  }
  return undefined;
}

/** One mended key, or one item of a list, as XML. */
function fragment({ key, to }: Mend): string {
  if (to === undefined) return "";
  const isItem = /^\d+$/.test(key.at(-1) ?? "");
  const text = writePropertyList({ [key.at(-1) ?? ""]: to });
  const lines = text.ok ? (/<dict>\n([\s\S]*)\n {2}<\/dict>/.exec(text.value)?.[1] ?? "").split("\n") : [];
  return (isItem ? lines.slice(1) : lines).map((line) => line.replace(/^ {4}/, "")).join("\n");
}

const STARS = "********";
/** Shorter ones stand in too much else; in the file's own text they are found by their key. */
const TELLING = 4;

/** Stars for the secrets of a job, as they are and as XML writes them. */
function hiding(job: Job): (text: string) => string {
  const values = secretsOf(job)
    .filter(({ value }) => value.length >= TELLING)
    .flatMap(({ value }) => [value, value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")]);
  const longestFirst = [...new Set(values)].toSorted((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((hidden, value) => hidden.replaceAll(value, STARS), text);
}

function shown({ dict, ground }: Job, indent: string): string {
  const secrets = secretsOf({ dict, ground });
  const hidden = secrets.reduce((all, { path }) => withMend(all, { key: path, to: STARS }), dict);
  const text = writePropertyList(hidden, indent);
  return text.ok ? text.value : "";
}
