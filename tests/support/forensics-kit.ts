/** What reports and lessons of `wo forensics` have to be, as their readers have it: written down here, not taken from the product. */
import { Ajv } from "ajv";

const lines = { type: "array", items: { type: "string", minLength: 1 } };
const text = { type: "string", minLength: 1 };
/** The founding document's, and what may stand beside it. */
export const isReport = new Ajv().compile({
  type: "object",
  required: ["investigation_date", "time_window", "findings", "recommendation"],
  properties: {
    investigation_date: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}T[\\d:.]+Z$" },
    time_window: { type: "string", pattern: "^\\S+ - \\S+$" },
    findings: {
      type: "object",
      required: ["git_events", "rollback_scripts", "launchagent_failures", "likely_cause"],
      properties: { git_events: lines, rollback_scripts: lines, launchagent_failures: lines, likely_cause: text },
      additionalProperties: lines,
    },
    recommendation: text,
  },
});
/** What the ledger of lessons takes. */
export const isLesson = new Ajv({ allowUnionTypes: true }).compile({
  type: "object",
  required: ["ts", "type", "title", "summary", "source", "author", "confidence"],
  properties: {
    ts: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\+0700$" },
    type: { enum: ["pattern"] },
    title: { type: "string", minLength: 3 },
    summary: { type: "string", minLength: 3 },
    source: {
      type: "object",
      required: ["producer"],
      properties: {
        producer: { enum: ["cls", "codex", "clc", "gemini"] },
        context: { enum: ["ci", "wo", "local"] },
        artifact: text,
        artifact_path: text,
      },
      additionalProperties: false,
    },
    links: {
      type: "object",
      properties: { followup_id: { type: ["string", "null"] }, wo_id: { type: ["string", "null"] } },
      additionalProperties: false,
    },
    tags: lines,
    author: text,
    confidence: { type: "number", minimum: 0, maximum: 1 },
  },
  additionalProperties: false,
});
