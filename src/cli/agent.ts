/** `wo agent …`: the verbs about programs that launchd keeps, and about git's hooks. Loaded when somebody types one of them. */
import type { Command } from "commander";
import type { HookOptions } from "./agent-hooks.ts";
import type { LintOptions } from "./agent-lint.ts";
import type { Run } from "./program.ts";

/** Adds the verbs to their group. */
export function addAgentVerbs(agent: Command, run: Run): void {
  agent
    .command("lint")
    .description("what is wrong with property lists of launchd, and what they would be without it")
    .argument("<file...>")
    .option("--fix", "write what can be mended, and keep the old file beside it")
    .action((files: string[], options: LintOptions) =>
      run(async (context) => (await import("./agent-lint.ts")).lintAgents(context, files, options)),
    );
  const hooks = agent
    .command("hooks")
    .description("git's hooks that write down which command moved a branch, for `wo why` and `wo forensics`");
  hooks
    .command("install")
    .description("write them beside the hooks that are there; one of somebody else is never replaced")
    .option("--snapshot", "keep what git does not have before each rebase")
    .action((options: HookOptions) =>
      run(async (context) => (await import("./agent-hooks.ts")).installGitHooks(context, options)),
    );
  hooks
    .command("uninstall")
    .description("remove them; nobody else's")
    .action(() => run(async (context) => (await import("./agent-hooks.ts")).uninstallGitHooks(context)));
  hooks
    .command("status")
    .description("which are there, and what they wrote last")
    .action(() => run(async (context) => (await import("./agent-hooks.ts")).showGitHooks(context)));
}
