/** Where a command writes: the answer to standard output, everything else to standard error. */
import { createInterface } from "node:readline/promises";
import { isatty } from "node:tty";
import { styleText } from "node:util";
import { errnoOf } from "./errors.ts";
import { withMovesMarked, withoutMoves } from "./plain-text.ts";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
export type ColorChoice = "auto" | "always" | "never";

export interface Terminal {
  readonly isTty: boolean;
  readonly columns: number;
  /** The answer. */
  out(text: string): void;
  /** Progress, hints, warnings. */
  err(text: string): void;
  /** The text in a style, where colours are shown. */
  paint(style: Style, text: string): string;
  setColor(choice: ColorChoice): void;
  /** Asks a person; `undefined` where none is there. */
  ask(question: string): Promise<string | undefined>;
}

/** The terminal or the pipes that this process was given. A reader that hangs up ends the process quietly. */
export function thisTerminal(env: Readonly<Record<string, string | undefined>>): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error) => {
      if (errnoOf(error) === "EPIPE") process.exit(0);
      throw error;
    });
  }
  const isTty = isatty(1);
  let colors = env["FORCE_COLOR"] !== undefined || (isTty && env["NO_COLOR"] === undefined && env["TERM"] !== "dumb");
  return {
    isTty,
    columns: process.stdout.columns ?? 100,
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    paint: (style, text) => (colors ? styleText(style, text, { validateStream: false }) : text),
    setColor: (choice) => {
      if (choice !== "auto") colors = choice === "always";
    },
    ask: async (question) => {
      if (!isTty || !isatty(0)) return undefined;
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      const answer = await lines.question(question);
      lines.close();
      return answer;
    },
  };
}

/** Untrusted text on one line: nothing in it moves the cursor or changes colours. */
export function plainLine(text: string): string {
  return withoutMoves(text).trim();
}

/** The same for lines whose blanks count: what would move the cursor is shown as `?`. */
export function plainCode(line: string): string {
  return withMovesMarked(line.replaceAll("\t", "    "));
}
