/** Text by anybody, made fit to be shown. Pure. */

/** What moves a terminal's cursor, changes colours, turns the direction of a text, or ends a line for some readers. */
const MOVING = "[\\p{Cc}\\p{Cf}\\u2028\\u2029]";
const MOVING_RUNS = new RegExp(`${MOVING}+`, "gu");
const EACH_MOVING = new RegExp(MOVING, "gu");

/** On one line: a blank for each run of what moves. */
export function withoutMoves(text: string): string {
  return text.replace(MOVING_RUNS, " ");
}

/** As long as it was: `?` for each that moves. */
export function withMovesMarked(text: string): string {
  return text.replace(EACH_MOVING, "?");
}

/** On one line and no longer than that, in UTF-16 units: what records keep of a text. */
export function shortLine(text: string, lengthMax: number): string {
  return withoutMoves(text.slice(0, lengthMax).toWellFormed());
}
