/** What launchd says of how a program ended, in words. */
import type { LastEnd, LoadedJob } from "../../platform/launchctl.ts";

const CODES: Readonly<Record<number, string>> = {
  1: "it ran, and something was not as it should be",
  3: "the daemon was needed, and silent",
  4: "something that it needs was busy, or there was no room",
  6: "the ledger or the vault is not as it was left",
  70: "a bug of ours",
  74: "the disk did not keep what it was given",
  78: "launchd could not even start it: its log cannot be opened, or its program is missing",
  126: "the program is there and could not be executed: its rights, or a folder that macOS protects",
  127: "a shell, or env, did not find the program",
};

const SIGNALS: Readonly<Record<number, string>> = {
  4: "an illegal instruction",
  5: "a trap",
  6: "aborted",
  9: "killed: by kill -9, for want of memory, or because it took longer than ExitTimeOut to stop",
  10: "a bus error",
  11: "a segmentation fault",
  15: "told to stop, and did not say goodbye",
};

/** `78: launchd could not even start it: …`; undefined when launchd says nothing of it, or it never ended. */
export function endText(end: LastEnd | undefined): string | undefined {
  if (end === undefined || end === "never") return undefined;
  if ("signal" in end) return `signal ${end.signal}${withMeaning(SIGNALS[end.signal])}`;
  return `${end.code}${withMeaning(CODES[end.code])}`;
}

function withMeaning(meaning: string | undefined): string {
  return meaning === undefined ? "" : `: ${meaning}`;
}

/** Whether the way it ended means that it never came to work. */
export function isFailedStart({ lastEnd, spawnFailed }: LoadedJob): boolean {
  if (spawnFailed) return true;
  return typeof lastEnd === "object" && "code" in lastEnd && [78, 126, 127].includes(lastEnd.code);
}
