/** `wo agent lint FILE…`: property lists of launchd, judged on this machine; with --fix what can be mended is written. */
import { resolve } from "node:path";
import { EXIT } from "../platform/errors.ts";
import { thisGround } from "../upkeep/agents/lint-ground.ts";
import { type FileAnswer, lintFiles, mendFile, remaining } from "../upkeep/agents/mend-file.ts";
import { answer, type Context } from "./context.ts";
import { lintText } from "./views/agent-view.ts";

export interface LintOptions {
  readonly fix?: boolean;
}

/** Judges each file; 2 when one is not there, 1 when anything is wrong, or could not be told. */
export async function lintAgents(context: Context, typed: readonly string[], options: LintOptions): Promise<number> {
  const { files, machine, terminal } = context;
  const ground = await thisGround(files, machine);
  const paths = typed.map((path) => resolve(machine.currentFolder, path));
  const answers: FileAnswer[] = [];
  for (const one of await lintFiles(files, ground, paths))
    answers.push(options.fix === true ? await mendFile(files, ground, one) : one.report);
  const counts = { error: 0, warning: 0, unknown: 0 };
  for (const { mark } of answers.flatMap(remaining)) counts[mark] += 1;
  answer(context, "agent_lint", { counts, files: answers }, () => lintText(terminal, answers, counts));
  if (answers.some(({ findings }) => findings.some(({ code }) => code === "absent"))) return EXIT.usage;
  return counts.error + counts.warning + counts.unknown === 0 ? EXIT.yes : EXIT.no;
}
