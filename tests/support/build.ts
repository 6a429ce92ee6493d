/** Builds the program, and the tools beside it, before tests that start them as processes. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Names the process that has built. */
const BUILT = "WO_TESTS_BUILT_BY";

export default function build(): void {
  // Every project asks for it, all in one process.
  if (process.env[BUILT] === String(process.pid)) return;
  process.env[BUILT] = String(process.pid);
  const root = fileURLToPath(new URL("../..", import.meta.url));
  for (const step of ["build", "build:tools"])
    execFileSync("npm", ["run", "--silent", step], { cwd: root, stdio: "inherit" });
}
