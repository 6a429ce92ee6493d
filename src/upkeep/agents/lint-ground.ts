/** The machine that jobs are judged on, as it is. */
import { BridgeError, messageOf } from "../../platform/errors.ts";
import type { Files } from "../../platform/files.ts";
import type { Machine } from "../../platform/machine.ts";
import { runProgram } from "../../platform/program.ts";
import { ReadFile } from "../../platform/read-file.ts";
import { loadSecretRules } from "../../platform/secrets.ts";
import { thisNode } from "../../platform/self.ts";
import type { LintGround, Looked, SyntaxFault } from "./job.ts";

const HEAD_BYTES = 512;
const SYNTAX_LIMIT_MS = 10_000;

export async function thisGround(files: Files, { home, userId }: Machine): Promise<LintGround> {
  return {
    home,
    userId,
    secrets: await loadSecretRules(),
    look: (path) => look(files, path),
    head: (path) => head(files, path),
    syntaxFault,
  };
}

function look(files: Files, path: string): Looked {
  try {
    const real = files.realPath(path);
    const info = real === undefined ? undefined : files.info(real);
    if (info === undefined) return { kind: "absent" };
    const { mode, owner, sizeBytes } = info;
    return { kind: info.kind === "link" ? "other" : info.kind, mode, owner, sizeBytes };
  } catch (thrown) {
    // A folder that this user may not look into, or that macOS protects: an answer here.
    if (thrown instanceof BridgeError) return { kind: "refused", errno: messageOf(thrown.cause ?? thrown) };
    throw thrown;
  }
}

function head(files: Files, path: string): string {
  try {
    const real = files.realPath(path);
    if (real === undefined || files.info(real)?.kind !== "file") return "";
    const file = new ReadFile(files.disk, real);
    try {
      return file.range(0, HEAD_BYTES).toString("latin1");
    } finally {
      file.close();
    }
  } catch (thrown) {
    // Programs that may be run and not read are no scripts.
    if (thrown instanceof BridgeError) return "";
    throw thrown;
  }
}

/** Asks Node to read the script, not to run it. */
async function syntaxFault(path: string): Promise<SyntaxFault | undefined> {
  const argv: [string, ...string[]] = [thisNode().path, "--check", path];
  const { exitCode, stderr } = await runProgram(argv, { cwd: "/", timeoutMs: SYNTAX_LIMIT_MS });
  if (exitCode === 0) return undefined;
  const error = /^SyntaxError.*$/m.exec(stderr)?.[0];
  if (error !== undefined) return { code: "script_broken", why: error };
  return { code: "cannot_look", why: "node --check could not read it" };
}
