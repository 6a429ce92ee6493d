/**
 * A whole order as one schema, for editors: composed of the shapes that the reader uses, so that the two cannot drift
 * apart. It never flags what the reader accepts. Where the reader is stricter than a JSON Schema can say, or than it is
 * worth saying twice, the schema is silent, and `wo check` tells:
 * - what depends on another place: `body_file` outside of a folder, `allow_delete`, `path_acl`, an id that comes from the file's name, keys that stand twice;
 * - the inputs of an `op` at the top beyond their being there, and whether a word for a task stands beside other work;
 * - what a text holds: diffs, operations in a text, words for yes and no, a command that YAML has cut at a colon;
 * - upper limits of time and number, which the reader takes after rounding; NUL in a command; half characters.
 */
import { z } from "zod";
import {
  action,
  clcPatch,
  commands,
  ENGINE,
  edits,
  files,
  hasCommand,
  isSound,
  lpeOps,
  lpePatch,
  notAMap,
  operations,
  operationsFile,
  operationsHash,
  patchEngine,
  payload,
  steps,
  suggested,
  topInputs,
  topOperation,
} from "./action-schemas.ts";
import { ID, ID_KEYS } from "./header.ts";
import { PRIORITIES } from "./order.ts";
import { NOT_YET } from "./read-order.ts";
import { at, has, isGivenKey, when } from "./schema-rules.ts";

/** Draft 7: what editors read best, also those that take JSON orders. */
const DRAFT = "draft-07";
const DEFINITIONS = "#/definitions/";

const anything = (description: string) => z.unknown().optional().describe(description);
/** `true` asks for it, and everything else does not. */
const flag = (description: string) => z.union([z.boolean(), z.unknown()]).optional().describe(description);
/** A map of which these keys are read; where no map stands, nothing is. */
const open = (shape: z.core.$ZodLooseShape, description: string) =>
  z
    .union([z.looseObject(shape), notAMap])
    .optional()
    .describe(description);

const ID_MESSAGE = "letters, digits, dot, dash and underscore, beginning with a letter or digit, 128 at most";
const orderId = z
  .union([z.string().regex(ID).meta({ errorMessage: ID_MESSAGE }), z.number().meta({ errorMessage: ID_MESSAGE })])
  .meta({ id: "orderId" });

/** Ids: the first that is there counts, and only that one has to be sound. */
const idRules = ID_KEYS.map((keys) => keys.map(String)).map((path, index, all) => {
  const isSoundId = at(path, { $ref: `${DEFINITIONS}orderId` });
  const former = all.slice(0, index).map(has);
  return former.length === 0 ? isSoundId : when({ not: { anyOf: former } }, isSoundId);
});

/** A command at the top of the order, where one of its keys asks for it. */
const topStep = when(
  { anyOf: ["skill", "cmd", "code", "run", "command"].map(isGivenKey) },
  {
    allOf: [
      hasCommand,
      isSound,
      {
        properties: Object.fromEntries(
          ["skill", "cmd", "code", "run", "command", "args", "timeout", "timeout_ms"].map((key) => [
            key,
            { $ref: `${DEFINITIONS}step/properties/${key}` },
          ]),
        ),
      },
    ],
  },
);

const rollback = when(
  {
    required: ["rollback_on_failure"],
    properties: {
      rollback_on_failure: { const: true },
      rollback: { not: { ...has(["enabled"]), properties: { enabled: { const: false } } } },
    },
  },
  {
    required: ["rollback"],
    properties: {
      rollback: {
        type: "object",
        required: ["steps"],
        properties: { steps: { type: "array", minItems: 1, items: { $ref: `${DEFINITIONS}command` } } },
      },
    },
    errorMessage: "a rollback is asked for, and no step of it",
  },
);

const yesOrNo = (description: string) => z.union([z.boolean(), z.string()]).nullable().optional().describe(description);

