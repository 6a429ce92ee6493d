/** The keys of a job: known, of the right type, and there. */
import { nearest } from "../../orders/problems.ts";
import { isDict, isList, type PropertyValue } from "../../platform/property-list.ts";
import { LABEL } from "./agent-spec.ts";
import { finding, type Job, type LintFinding, ofKey } from "./job.ts";

type Type = "text" | "whole" | "yes or no" | "list" | "texts" | "dict";

/** What launchd.plist(5) knows. Beside them `Comment`, which everybody writes and nobody reads. */
const KEYS: Readonly<Record<string, readonly Type[]>> = {
  ...keys(["text"], "Label Program BundleProgram UserName GroupName RootDirectory WorkingDirectory StandardInPath"),
  ...keys(["text"], "StandardOutPath StandardErrorPath ProcessType POSIXSpawnType SHAuthorizationRight Comment"),
  ...keys(
    ["yes or no"],
    "Disabled EnableGlobbing EnableTransactions EnablePressuredExit RunAtLoad InitGroups StartOnMount",
  ),
  ...keys(
    ["yes or no"],
    "Debug WaitForDebugger AbandonProcessGroup LowPriorityIO LowPriorityBackgroundIO SessionCreate",
  ),
  ...keys(["yes or no"], "LegacyTimers MaterializeDatalessFiles LimitLoadToDeveloperMode"),
  ...keys(["whole"], "ExitTimeOut ThrottleInterval StartInterval Nice"),
  ...keys(["texts"], "ProgramArguments WatchPaths QueueDirectories"),
  ...keys(["list"], "BinaryOrderPreference"),
  ...keys(["dict"], "EnvironmentVariables SoftResourceLimits HardResourceLimits MachServices Sockets LaunchEvents"),
  ...keys(["dict"], "inetdCompatibility LimitLoadToHardware LimitLoadFromHardware"),
  ...keys(["text", "texts"], "LimitLoadToSessionType AssociatedBundleIdentifiers"),
  ...keys(["yes or no", "dict"], "KeepAlive"),
  ...keys(["dict", "list"], "StartCalendarInterval"),
  ...keys(["whole", "text"], "Umask"),
};
/** Of them launchd says itself that they do nothing any more. */
const OBSOLETE = new Set(
  "LaunchOnlyOnce TimeOut OnDemand HopefullyExitsFirst HopefullyExitsLast LimitLoadToHosts LimitLoadFromHosts ServiceIPC".split(
    " ",
  ),
);
const KEEP_ALIVE: Readonly<Record<string, readonly Type[]>> = {
  ...keys(["yes or no"], "SuccessfulExit Crashed AfterInitialDemand"),
  ...keys(["dict"], "PathState OtherJobEnabled"),
};

function keys(types: readonly Type[], names: string): Record<string, readonly Type[]> {
  return Object.fromEntries(names.split(" ").map((name) => [name, types]));
}

export function lintKeys(job: Job): LintFinding[] {
  const { dict } = job;
  const found = Object.entries(dict).flatMap(([key, value]) => keyFindings(key, value));
  const { KeepAlive: keepAlive, EnvironmentVariables: env, Disabled: disabled } = dict;
  if (isDict(keepAlive))
    found.push(...Object.entries(keepAlive).flatMap(([key, value]) => conditionFindings(key, value)));
  if (isDict(env)) {
    for (const [name, value] of Object.entries(env)) {
      if (typeof value === "string") continue;
      const to = typeof value === "number" || typeof value === "boolean" ? { to: String(value) } : undefined;
      const why = "a variable that is no text: launchd leaves it out";
      const path = ["EnvironmentVariables", name];
      if (to !== undefined) found.push(nested("wrong_type", path, why, to));
      else found.push(finding("wrong_type", { key: path.join("."), why, next: "write it as a <string>" }));
    }
  }
  if (disabled === true) {
    const why = "it is switched off in its own file: launchd does not load it";
    found.push(finding("disabled", { key: "Disabled", why, next: "take the key out, or the file away" }));
  }
  return found;
}

/** Its name: one of its own, and that of its file. `stem` is the file's name without .plist; undefined for other endings. */
export function lintLabel({ dict }: Job, stem: string | undefined): LintFinding[] {
  const { Label: label } = dict;
  if (typeof label !== "string" || !LABEL.test(label)) {
    const why =
      label === undefined
        ? "launchd loads nothing without a Label"
        : `no name that commands take: ${JSON.stringify(label)}`;
    if (stem !== undefined && LABEL.test(stem)) return [ofKey("label_missing", "Label", why, { to: stem })];
    return [finding("label_missing", { key: "Label", why, next: "give it a name such as com.you.what-it-does" })];
  }
  if (stem === undefined || stem === label) return [];
  const why = `the file is called ${stem}.plist: who looks for ${label} does not find it`;
  return [finding("label_differs", { key: "Label", why, next: `call the file ${label}.plist, or give it this label` })];
}

