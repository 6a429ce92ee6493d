/** A file system of its own in an image, whose power can be cut: what was not synced is gone. Linux, root only. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/support/world.ts";

export const MEDIA = ["ext4", "xfs"] as const;
export type MediumKind = (typeof MEDIA)[number];

/** Sparse; xfs takes no less. */
const IMAGE_BYTES = 320 * 1024 * 1024;
/** XFS_IOC_GOINGDOWN, which ext4 knows, too; 2: the log is not flushed. */
const SHUT_DOWN = 'open(my $f, "<", $ARGV[0]) or die; my $how = pack("L", 2); ioctl($f, 0x8004587d, $how) or die "$!"';
const FREE_MS = 60_000;

export class Medium {
  readonly kind: MediumKind;
  /** Beside the file system, and not on it: what is here survives. */
  readonly outside: string;
  /** Where it is mounted. */
  readonly root: string;

  private constructor(kind: MediumKind, outside: string) {
    this.kind = kind;
    this.outside = outside;
    // Short: sockets below it have no more than 107 characters.
    this.root = join(outside, "m");
  }

  /** Makes and mounts it; or says why that cannot be done here. */
  static make(kind: MediumKind): Medium | string {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root on Linux may cut a file system off";
    const medium = new Medium(kind, mkdtempSync(join(tmpdir(), "wo-cut-")));
    mkdirSync(medium.root);
    try {
      run("truncate", "-s", String(IMAGE_BYTES), medium.#image);
      run(`mkfs.${kind}`, "-q", medium.#image);
      medium.mount();
      return medium;
    } catch (error) {
      rmSync(medium.outside, { recursive: true, force: true });
      return `${kind} cannot be made and mounted here: ${String(error).split("\n")[0] ?? ""}`;
    }
  }

  get #image(): string {
    return join(this.outside, "image");
  }

  mount(): void {
    run("mount", "-o", "loop", this.#image, this.root);
    // A sandbox that is made meanwhile, by whomever, takes along no copy that would keep it alive.
    run("mount", "--make-unbindable", this.root);
  }

  /** Mounts what was cut off or aborted anew, once nobody holds what it was before. */
  async mountAgain(): Promise<void> {
    const isNew = async () => {
      await this.unmount();
      this.mount();
      try {
        writeFileSync(join(this.root, ".alive"), "");
        return true;
      } catch {
        // Somebody's namespace was made meanwhile, and holds a copy of every mount for as long as it lives.
        return false;
      }
    };
    await until(isNew, FREE_MS, `${this.root} is mounted anew`);
  }

  /** All of it is on the medium when this returns. */
  flush(): void {
    run("sync", "--file-system", this.root);
  }

  /** From here on nothing reaches the medium any more, and what has not reached it is lost. */
  cut(): void {
    run("perl", "-e", SHUT_DOWN, this.root);
  }

  /** The command under which a program sees another boot id than the machine's own. */
  underBoot(number: number): readonly string[] {
    const path = join(this.outside, "boot-id");
    writeFileSync(path, `00000000-0000-4000-8000-${String(number).padStart(12, "0")}\n`);
    const script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
    return ["unshare", "--mount", "sh", "-c", script, path];
  }

  remount(options: string): void {
    run("mount", "-o", `remount,${options}`, this.root);
  }

  /** Waits until nobody uses it. */
  async unmount(): Promise<void> {
    const isFree = () => {
      try {
        run("umount", this.root);
        return true;
      } catch {
        // Processes that were killed are on their way out.
        return false;
      }
    };
    await until(isFree, FREE_MS, `nobody uses ${this.root}`);
  }

  async remove(): Promise<void> {
    await this.unmount();
    rmSync(this.outside, { recursive: true, force: true });
  }
}

function run(program: string, ...words: readonly string[]): void {
  execFileSync(program, words, { stdio: ["ignore", "ignore", "pipe"] });
}
