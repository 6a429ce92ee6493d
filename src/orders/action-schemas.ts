/**
 * The shapes of actions as editors get them: narrowed by what the reader asks of them behind the shape, so far as that
 * can be said of one action alone. None of them flags what the reader accepts.
 */
import { z } from "zod";
import { SHORTEST_MS, SKILLS } from "./commands.ts";
import { OPERATION_WORDS } from "./file-actions.ts";
import { anyOfKeys, has, isGivenKey, oneOfKeys, onlyKey, type Rule, when } from "./schema-rules.ts";
import {
  actionItem,
  clcPatchItem,
  editItem,
  fileItem,
  fileMapValue,
  lpeItem,
  MODE_TEXT,
  operationItem,
  payloadItem,
  stepItem,
  treePath,
} from "./shapes.ts";

/** Words that are offered; every other value is as good. */
export const suggested = (known: readonly string[], description: string, rest: z.ZodType = z.unknown()) =>
  z
    .union([z.enum([...known]), rest])
    .optional()
    .describe(description);
/** Where no map stands, nothing is asked for. */
export const notAMap = z.unknown().meta({ type: ["string", "number", "boolean", "null", "array"] });
/** The reader lets numbers through the shape to refuse them with a message of their own. */
const MODE_MESSAGE = 'a mode is octal text in quotes, such as "0755"';
const octal = z
  .string()
  .regex(MODE_TEXT)
  .optional()
  .meta({ description: fileItem.shape.mode.description, errorMessage: MODE_MESSAGE });
const isOctalMode: Rule = { type: "string", errorMessage: MODE_MESSAGE };
const isOctal: Rule = { properties: { mode: isOctalMode } };

const file = fileItem.extend({ mode: octal }).meta({
  id: "file",
  ...oneOfKeys(
    ["content", "patch", "delete", "move"],
    "one of `content`, `patch`, `delete: true`, `move`, or `sha256` to verify it",
    [onlyKey("sha256", ["content", "patch", "delete", "move", "mode"])],
  ),
});

const [fileText, fileTextAndMode] = fileMapValue.options;
const fileInMap = z.union([fileText, fileTextAndMode.extend({ mode: octal })]).meta({ id: "fileInMap" });
export const files = z
  .union([z.array(z.union([z.string().min(1), file])), z.record(z.string().min(1), fileInMap)])
  .nullable()
  .optional()
  .describe("Files to write, patch, move, delete or verify: a list, or a map from path to content.");

const edit = editItem.meta({
  id: "edit",
  allOf: [
    anyOfKeys(["path", "file"], "the edit has no `path`"),
    oneOfKeys(["after", "before", "replace"], "an edit has one of `after`, `before`, `replace`"),
  ],
});

export const edits = z
  .array(edit)
  .nullable()
  .optional()
  .describe("Texts that are found once in a file, and what goes there.");

const NAMED = ["path", "file", "file_path"] as const;
const SOURCE = ["source_path", "from"] as const;
const TARGET = ["to", "destination", "target_path"] as const;
const WORDS = [...OPERATION_WORDS.keys()];

/** The operation's word is one of these; the first of `op`, `operation`, `type` that is there is the word. */
function isWord(words: readonly string[], messages: { readonly none?: string; readonly other?: string } = {}): Rule {
  const word = { enum: words, errorMessage: messages.other };
  return {
    anyOf: [
      { required: ["op"], properties: { op: word }, errorMessage: messages.none },
      { required: ["operation"], properties: { op: false, operation: word } },
      { required: ["type"], properties: { op: false, operation: false, type: word } },
    ],
  };
}

function isKind(...kinds: readonly string[]): Rule {
  return isWord(WORDS.filter((word) => kinds.includes(OPERATION_WORDS.get(word) ?? "")));
}

const hasContent: Rule = { required: ["content"], errorMessage: 'no `content`; an empty file is `content: ""`' };

const operation = operationItem
  .extend({
    op: suggested(WORDS, operationItem.shape.op.description ?? "", z.string()),
    operation: suggested(WORDS, operationItem.shape.operation.description ?? "", z.string()),
    type: suggested(WORDS, operationItem.shape.type.description ?? "", z.string()),
  })
  .meta({
    id: "operation",
    allOf: [
      isWord(WORDS, {
        none: "nothing says which operation this is: `op: …`",
        other: `the operation is not known; known: ${WORDS.join(", ")}`,
      }),
      when(isKind("write", "append", "delete"), anyOfKeys(NAMED, "the operation has no `path`")),
      when(isKind("write", "append"), hasContent),
      when(isKind("write"), isOctal),
      when(isKind("diff"), anyOfKeys(["patch", "diff", "patch_content", "content"], "the operation has no `patch`")),
      when(isKind("move"), {
        // Two of the three say it all.
        allOf: [
          anyOfKeys([...SOURCE, ...NAMED], "the operation has no `source_path`"),
          anyOfKeys([...TARGET, ...NAMED], "the operation has no `to`"),
          anyOfKeys([...TARGET, ...SOURCE], "the operation has no `to`"),
        ],
      }),
    ],
  });
export const operations = z
  .array(operation)
  .nullable()
  .optional()
  .describe("Operations on files, one after the other.");

