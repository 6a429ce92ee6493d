/** Which processes live, and what they were started with: how the double's own are told from all others. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Sighting {
  readonly pid: number;
  /** `NAME=value` of each variable, as far as this user may see it. */
  readonly env: readonly string[];
  /** Environment and folder in one text, to search in. */
  readonly text: string;
}

/** All processes but this one. */
export function sightings(): Sighting[] {
  return (process.platform === "linux" ? linuxSightings() : psSightings()).filter(({ pid }) => pid !== process.pid);
}

function linuxSightings(): Sighting[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const env = readFileSync(`/proc/${pid}/environ`, "utf8");
        return [{ pid: Number(pid), env: env.split("\0"), text: `${env}\0${readlinkSync(`/proc/${pid}/cwd`)}` }];
      } catch {
        // It ended meanwhile, or is nobody's business.
        return [];
      }
    });
}

function psSightings(): Sighting[] {
  const lines = execFileSync("/bin/ps", ["-axEww", "-o", "pid=,command="], { encoding: "utf8", maxBuffer: 64e6 });
  return lines.split("\n").map((line) => ({ pid: Number.parseInt(line, 10), env: line.split(" "), text: line }));
}
