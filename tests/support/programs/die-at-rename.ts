/** Loaded before a program: it is killed at the rename whose target ends as WO_DIE_AT says, before it or after. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [when = "", ending = ""] = (process.env["WO_DIE_AT"] ?? "").split(" ");
const rename = fs.renameSync;

fs.renameSync = (from, to) => {
  const isIt = String(to).endsWith(ending);
  if (isIt && when === "before") process.kill(process.pid, "SIGKILL");
  rename(from, to);
  if (isIt) process.kill(process.pid, "SIGKILL");
};
syncBuiltinESMExports();