export const topOperation = suggested(
  WORDS,
  "One operation on a file, with its `inputs`; any other word is a task for a model or a person, and waits for one.",
  z.string().nullable(),
);
/** A word for an operation on a file says nothing without them. */
export const topInputs = when(
  { required: ["op"], properties: { op: { enum: WORDS } } },
  { required: ["inputs"], properties: { inputs: { type: "object" } }, errorMessage: "the operation has no `inputs`" },
);

const COMMAND_KEYS = ["run", "cmd", "command", "code", "args"] as const;
export const hasCommand = oneOfKeys(COMMAND_KEYS, "a step has one command: `run: …`, `cmd: …`, or `skill` with `args`");
const text: Rule = { pattern: "\\S", errorMessage: "the step has no command" };
export const isSound: Rule = {
  properties: { run: text, cmd: text, command: text, code: text, timeout: { minimum: SHORTEST_MS } },
};

const step = stepItem
  .extend({
    skill: z
      .enum([...SKILLS.keys()])
      .optional()
      .describe(stepItem.shape.skill.description ?? ""),
  })
  .meta({
    id: "step",
    allOf: [hasCommand, isSound],
  });
/** A command with a colon and a blank in it: YAML makes a map of it, and the reader a command again. */
const cutCommand = z
  .record(z.string(), z.unknown())
  .meta({ minProperties: 1, maxProperties: 1, propertyNames: { pattern: "\\S\\s+\\S" } });
const command = z.union([z.string().min(1), step, cutCommand]).meta({ id: "command" });
export const steps = (description: string) => z.array(step).nullable().optional().describe(description);
export const commands = (description: string) => z.array(command).nullable().optional().describe(description);

const PAYLOAD_MESSAGE =
  "nothing says what to do: `action` with `content`, `set_key_value` with `key` and `value`, or `patch_content`";
const SETTABLE = "\\.([Jj][Ss][Oo][Nn]|[Yy][Aa]?[Mm][Ll])$";
export const payload = z
  .union([
    payloadItem.meta({
      id: "payload",
      anyOf: [
        { required: ["action", "content"], properties: { action: { const: "append" } }, errorMessage: PAYLOAD_MESSAGE },
        {
          required: ["action", "content"],
          properties: { action: { enum: ["write", "create"] }, mode: isOctalMode },
        },
        {
          required: ["action", "key", "value"],
          properties: { action: { const: "set_key_value" }, file_path: { pattern: SETTABLE } },
        },
        onlyKey("patch_content", ["action", "content"]),
      ],
    }),
    // Data for somebody else.
    z.unknown().meta({ not: { anyOf: ["file_path", "action", "patch_content"].map((key) => has([key])) } }),
  ])
  .optional()
  .describe("One file, and what is done with it; without any of its keys it is data for somebody else.");

const isType = (...types: readonly string[]): Rule => ({ required: ["type"], properties: { type: { enum: types } } });
export const action = z
  .union([
    actionItem.meta({
      id: "action",
      allOf: [
        when(isType("run_shell"), anyOfKeys(["command", "cmd"], "the action has no `command`")),
        when(isType("patch_file"), anyOfKeys(["patch_content", "patch"], "the action has no `patch_content`")),
        when(
          isType("create_file", "write_file", "delete_file"),
          anyOfKeys(["target_file", "file", "path"], "the action has no `target_file`"),
        ),
        when(isType("create_file", "write_file"), { allOf: [hasContent, isOctal] }),
      ],
    }),
    notAMap,
  ])
  .optional()
  .describe("One thing to do: with a file, or a command; a text here is only a word about the order.");

const lpe = lpeItem.meta({
  id: "lpe",
  allOf: [
    {
      anyOf: [
        { required: ["content"], errorMessage: "the operation has no `content`" },
        { required: ["mode"], properties: { mode: { const: "delete_file" } } },
      ],
    },
    when(
      { required: ["mode"], properties: { mode: { enum: ["replace_block", "insert_before", "insert_after"] } } },
      { required: ["match"], errorMessage: "the operation has no `match`" },
    ),
  ],
});
const lpeList = z.array(lpe);
export const ENGINE = "Operations of a patch engine: each is done once, however often it is asked.";
export const lpeOps = z
  .union([lpeList, z.looseObject({ ops: lpeList.describe(ENGINE) }), z.string()])
  .meta({ id: "lpeOps" });
export const patchEngine = lpeOps.nullable().optional().describe(ENGINE);
const IN_FILE = "A file of the base that holds the operations, as `ops`. It is read once, when the order is taken in.";
const HASH = "What the file has to hold: the sha256 of its bytes. A signed lane asks for it.";
export const operationsFile = treePath.nullable().optional().describe(IN_FILE);
export const operationsHash = z.unknown().optional().describe(HASH);
export const lpePatch = z
  .looseObject({ ops: patchEngine, inline: patchEngine, file: operationsFile, sha256: operationsHash })
  .meta({ anyOf: [isGivenKey("ops"), isGivenKey("inline"), isGivenKey("file")] });

export const clcPatch = z
  .looseObject({ patches: z.array(clcPatchItem.meta({ id: "clcPatch" })).describe("Edits, one after the other.") })
  .nullable()
  .optional()
  .describe("Edits at anchors: `patches: [{file, patch_type, anchor, payload, validation}]`.");
