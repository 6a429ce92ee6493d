/** Nothing that anybody writes moves a cursor where it is shown. */
import { expect, test } from "vitest";
import { shortLine, withMovesMarked, withoutMoves } from "../../../src/platform/plain-text.ts";

const MOVES = ["\n", "\u001b", "\u009b", "\u202e", "\u2066", "\u200e", "\u2028", "\u2029"];

test.each(MOVES)("%j is a blank on one line, with its neighbours, and a mark where lengths count", (move) => {
  expect(withoutMoves(`a${move}b${move}${move}c`)).toBe("a b c");
  expect(withMovesMarked(`a${move}b${move}${move}c`)).toBe("a?b??c");
});

test("a short line is cut between units, and holds whole characters only", () => {
  expect(shortLine("abc\u2028def", 5)).toBe("abc d");
  expect(shortLine("ab😀", 3)).toBe("ab\ufffd");
});
