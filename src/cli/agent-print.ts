/** `wo agent print [LABEL]`: what would be written, for launchd or for systemd. Changes nothing, and needs neither. */
import { EXIT } from "../platform/errors.ts";
import { launchdPlist } from "../upkeep/agents/launchd-plist.ts";
import { systemdUnits } from "../upkeep/agents/systemd-unit.ts";
import { specsOf, usualNode } from "./agent-ground.ts";
import { answer, type Context, complain } from "./context.ts";

export interface PrintOptions {
  readonly systemd?: boolean;
}

/** The texts of both agents, or of one; more than one file is headed by its name. */
export function printAgents(context: Context, label: string | undefined, { systemd }: PrintOptions): number {
  const base = context.files.realPath(context.basePath) ?? context.basePath;
  const node = usualNode(context);
  const specs = specsOf(context, base, node);
  const meant = specs.filter((spec) => label === undefined || spec.label === label);
  if (meant.length === 0) {
    const hint = `one of: ${specs.map((spec) => spec.label).join(", ")}`;
    complain(context, { code: "usage", message: `there is no agent ${label ?? ""}`, hint });
    return EXIT.usage;
  }
  const texts = new Map<string, string>();
  for (const spec of meant) {
    const plist = systemd === true ? undefined : launchdPlist(spec);
    const written = plist === undefined ? systemdUnits(spec) : plist;
    if (!written.ok) {
      const hint = "give the base a path of ordinary letters";
      complain(context, { code: "unfit_path", message: written.error.join("; "), hint });
      return EXIT.no;
    }
    const { value } = written;
    const named = typeof value === "string" ? { [`${spec.label}.plist`]: value } : value;
    for (const [name, text] of Object.entries(named)) texts.set(name, text);
  }
  if (node.warning !== undefined) context.terminal.err(`${node.warning.message}; ${node.warning.hint}`);
  answer(context, "agent_files", { files: Object.fromEntries(texts) }, () => textOf(texts, systemd === true));
  return EXIT.yes;
}

/** One text alone is the file itself. */
function textOf(texts: ReadonlyMap<string, string>, isSystemd: boolean): string {
  const [only] = texts.values();
  if (texts.size === 1 && only !== undefined) return only.trimEnd();
  const head = (name: string) => (isSystemd ? `# ${name}` : `<!-- ${name} -->`);
  return [...texts].map(([name, text]) => `${head(name)}\n${text.trimEnd()}`).join("\n\n");
}
