/** An agent as systemd's user manager wants it: what a developer on Linux has. Every value is escaped for the place it stands in. */
import { err, ok, type Result } from "../../platform/result.ts";
import { type AgentSpec, specFaults } from "./agent-spec.ts";

/** File name → text: the service, and its timer where it runs at intervals. The error holds every reason against it. */
export function systemdUnits(spec: AgentSpec): Result<Readonly<Record<string, string>>, readonly string[]> {
  const faults = specFaults(spec);
  if (faults.length > 0) return err(faults);
  const service = unit({
    Unit: { Description: inPlace(spec.label) },
    Service: serviceKeys(spec),
    Install: installKeys(spec),
  });
  if (spec.life.kind === "stays") return ok({ [`${spec.label}.service`]: service });
  const every = `${spec.life.intervalSec}s`;
  const timer = unit({
    Unit: { Description: inPlace(spec.label) },
    Timer: { OnActiveSec: "0s", OnUnitActiveSec: every },
    Install: { WantedBy: "timers.target" },
  });
  return ok({ [`${spec.label}.service`]: service, [`${spec.label}.timer`]: timer });
}

type Keys = Readonly<Record<string, string | readonly string[]>>;

function serviceKeys({ argv, env, cwd, life, stopGraceSec, logs, umask }: AgentSpec): Keys {
  const restart: Keys =
    life.kind === "stays"
      ? { Restart: life.restart === "always" ? "always" : "on-failure", RestartSec: `${life.throttleSec}s` }
      : {};
  return {
    Type: life.kind === "stays" ? "exec" : "oneshot",
    ExecStart: argv.map((word) => quotedWord(word).replaceAll("$", "$$$$")).join(" "),
    Environment: Object.entries(env).map(([name, value]) => quotedWord(`${name}=${value}`)),
    WorkingDirectory: inPlace(cwd),
    ...restart,
    // Commands on their way have a host of their own that outlives the daemon.
    KillMode: "process",
    TimeoutStopSec: `${stopGraceSec}s`,
    UMask: umask.toString(8).padStart(4, "0"),
    StandardOutput: `append:${inPlace(logs.stdout)}`,
    StandardError: `append:${inPlace(logs.stderr)}`,
  };
}

function installKeys({ life }: AgentSpec): Keys {
  return life.kind === "stays" ? { WantedBy: "default.target" } : {};
}

function unit(sections: Readonly<Record<string, Keys>>): string {
  const parts = Object.entries(sections).flatMap(([section, keys]) => {
    const lines = Object.entries(keys).flatMap(([key, value]) => [value].flat().map((one) => `${key}=${one}`));
    return lines.length === 0 ? [] : [`[${section}]\n${lines.join("\n")}\n`];
  });
  return parts.join("\n");
}

/** For values that are one path or text to their line's end. */
function inPlace(text: string): string {
  return text.replaceAll("%", "%%");
}

/** One word among several. */
function quotedWord(word: string): string {
  return `"${inPlace(word).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
