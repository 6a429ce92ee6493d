/** Where a command writes, in colours only where they are wanted; text of strangers moves no cursor. */
import * as fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { plainLine, thisTerminal } from "../../../src/platform/terminal.ts";
import { refusal } from "../../support/disks.ts";
import { anyText } from "../../support/texts.ts";

/** A terminal that has not tied itself to this process's streams; and what it would do at their errors. */
function terminalIn(env: Readonly<Record<string, string>>) {
  const onError: ((error: Error) => void)[] = [];
  const streams: readonly NodeJS.EventEmitter[] = [process.stdout, process.stderr];
  for (const stream of streams) {
    const spy = vi.spyOn(stream, "on").mockImplementation((event, handler) => {
      if (event === "error") onError.push((error) => Reflect.apply(handler, stream, [error]));
      return stream;
    });
    onTestFinished(() => spy.mockRestore());
  }
  return { terminal: thisTerminal(env), onError };
}

const RED = "\u001b[31mx\u001b[39m";

test("in a pipe nothing is coloured, unless it is asked for", () => {
  const { terminal } = terminalIn({});

  expect([terminal.isTty, terminal.paint("red", "x")]).toEqual([false, "x"]);
  terminal.setColor("always");
  expect(terminal.paint("red", "x")).toBe(RED);
  terminal.setColor("auto");
  expect(terminal.paint("red", "x")).toBe(RED);
  terminal.setColor("never");
  expect(terminal.paint("red", "x")).toBe("x");
});

test("FORCE_COLOR colours a pipe too", () => {
  expect(terminalIn({ FORCE_COLOR: "1" }).terminal.paint("red", "x")).toBe(RED);
});

test("the answer goes to standard output, everything else to standard error, a line each", () => {
  const out = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const err = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const { terminal } = terminalIn({});
  terminal.out("answer");
  terminal.err("hint");
  const written = [out.mock.calls.map(([text]) => text), err.mock.calls.map(([text]) => text)];
  vi.restoreAllMocks();

  expect(written).toEqual([["answer\n"], ["hint\n"]]);
});

test("a reader that hangs up ends the process quietly, other trouble does not", () => {
  const { onError } = terminalIn({});
  const exit = vi.spyOn(process, "exit").mockImplementation((code) => {
    throw new Error(`exit ${code}`);
  });
  onTestFinished(() => exit.mockRestore());

  expect(onError).toHaveLength(2);
  for (const handle of onError) {
    expect(() => handle(refusal("EPIPE"))).toThrow("exit 0");
    expect(() => handle(refusal("EIO"))).toThrow("EIO");
  }
});

test("where nobody is there, nobody is asked", async () => {
  expect(await terminalIn({}).terminal.ask("sure?")).toBeUndefined();
});

test.each([
  ["a\nb", "a b"],
  ["  a\tb  ", "a b"],
  ["\u001b[2Ja", "[2Ja"],
  ["a\r\n\r\nb", "a b"],
  ["a\u202eb", "a b"],
  ["a\u009b31mb", "a 31mb"],
  ["a\u200bb", "a b"],
  ["a\u2028b\u2029c", "a b c"],
  ["ünï 日本", "ünï 日本"],
  ["", ""],
])("%j is shown as %j", (text, shown) => {
  expect(plainLine(text)).toBe(shown);
});

test("any text is shown on one line without control characters", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(plainLine(text)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(plainLine(plainLine(text))).toBe(plainLine(text));
    }),
  );
});
