/** `wo agent …`: the verbs about programs that launchd keeps, and about git's hooks. Loaded when somebody types one of them. */
import type { Command } from "commander";
import type { UninstallOptions } from "./agent-control.ts";
import type { HookOptions } from "./agent-hooks.ts";
import type { LintOptions } from "./agent-lint.ts";
import type { InstallOptions } from "./agent-plan.ts";
import type { PrintOptions } from "./agent-print.ts";
import type { Run } from "./program.ts";

/** Adds the verbs to their group. */
export function addAgentVerbs(agent: Command, run: Run): void {
  addLaunchdVerbs(agent, run);
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

function addLaunchdVerbs(agent: Command, run: Run): void {
  agent
    .command("install")
    .description(
      "have launchd keep the daemon, from login on: a copy of the program, two property lists, and a look at whether it works",
    )
    .option("-n, --dry-run", "show every file and every command; nothing is written")
    .option("--force", "also over a property list of somebody else, which is kept beside; also on another volume")
    .action((options: InstallOptions) =>
      run(async (context) => (await import("./agent-install.ts")).installAgents(context, options)),
    );
  agent
    .command("uninstall")
    .description("take both out of launchd and remove their property lists; never the vault")
    .option("--purge-program", "remove the copies of the program, too")
    .action((options: UninstallOptions) =>
      run(async (context) => (await import("./agent-control.ts")).uninstallAgents(context, options)),
    );
  agent
    .command("start")
    .description("load and start what is installed, also where it was switched off")
    .action(() => run(async (context) => (await import("./agent-control.ts")).startAgents(context)));
  agent
    .command("stop")
    .description("take both out of launchd until the next login")
    .action(() => run(async (context) => (await import("./agent-control.ts")).stopAgents(context)));
  agent
    .command("restart")
    .description("a new daemon; loaded anew where the property list has changed")
    .action(() => run(async (context) => (await import("./agent-control.ts")).restartAgents(context)));
  agent
    .command("status")
    .description("how each agent is: file, launchd, daemon; 0 only when all is well")
    .action(() => run(async (context) => (await import("./agent-status.ts")).showAgents(context)));
  agent
    .command("print")
    .description("the property lists as they would be written; changes nothing")
    .argument("[label]")
    .option("--systemd", "units for systemd's user manager instead")
    .action((label: string | undefined, options: PrintOptions) =>
      run(async (context) => (await import("./agent-print.ts")).printAgents(context, label, options)),
    );
}
