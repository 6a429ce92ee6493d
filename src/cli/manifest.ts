/** `wo manifest FOLDER`: the text that is signed of an order that is a folder. */
import { basename, resolve } from "node:path";
import { isOrderFolder, peekFolder } from "../bridge/folder-drop.ts";
import { folderManifest, unpackFolder } from "../orders/folder-order.ts";
import { EXIT } from "../platform/errors.ts";
import { answer, type Context, complain } from "./context.ts";

/** Prints it, and nothing else, for ssh-keygen to sign. 2 for a folder that is no order, or that nobody can sign. */
export function showManifest(context: Context, path: string): number {
  const { files, machine } = context;
  const absolute = resolve(machine.currentFolder, path);
  const name = basename(absolute);
  if (!isOrderFolder(files, absolute)) {
    const isFile = files.info(absolute)?.kind === "file";
    const hint = isFile
      ? `a file is signed as it is: ssh-keygen -Y sign -f KEY -n wo-bridge ${path}`
      : `a folder is an order when ${name}.yaml, .yml or .json lies in it`;
    complain(context, { code: "no_file", message: `${path} is no folder that is an order`, hint });
    return EXIT.usage;
  }
  const reading = peekFolder(files, absolute);
  const manifest = reading.kind === "file" ? folderManifest(unpackFolder(reading.bytes) ?? []) : undefined;
  if (manifest === undefined) {
    const message = `${path} cannot be read as an order`;
    complain(context, {
      code: "unreadable",
      message,
      hint: "files and folders only, no line end or backslash in a name",
    });
    return EXIT.usage;
  }
  answer(context, "manifest", { manifest }, () => manifest.slice(0, -1));
  return EXIT.yes;
}
