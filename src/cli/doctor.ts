/** `wo doctor`: is everything as it should be, and what to type where it is not. Runs with the daemon dead, too. */
import { checksOf, type Patient } from "../daemon/checkup.ts";
import { EXIT } from "../platform/errors.ts";
import { thisNode } from "../platform/self.ts";
import { countsOf, examine } from "../upkeep/doctor.ts";
import { answer, type Context, complain } from "./context.ts";
import { health } from "./daemon.ts";
import { boundBase } from "./daemon-client.ts";
import { groundOf } from "./ground.ts";
import { doctorText } from "./views/doctor-view.ts";

/** A daemon that works answers within milliseconds. */
const SILENCE_MS = 1000;

/** Looks at everything; 1 when something is wrong, or could not be told. */
export async function examineAll(context: Context): Promise<number> {
  const findings = await examine(checksOf(patientOf(context)), context.clock);
  const counts = countsOf(findings);
  answer(context, "doctor", { counts, findings }, () => doctorText(context.terminal, findings, context.clock.now()));
  return counts.error + counts.unknown === 0 ? EXIT.yes : EXIT.no;
}

/** What a check looks at, and what it means. */
export function explainCheck(context: Context, code: string): number {
  const checks = checksOf(patientOf(context));
  const check = checks.find((one) => one.code === code);
  if (check === undefined) {
    const hint = `one of: ${checks.map((one) => one.code).join(", ")}`;
    complain(context, { code: "usage", message: `there is no check ${code}`, hint });
    return EXIT.usage;
  }
  answer(context, "check", { code, about: check.about }, () => `${code}: ${check.about}`);
  return EXIT.yes;
}

/** What the checks look at. */
export function patientOf(context: Context): Patient {
  return {
    ground: groundOf(context),
    bound: () => boundBase(context),
    node: thisNode(),
    health: () => health(context, SILENCE_MS),
  };
}