/** What an order may hold besides its actions, and what editors show of it. */
const header = {
  wo_id: orderId.optional().describe("Who the order is, once and for ever; its file's name if unsaid."),
  id: anything("As `wo_id`, where that is not given."),
  work_order_id: anything("As `wo_id`, where no other id is given."),
  task_id: anything("As `wo_id`, where no other id is given."),
  title: anything("What it is called in lists."),
  summary: anything("What it is about, in a sentence or two."),
  description: anything("What it is about, in a sentence or two."),
  priority: suggested(PRIORITIES, "How urgent it is: P0 to P3, or a word; within a lane the most urgent goes first."),
  owner: anything("Who answers for it."),
  tags: anything("Words to find it by, as a list or with commas."),
  notes: anything("For people; shown as written."),
  metadata: open(
    { dry_run: yesOrNo("As `dry_run`.") },
    "Anything; of it only `dry_run`, `priority` and `tags` are read.",
  ),
  dry_run: yesOrNo("It rests as `planned`: what it would do is recorded, and nothing is touched."),
  safety_mode: suggested(["dry-run"], "`dry-run` is the same as `dry_run: true`."),
  supersedes: z
    .string()
    .regex(ID)
    .meta({ errorMessage: "supersedes is the id of one order" })
    .nullable()
    .optional()
    .describe("The id of the one order that this one takes the place of."),
  body_file: anything("In the header of a folder order: the file in it that holds the rest."),
  on_interrupt: suggested(["fail", "retry"], "What becomes of a command whose end a crash has lost; `fail` if unsaid."),
  allow_delete: flag("Patch engines' orders may delete files, and guarded files may be deleted."),
  allow_create: anything("Patch engines' orders may append to files that are not there."),
  path_acl: anything("Files and folders within which a patch engine's operations have to stay."),
};

/** Forms that ask for work and are not carried out. */
const refused = Object.fromEntries(
  NOT_YET.map((key) => [
    key,
    z
      .null()
      .optional()
      .meta({
        description: "This form is not carried out.",
        errorMessage: `"${key}" asks for work in a form that is not carried out`,
        doNotSuggest: true,
      }),
  ]),
);

const order = z
  .looseObject({
    ...header,
    files,
    edits,
    operations,
    patch: z
      .union([z.string(), z.looseObject({ ops: lpeOps.describe(ENGINE) })])
      .nullable()
      .optional()
      .describe("A unified diff: its own headers name its files."),
    diff: z.string().nullable().optional().describe("A unified diff: its own headers name its files."),
    patch_content: z.string().nullable().optional().describe("A unified diff: its own headers name its files."),
    payload,
    action,
    op: topOperation,
    inputs: anything("What `op` needs: for an operation on a file, the keys that it has in `operations`."),
    task_spec: open({ operations }, "A task: its `operations` on files."),
    clc_patch: clcPatch,
    lpe_patch_ops: patchEngine,
    lpe_patch_inline: patchEngine,
    lpe_patch_file: operationsFile,
    lpe_patch_file_sha256: operationsHash,
    lpe_patch: lpePatch.nullable().optional().describe("Operations of a patch engine, with what they may do."),
    environment: open(
      {
        required: z
          .array(z.string().regex(/^[A-Za-z_]\w*$/))
          .nullable()
          .optional()
          .describe("Names of variables; one that is missing fails the order before anything is done."),
        validation: commands("Commands that have to succeed before any file is touched."),
      },
      "What has to be so before anything is done.",
    ),
    steps: steps("Commands that run after the files, one after the other, in the base."),
    commands: commands("As `steps`, where plain texts are commands, too."),
    skill: anything("What runs the command at the top of the order: bash, sh, zsh, python, node."),
    run: anything("One command, as a shell gets it, in the base."),
    cmd: anything("One command, as a shell gets it, in the base."),
    command: anything("One command, as a shell gets it, in the base."),
    code: anything("One program's text, for the interpreter that `skill` names."),
    args: anything("The words behind the program that `skill` names."),
    timeout: anything("How long the command at the top may take: 90s, 5m, or a number of milliseconds."),
    timeout_ms: anything("How long the command at the top may take, in milliseconds."),
    timeout_sec: anything("How long each command may take that says nothing of its own, in seconds."),
    post_verify: commands("Checks that run last; a failure has class `check_failed`."),
    tests: steps("Checks that run last: `{name, command, expected}`; a failure has class `check_failed`."),
    post_deploy: open(
      {
        success: commands("Commands that run when all went well."),
        failure: commands("Commands that run after a failure; the order stays failed for what failed first."),
      },
      "What follows when the order is through.",
    ),
    rollback: anything("`steps` that run after a failure, where `rollback_on_failure: true` asks for them."),
    rollback_on_failure: flag("After a failure `rollback.steps` run."),
    ...refused,
  })
  .meta({
    $id: "urn:wo-bridge:work-order",
    title: "Work order",
    description: "Files to write, edits, commands and checks; what is only said about the order may be anything.",
    allOf: [...idRules, topStep, topInputs, rollback],
  });

/** The schema as the text of a JSON file. The same bytes on every machine. */
export function schemaText(): string {
  return `${JSON.stringify(z.toJSONSchema(order, { target: DRAFT, io: "input" }), undefined, 2)}\n`;
}
