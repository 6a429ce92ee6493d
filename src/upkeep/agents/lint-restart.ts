/** When a job is started, started again, and stopped. */
import { isDict } from "../../platform/property-list.ts";
import { finding, type Job, type LintFinding, ofKey } from "./job.ts";

const THROTTLE_SEC = 10;
const THROTTLE_MIN_SEC = 5;
const EXIT_TIMEOUT_SEC = 30;
/** What launchd gives by itself. */
const EXIT_TIMEOUT_MIN_SEC = 5;

export function lintRestart({ dict }: Job): LintFinding[] {
  const { KeepAlive, ThrottleInterval: throttle, AbandonProcessGroup, EnableTransactions, EnablePressuredExit } = dict;
  const found: LintFinding[] = [];
  const interval = ["StartInterval", "StartCalendarInterval"].find((key) => dict[key] !== undefined);
  const keeps = KeepAlive === true || isDict(KeepAlive);
  if (keeps && interval !== undefined) {
    const why = `KeepAlive starts it again as soon as it ends, every 10 s, whatever ${interval} says`;
    found.push(ofKey("interval_and_keepalive", "KeepAlive", why, {}));
  }
  if (KeepAlive === true && interval === undefined && throttle === undefined) {
    const why =
      "KeepAlive without ThrottleInterval: a program that fails at once is started without an end, and nothing says how often";
    found.push(ofKey("keepalive_without_throttle", "ThrottleInterval", why, { to: THROTTLE_SEC }));
  }
  if (isDict(KeepAlive))
    found.push(...conditionFindings(KeepAlive["SuccessfulExit"] === true, KeepAlive["Crashed"] === false, KeepAlive));
  if (typeof throttle === "number" && throttle < THROTTLE_MIN_SEC) {
    const why = `${throttle} s between two starts: a program that fails fills its log within hours`;
    found.push(ofKey("throttle_short", "ThrottleInterval", why, { to: THROTTLE_SEC }));
  }
  found.push(...exitFindings(dict["ExitTimeOut"]));
  if (EnableTransactions === true)
    found.push(
      ofKey(
        "transactions",
        "EnableTransactions",
        "a program that opens no transactions is killed at once when it is stopped",
        {},
      ),
    );
  if (EnablePressuredExit === true)
    found.push(
      ofKey("pressured_exit", "EnablePressuredExit", "SIGTERM is ignored until the program says otherwise", {}),
    );
  if (AbandonProcessGroup === true)
    found.push(
      ofKey(
        "abandons_group",
        "AbandonProcessGroup",
        "what the program started lives on when it has ended, and runs beside its next start",
        {},
      ),
    );
  return found;
}

function conditionFindings(onSuccess: boolean, crashedFalse: boolean, conditions: object): LintFinding[] {
  const found: LintFinding[] = [];
  if (onSuccess) {
    const why = "started again each time it did its work, and left alone when it failed: the wrong way round";
    const mend = { key: ["KeepAlive", "SuccessfulExit"], to: false };
    found.push(finding("restarts_on_success", { key: "KeepAlive.SuccessfulExit", why, mend }));
  }
  if (crashedFalse) {
    const why = "conditions are joined by OR: this one holds after every clean end, and starts it again every 10 s";
    const isAlone = Object.keys(conditions).length === 1;
    const mend = isAlone ? { key: ["KeepAlive"], to: { SuccessfulExit: false } } : { key: ["KeepAlive", "Crashed"] };
    found.push(finding("crashed_false", { key: "KeepAlive.Crashed", why, mend }));
  }
  return found;
}

function exitFindings(seconds: unknown): LintFinding[] {
  const to = { to: EXIT_TIMEOUT_SEC };
  if (seconds === undefined) {
    const why = `without it the program has some ${EXIT_TIMEOUT_MIN_SEC} s from SIGTERM to SIGKILL`;
    return [ofKey("exit_timeout_missing", "ExitTimeOut", why, to)];
  }
  if (typeof seconds !== "number" || seconds >= EXIT_TIMEOUT_MIN_SEC) return [];
  const why =
    seconds === 0
      ? "0 means for ever: a program that hangs is never stopped"
      : `${seconds} s is less than launchd gives by itself`;
  return [ofKey("exit_timeout_short", "ExitTimeOut", why, to)];
}
