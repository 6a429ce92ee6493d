/** A first order to go on from: small, complete, and done as it is. */

export interface NewOrder {
  readonly id: string;
  /** Where the order's editor finds the schema: a path from the order's folder, or an address. */
  readonly schema: string;
  /** What files it once it is saved. */
  readonly command: string;
}

/** The order as a file, its comments saying what else can stand there. */
export function newOrderText({ id, schema, command }: NewOrder): string {
  return `# yaml-language-server: $schema=${schema}
# What would be done: ${command} --dry-run
# File it:            ${command}
wo_id: ${id}
title: "Say hello"
priority: P2 # P0 (first) to P3

# All files of an order are written, or none.
files:
  - path: tmp/${id}.txt
    content: |
      hello
    # mode: "0755"    in quotes
    # Instead of content: patch (a unified diff), delete: true, move: NEW-PATH, or sha256 to verify what is there.

# Commands run after the files, one after the other, in the base.
steps:
  - name: count the words
    run: wc -w tmp/${id}.txt
    timeout: 60s

# Checks run last: the order is done when each of them passes.
post_verify:
  - test -s tmp/${id}.txt
# The end mark: the file is whole, and is taken at once.
...
`;
}
