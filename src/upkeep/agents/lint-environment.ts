/** The variables of a job: a PATH, no secrets, nothing that was true only once. */
import { isDict } from "../../platform/property-list.ts";
import { finding, type Job, type LintFinding, textOf, textsOf, variablesOf } from "./job.ts";
import { agentPath } from "./own-agents.ts";

const SECRET_NAME =
  /(?:^|_)(?:PASS(?:WORD|WD|PHRASE)?|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS?)(?:_|$)/i;
/** Where a secret lies is none. */
const SECRET_PLACE = /_(?:FILE|PATH|DIR|NAME|URL|HOST)$/i;
const SECRET_WORD = /^--?(?:password|passwd|token|secret|api-?key)=(.+)$/i;
const PROXY = /^(?:https?|all|ftp)_proxy$/i;

export function lintEnvironment(job: Job): LintFinding[] {
  const env = variablesOf(job);
  const found: LintFinding[] = [];
  if (env["PATH"] === undefined)
    found.push(
      finding("no_path", { key: "EnvironmentVariables.PATH", why: NO_PATH, ...pathMend(job, usualPath(job)) }),
    );
  for (const name of Object.keys(env)) {
    if (!PROXY.test(name)) continue;
    const why = "a proxy that was right once: when the network changes, the program reaches nothing";
    found.push(
      finding("proxy_frozen", {
        key: `EnvironmentVariables.${name}`,
        why,
        next: "let the program ask for its proxy when it starts",
      }),
    );
  }
  for (const { path } of secretsOf(job)) {
    const why = "this looks like a secret, and everybody who may read the file has it, and every backup";
    const next = "put it into a file of mode 0600 that the program reads, and replace it if it is real";
    found.push(finding("secret", { key: path.join("."), why, next }));
  }
  return found;
}

const NO_PATH = "without a PATH a program finds what lies in /usr/bin:/bin:/usr/sbin:/sbin, and nothing of Homebrew";

/** The PATH for a job that has none. */
export function usualPath({ dict }: Job): string {
  const program = textOf(dict["Program"]) ?? textsOf(dict["ProgramArguments"])[0];
  return agentPath(program !== undefined && /^\/.*\/node$/.test(program) ? program : undefined);
}

/** Gives the job this PATH, where its variables are what they have to be. */
export function pathMend({ dict }: Job, path: string): Pick<LintFinding, "mend" | "next"> {
  const { EnvironmentVariables: env } = dict;
  if (env !== undefined && !isDict(env)) return { next: `give it EnvironmentVariables with the PATH ${path}` };
  return { mend: { key: ["EnvironmentVariables", "PATH"], to: path } };
}

/** Where secrets stand in a job, and their values, which go nowhere. */
export function secretsOf(job: Job): readonly { readonly path: readonly string[]; readonly value: string }[] {
  const { secrets } = job.ground;
  const named = Object.entries(variablesOf(job)).flatMap(([name, value]) => {
    const isNamed = SECRET_NAME.test(name) && !SECRET_PLACE.test(name) && value !== "";
    return isNamed || secrets(value).length > 0 ? [{ path: ["EnvironmentVariables", name], value }] : [];
  });
  const words = textsOf(job.dict["ProgramArguments"]).flatMap((word, index) => {
    const value = SECRET_WORD.exec(word)?.[1] ?? (secrets(word).length > 0 ? word : undefined);
    return value === undefined ? [] : [{ path: ["ProgramArguments", String(index)], value }];
  });
  return [...named, ...words];
}
