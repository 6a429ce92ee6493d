/** Texts for properties. */
import * as fc from "fast-check";

const letter = fc.oneof(
  fc.integer({ min: 0, max: 0x7f }),
  fc.integer({ min: 0x80, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0x10ffff }),
);

/** Any text without halves of characters. As fast-check's own with `unit: "binary"`, which takes a second to be made. */
export const anyText = fc.array(letter).map((letters) => String.fromCodePoint(...letters));
