/** What is guarded, what it has to be, and what is not as it has to be: folded from the ledger. */
import { z } from "zod";
import type { Entry } from "./chain.ts";
import {
  type AcceptedComponent,
  type ComponentDrifted,
  type ComponentHealed,
  DRIFT_REASONS,
  type MovedComponent,
} from "./component-events.ts";
import { type HomedBase, plannedName } from "./component-place.ts";
import { contentSchema } from "./content.ts";

/** Times of the newest restorations that are remembered of each component. */
const HEALS_KEPT = 5;

export const fingerprintSchema = z.object({
  kind: z.enum(["file", "folder"]),
  mode: z.number(),
  owner: z.number(),
  sha256: z.string().optional(),
  sizeBytes: z.number().optional(),
  content: contentSchema.optional(),
  /** When it was accepted, or written by an order. */
  since: z.string(),
  by: z.string(),
});
export type Fingerprint = z.infer<typeof fingerprintSchema>;

const driftSchema = z.object({
  reason: z.enum(DRIFT_REASONS),
  message: z.string(),
  since: z.string(),
  /** When it was last found as it has to be; absent where nobody had looked. */
  seen: z.string().optional(),
  /** When it was last told. */
  told: z.string(),
});
export type Drift = z.infer<typeof driftSchema>;

export const componentsSchema = z.object({
  /** By what they are called: component-place.ts. */
  guarded: z.record(z.string(), fingerprintSchema),
  drifts: z.record(z.string(), driftSchema),
  /** When each was put back, the newest last. */
  heals: z.record(z.string(), z.array(z.string())),
});
export type Components = z.infer<typeof componentsSchema>;

export const NO_COMPONENTS: Components = { guarded: {}, drifts: {}, heals: {} };

/** The components with one more entry. */
export function foldComponents(components: Components, entry: Entry): Components {
  switch (entry.event) {
    case "components_accepted": {
      const added = entry.components.map((one) => [one.path, fingerprintOf(one, entry.ts, entry.by)] as const);
      const guarded = { ...components.guarded, ...Object.fromEntries(added) };
      return { ...components, guarded };
    }
    case "components_released":
      return without(components, entry.paths);
    case "patch_applied":
      return (entry.components ?? []).reduce((all, one) => moved(all, one, entry.ts, entry.wo_id), components);
    case "wo_pipeline_drift":
      return {
        ...components,
        drifts: { ...components.drifts, [entry.missing]: driftOf(entry, components.drifts[entry.missing], entry.ts) },
      };
    case "wo_pipeline_healed":
      return healed(components, entry, entry.ts);
    default:
      return components;
  }
}

function fingerprintOf(component: AcceptedComponent, since: string, by: string): Fingerprint {
  const { kind, mode, owner, sha256, size_bytes: sizeBytes, content } = component;
  return { kind, mode, owner, since, by, ...(content === undefined ? {} : { sha256, sizeBytes, content }) };
}

function moved(
  components: Components,
  { path, mode, ...image }: MovedComponent,
  since: string,
  by: string,
): Components {
  const before = components.guarded[path];
  if (before === undefined) return components;
  if (image.content === undefined || mode === undefined) return without(components, [path]);
  const { sha256, size_bytes: sizeBytes, content } = image;
  const now = { kind: "file" as const, owner: before.owner, mode, sha256, sizeBytes, content, since, by };
  return { ...components, guarded: { ...components.guarded, [path]: now } };
}

function without({ guarded, drifts, heals }: Components, paths: readonly string[]): Components {
  const gone = new Set(paths);
  const rest = <T>(record: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(record).filter(([path]) => !gone.has(path)));
  return { guarded: rest(guarded), drifts: rest(drifts), heals: rest(heals) };
}

function driftOf(
  { reason, message, since, last_seen }: ComponentDrifted,
  before: Drift | undefined,
  ts: string,
): Drift {
  const seen = last_seen ?? before?.seen;
  return { reason, message, since: since ?? ts, ...(seen === undefined ? {} : { seen }), told: ts };
}

function healed({ guarded, drifts, heals }: Components, { path, restored }: ComponentHealed, ts: string): Components {
  const { [path]: _over, ...rest } = drifts;
  const times = restored ? { [path]: [...(heals[path] ?? []), ts].slice(-HEALS_KEPT) } : {};
  return { guarded, drifts: rest, heals: { ...heals, ...times } };
}

/** What a plan makes of guarded files, for the entry that says it was carried out. */
export function movedComponents(
  { guarded }: Components,
  base: HomedBase,
  plan: readonly { readonly root: string; readonly path: string; readonly after?: Omit<MovedComponent, "path"> }[],
): readonly MovedComponent[] {
  return plan.flatMap((file) => {
    const path = plannedName(base, file);
    return path === undefined || guarded[path] === undefined ? [] : [{ path, ...file.after }];
  });
}
