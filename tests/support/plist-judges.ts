/** What others make of property lists: xmllint with a DTD, Python's reader. Neither knows this project. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { put, temporaryFolder } from "./temporary-folder.ts";

const DTD = fileURLToPath(new URL("property-list.dtd", import.meta.url));
const XMLLINT = ["xmllint", "--noout", "--nonet", "--dtdvalid", DTD];
const PYTHON = [
  "python3",
  "-c",
  "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))",
];

/** Why tests that ask a judge are skipped: to be shown, so that nobody takes them for passed. */
export const NO_XMLLINT = isThere("xmllint", "--version") ? undefined : "NOT TESTED HERE: xmllint is not installed";
export const NO_PYTHON = isThere("python3", "--version") ? undefined : "NOT TESTED HERE: python3 is not installed";

function isThere(program: string, word: string): boolean {
  return spawnSync(program, [word]).status === 0;
}

function judged([program = "", ...words]: readonly string[], text: string) {
  const path = put(`${temporaryFolder()}/a.plist`, text);
  return spawnSync(program, [...words, path], { encoding: "utf8" });
}

/** What xmllint has against it; "" when nothing. */
export function dtdComplaints(text: string): string {
  const { status, stderr } = judged(XMLLINT, text);
  // It warns of the DTD that the file names, which nobody fetches.
  return status === 0 ? "" : `${status}: ${stderr}`;
}

/** What Python reads in it; undefined when it refuses it. */
export function readByPython(text: string): unknown {
  const { status, stdout } = judged(PYTHON, text);
  return status === 0 ? JSON.parse(stdout) : undefined;
}
