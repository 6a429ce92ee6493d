/** A launchd job as a linter sees it: the dictionary, the machine that it is for, and what is said of it. */
import { isList, type PropertyDict, type PropertyValue, textsIn } from "../../platform/property-list.ts";
import type { SecretRules } from "../../platform/secrets.ts";
import { NOT_EXPANDED } from "./agent-spec.ts";
import { LINT_CODES, type LintCode, type LintMark } from "./lint-codes.ts";

/** What lies under a path, links followed. */
export type Looked =
  | { readonly kind: "absent" }
  /** Not here, and nobody can say whether it is where the job runs. */
  | { readonly kind: "elsewhere" }
  | { readonly kind: "refused"; readonly errno: string }
  | {
      readonly kind: "file" | "folder" | "other";
      readonly mode: number;
      readonly owner: number;
      readonly sizeBytes: number;
    };

/** The machine that jobs are judged on. */
export interface LintGround {
  readonly home: string;
  readonly userId: number;
  readonly secrets: SecretRules;
  readonly look: (path: string) => Looked;
  /** The first bytes of a file as text; "" where they cannot be read. */
  readonly head: (path: string) => string;
  /** What Node finds wrong in a script without running it; undefined when nothing. */
  readonly syntaxFault: (path: string) => Promise<SyntaxFault | undefined>;
}

export interface SyntaxFault {
  readonly code: "script_broken" | "cannot_look";
  readonly why: string;
}

export interface Job {
  readonly dict: PropertyDict;
  readonly ground: LintGround;
}

/** One key gets another value; without `to` it goes. */
export interface Mend {
  readonly key: readonly string[];
  readonly to?: PropertyValue;
}

export interface LintFinding {
  readonly code: LintCode;
  readonly mark: LintMark;
  /** `EnvironmentVariables.PATH`; absent where it is about the whole file. */
  readonly key?: string;
  /** From 1. */
  readonly line?: number;
  readonly why: string;
  /** What a person does, where there is no mend, or beside it. */
  readonly next?: string;
  readonly mend?: Mend;
}

export type Said = Omit<LintFinding, "code" | "mark">;

export function finding(code: LintCode, said: Said): LintFinding {
  return { code, mark: LINT_CODES[code], ...said };
}

/** A finding about one key of the dictionary, and its new value; without one it goes. */
export function ofKey(code: LintCode, key: string, why: string, mended: { readonly to?: PropertyValue }): LintFinding {
  return finding(code, { key, why, mend: { key: [key], ...mended } });
}

/** What nobody could look at is never well. */
export function notSeen(key: string, path: string, errno: string): LintFinding {
  const next = "ask as a user who may look there; on macOS, from a terminal with full disk access";
  return finding("cannot_look", { key, why: `${path} cannot be looked at: ${errno}`, next });
}

export function textOf(value: PropertyValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The texts in a list, none for anything else. */
export function textsOf(value: PropertyValue | undefined): readonly string[] {
  return isList(value) ? value.filter((one) => typeof one === "string") : [];
}

/** Its variables that are texts: launchd leaves out the others. */
export function variablesOf({ dict }: Job): Readonly<Record<string, string>> {
  return textsIn(dict["EnvironmentVariables"]);
}

/** What launchd gives a job without one of its own. */
export const LAUNCHD_PATH = "/usr/bin:/bin:/usr/sbin:/sbin";

/**
 * What the writer meant by `~`, `$HOME` and variables of the job itself; undefined when something is left that only a
 * shell would know.
 */
export function expanded(job: Job, text: string): string | undefined {
  const { home } = job.ground;
  const own = text.includes("$") ? variablesOf(job) : {};
  const known: Readonly<Record<string, string | undefined>> = { HOME: home, PATH: LAUNCHD_PATH };
  const plain = text
    .replaceAll(/(^|[=:])~(?=\/|$)/g, (_whole, before: string) => before + home)
    .replaceAll(
      /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/g,
      (whole, bare: string | undefined, braced: string | undefined) => {
        const name = bare ?? braced ?? "";
        const value = known[name] ?? own[name];
        return value === undefined || value.includes("$") || value.startsWith("~") ? whole : value;
      },
    );
  return NOT_EXPANDED.test(plain) ? undefined : plain;
}

const PROTECTED =
  /\/(?:Documents|Desktop|Downloads|Library\/CloudStorage|Library\/Mobile Documents|Google Drive|Dropbox|OneDrive)(?:\/|$)/;

export function protection(job: Job, path: string): string | undefined {
  return protectionOf(job.ground.home, path);
}

/** Why macOS lets no agent in there without being asked; undefined where it does. */
export function protectionOf(home: string, path: string): string | undefined {
  if (path.startsWith("/Volumes/")) return `${path} is on another volume: agents get no access to it, or wait for ever`;
  const isHome = path.startsWith(`${home}/`) || /^\/Users\/[^/]+\//.test(path);
  const below = path.startsWith(`${home}/`) ? path.slice(home.length) : path.replace(/^\/Users\/[^/]+/, "");
  const match = isHome ? PROTECTED.exec(below) : null;
  return match?.index === 0
    ? `${path} lies in a folder that macOS protects, or that a cloud's program may take away: nobody is asked, it just fails`
    : undefined;
}
