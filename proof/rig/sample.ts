/** What a living daemon takes of its machine. Linux only. */
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Sample {
  readonly residentMiB: number;
  readonly openFiles: number;
}

export function sampleOf({ pid }: ChildProcess): Sample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const residentMiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  return { residentMiB, openFiles: readdirSync(`/proc/${pid}/fd`).length };
}
