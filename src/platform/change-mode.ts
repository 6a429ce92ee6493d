/** Rights of what is there already. */
import { translated } from "./errors.ts";
import type { Files } from "./files.ts";

/** Sets the permission bits of a file or folder, through a handle: a link is not followed. Throws DISK_REFUSED. */
export function changeMode({ disk }: Files, path: string, mode: number): void {
  translated(path, () => {
    const handle = disk.openRead(path);
    try {
      disk.chmod(handle, mode);
    } finally {
      disk.close(handle);
    }
  });
}
