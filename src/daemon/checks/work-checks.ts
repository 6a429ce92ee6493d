/** What comes in, and whether its commands can be kept to their base. */
import { join } from "node:path";
import { BridgeFolders } from "../../bridge/lanes.ts";
import { kindOfName } from "../../bridge/names.ts";
import { isoTime } from "../../platform/clock.ts";
import { typedWord } from "../../platform/shell.ts";
import type { OrderIndex } from "../../records/order-index.ts";
import { Vault } from "../../records/vault.ts";
import type { Finding } from "../../upkeep/doctor.ts";
import type { BoundBase } from "../base.ts";
import { laneRules } from "../config.ts";
import type { Ground } from "../opening.ts";
import { Sandbox } from "../sandbox.ts";
import { configInEffect, configPath } from "../settings.ts";
import { placeRules } from "../surroundings.ts";

const FILE_WAITS_MS = 60_000;

/** What the work calls for by name, whatever lanes there are. */
const PROGRAMS = ["git", "sh"] as const;

/** Programs that the daemon of this base looks for on its PATH. */
export function programsOf({ files }: Ground, base: BoundBase, { facts }: OrderIndex): readonly string[] {
  const { config } = configInEffect(files, new Vault(files, base.vault), facts, configPath(base.path));
  const isSigned = Object.keys(config.lanes).some((lane) => laneRules(config, lane).signature === "required");
  return isSigned ? [...PROGRAMS, "ssh-keygen"] : PROGRAMS;
}

export function inboxFindings({ files, machine, clock }: Ground, base: BoundBase): Finding[] {
  const { lanes, faults } = new BridgeFolders(files, base.path, machine.userId).list();
  const broken = faults.map(({ lane, message }): Finding => {
    const folder = typedWord(join(base.path, "bridge", "inbox", lane));
    return {
      mark: "error",
      seen: `lane ${lane} is not read: ${message}`,
      next: `ls -ld ${folder}    (mend its owner or mode)`,
    };
  });
  const waiting = lanes.flatMap(({ name: lane, folder }) =>
    (files.list(folder) ?? []).flatMap(({ name }) => {
      const modifiedMs = kindOfName(name) === "order" ? files.info(join(folder, name))?.modifiedMs : undefined;
      return modifiedMs === undefined || clock.now() - modifiedMs < FILE_WAITS_MS ? [] : [{ lane, name, modifiedMs }];
    }),
  );
  const [oldest] = waiting.toSorted((a, b) => a.modifiedMs - b.modifiedMs);
  const late: Finding[] =
    oldest === undefined
      ? []
      : [
          {
            mark: "warning",
            seen: `${waiting.length} files are not taken, the oldest is ${oldest.lane}/${oldest.name}`,
            since: isoTime(oldest.modifiedMs),
            next: "wo status",
          },
        ];
  const found = [...broken, ...late];
  return found.length > 0 ? found : [{ mark: "ok", seen: `${lanes.length} lanes, nothing waits to be taken` }];
}

export async function sandboxFindings(ground: Ground, base: BoundBase, { facts }: OrderIndex): Promise<Finding[]> {
  const { files } = ground;
  const vault = new Vault(files, base.vault);
  const { config } = configInEffect(files, vault, facts, configPath(base.path));
  const rules = (lane: string) => placeRules(ground, base, config, lane);
  const sandbox = new Sandbox({ ...ground, vault: base.vault, config: () => config, placeRules: rules });
  await sandbox.look();
  const bound = Object.keys(config.lanes).filter((lane) => laneRules(config, lane).sandbox === "required");
  const missing = bound.flatMap((lane) => sandbox.missing(lane) ?? [])[0];
  if (missing !== undefined) return [{ mark: "error", seen: `${bound.join(", ")}: ${missing}`, next: "wo status" }];
  const [found = "", ...chosen] = sandbox.notes();
  const first: Finding = sandbox.isOn
    ? { mark: "ok", seen: found }
    : { mark: "warning", seen: found, next: "wo doctor --explain sandbox" };
  return [first, ...chosen.map((seen): Finding => ({ mark: "ok", seen }))];
}