function keyFindings(key: string, value: PropertyValue): LintFinding[] {
  if (OBSOLETE.has(key)) return [ofKey("obsolete_key", key, "launchd does not look at it any more", {})];
  const types = KEYS[key];
  if (types === undefined) return [unknownKey([key], Object.keys(KEYS))];
  return typeFindings([key], value, types);
}

function conditionFindings(key: string, value: PropertyValue): LintFinding[] {
  if (key === "NetworkState")
    return [nested("obsolete_key", ["KeepAlive", key], "launchd does not look at it any more", {})];
  const types = KEEP_ALIVE[key];
  if (types === undefined) return [unknownKey(["KeepAlive", key], Object.keys(KEEP_ALIVE))];
  const found = typeFindings(["KeepAlive", key], value, types);
  if (!isDict(value)) return found;
  const inner = Object.entries(value).flatMap(([name, one]) =>
    typeFindings(["KeepAlive", key, name], one, ["yes or no"]),
  );
  return [...found, ...inner];
}

function unknownKey(path: readonly string[], known: readonly string[]): LintFinding {
  const near = nearest(path.at(-1) ?? "", known);
  const next = near === undefined ? "take it out" : `did you mean ${near}?`;
  return finding("unknown_key", { key: path.join("."), why: "launchd does not know it, and says nothing", next });
}

function typeFindings(path: readonly string[], value: PropertyValue, types: readonly Type[]): LintFinding[] {
  if (types.some((type) => isOf(value, type))) return [];
  const to = types.map((type) => madeOf(value, type)).find((made) => made !== undefined) ?? pathStateOf(path, value);
  const why = `${nameOf(value)}, where launchd wants ${types.map((type) => WORDS[type]).join(" or ")}`;
  if (to !== undefined) return [nested("wrong_type", path, why, { to })];
  return [finding("wrong_type", { key: path.join("."), why, next: "write it as what launchd wants" })];
}

function nested(
  code: "wrong_type" | "obsolete_key",
  path: readonly string[],
  why: string,
  to: { readonly to?: PropertyValue },
): LintFinding {
  return finding(code, { key: path.join("."), why, mend: { key: path, ...to } });
}

const WORDS: Readonly<Record<Type, string>> = {
  text: "a <string>",
  whole: "an <integer>",
  "yes or no": "<true/> or <false/>",
  list: "an <array>",
  texts: "an <array> of <string>",
  dict: "a <dict>",
};

function isOf(value: PropertyValue, type: Type): boolean {
  switch (type) {
    case "text":
      return typeof value === "string";
    case "whole":
      return Number.isSafeInteger(value);
    case "yes or no":
      return typeof value === "boolean";
    case "list":
      return isList(value);
    case "texts":
      return isList(value) && value.every((one) => typeof one === "string");
    case "dict":
      return isDict(value);
  }
}

/** The value as another type, where there is no doubt what it would be. */
function madeOf(value: PropertyValue, type: Type): PropertyValue | undefined {
  const text = typeof value === "string" ? value.trim() : undefined;
  const word = typeof value === "number" ? String(value) : text;
  if (type === "whole" && text !== undefined && /^[+-]?\d{1,9}$/.test(text)) return Number(text);
  if (type === "yes or no" && /^(?:true|yes|1)$/i.test(word ?? "")) return true;
  if (type === "yes or no" && /^(?:false|no|0)$/i.test(word ?? "")) return false;
  if (type === "texts" && text !== undefined && !/\s/.test(text)) return [text];
  if (type === "texts" && isList(value) && value.every((one) => typeof one === "string" || typeof one === "number"))
    return value.map(String);
  return undefined;
}

/** A path alone is meant as: while it is there. */
function pathStateOf([, condition]: readonly string[], value: PropertyValue): PropertyValue | undefined {
  return condition === "PathState" && typeof value === "string" ? { [value]: true } : undefined;
}

function nameOf(value: PropertyValue): string {
  if (typeof value === "string") return "a <string>";
  if (typeof value === "number") return Number.isInteger(value) ? "an <integer>" : "a <real>";
  if (typeof value === "boolean") return value ? "<true/>" : "<false/>";
  if (isList(value)) return isOf(value, "texts") ? "an <array>" : "an <array> with other things than <string> in it";
  return isDict(value) ? "a <dict>" : "a <date> or <data>";
}
