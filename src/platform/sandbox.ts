/**
 * The one file that knows how this machine confines a command. Linux: bubblewrap, with a process, network and mount
 * namespace for each command. macOS: sandbox-exec, with the same rules for files, and no network but the gateway's port.
 *
 * On Linux the sandbox's first process is the kernel's promise that nothing outlives it: when the command has ended, or
 * its outermost process is killed, every process inside is, whatever it did to its group, session or environment.
 */
import { lstatSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { errnoOf } from "./errors.ts";
import type { SandboxSpec } from "./run-protocol.ts";
import { quoted } from "./shell.ts";

/** Where a command in a sandbox finds the gateway to its hosts; the address is its own. */
const GATEWAY_PORT = 3128;
/** In the run's folder: one line for each process that the command left behind. */
export const LEFT_FILE = "left.log";
const FILTER_FILE = "filter.bpf";
/** In NixOS, among others, programs are found through it. */
const SEEN_IN_RUN = ["/run/current-system", "/run/opengl-driver"];
const BRIDGE = fileURLToPath(new URL("../platform/network-bridge.mjs", import.meta.url));

/** File descriptors of a gate: the gateway's channel, the list of what was left behind, the filter of system calls. */
const FD = { channel: 3, left: 8, filter: 9 } as const;

const ALWAYS = [
  ...words("--die-with-parent --unshare-user-try --unshare-pid --unshare-net --unshare-ipc --unshare-uts"),
  ...words(`--unshare-cgroup-try --cap-drop ALL --seccomp ${FD.filter} --ro-bind / /`),
];

/** The program that makes sandboxes here, on this PATH; undefined where there is none. */
export function findSandboxProgram(path: string): string | undefined {
  if (process.platform === "darwin") return isFile("/usr/bin/sandbox-exec") ? "/usr/bin/sandbox-exec" : undefined;
  const folders = path.split(delimiter).filter((folder) => folder.startsWith("/"));
  return folders.map((folder) => join(folder, "bwrap")).find(isFile);
}

/** True where sandboxes have a network of their own, and a command reaches its gateway over a channel. */
export function hasOwnNetwork(): boolean {
  return process.platform !== "darwin";
}

/** Lines for a gate that become the command in its sandbox, the last one included. `folder` is the run's own. */
export function sandboxedLines(argv: readonly string[], spec: SandboxSpec, place: Place): readonly string[] {
  const { cwd, folder, gatewayPort } = place;
  if (process.platform === "darwin")
    return [
      ...(gatewayPort === undefined ? [] : gatewayExports(gatewayPort)),
      `exec ${line([spec.program, "-p", profileOf(spec, gatewayPort), ...argv])}`,
    ];
  const filter = join(folder, FILTER_FILE);
  writeFileSync(filter, socketFilter(process.arch), { mode: 0o600 });
  return [
    ...(spec.hosts.length === 0 ? [] : gatewayExports(GATEWAY_PORT)),
    // The outer processes live on through TERM, so that the command has its grace; inside it is as it was.
    "trap '' TERM",
    `exec ${FD.left}>>${quoted(join(folder, LEFT_FILE))} ${FD.filter}<${quoted(filter)}`,
    `exec ${line([spec.program, ...bubblewrapOptions(spec, cwd), "--", ...insideWords(spec, argv)])}`,
  ];
}

interface Place {
  readonly cwd: string;
  readonly folder: string;
  /** Of the gateway to the listed hosts, where the sandbox shares the machine's network. */
  readonly gatewayPort?: number;
}

function line(argv: readonly string[]): string {
  return argv.map(quoted).join(" ");
}

function words(text: string): string[] {
  return text.split(" ");
}

function bubblewrapOptions(spec: SandboxSpec, cwd: string): string[] {
  const { writable, readOnly, pinned, hidden, hosts } = spec;
  const same = (option: string, paths: readonly string[]) => paths.flatMap((path) => [option, path, path]);
  const hides = [...new Set([...hidden, ...runFolder()])].map((path) => ({ path, kind: kindAt(path) }));
  const folders = hides.flatMap(({ path, kind }) => (kind === "folder" ? [path] : []));
  const others = hides.flatMap(({ path, kind }) => (kind === "file" || kind === "other" ? [path] : []));
  return [
    ...ALWAYS,
    // Below the folder's own mount: never met on a path, yet the kernel renames and removes nothing that is mounted on.
    ...same("--ro-bind-try", pinned),
    // A root of the policy may go in this moment; without the base the command cannot begin anyway.
    ...same("--bind-try", writable),
    // Somebody may clean the tree in this moment: what has gone needs no guard, and the command is not to fail for it.
    ...same("--ro-bind-try", readOnly),
    ...folders.flatMap((path) => ["--tmpfs", path]),
    ...others.flatMap((path) => ["--ro-bind", "/dev/null", path]),
    ...same("--ro-bind-try", SEEN_IN_RUN),
    ...(hosts.length === 0 ? [] : same("--ro-bind", [BRIDGE])),
    // A write into what is hidden has to fail, not to vanish.
    ...folders.flatMap((path) => ["--remount-ro", path]),
    ...words("--dev /dev --proc /proc --chdir"),
    cwd,
  ];
}

/** Sockets of the machine's services lie there. */
function runFolder(): string[] {
  try {
    return [realpathSync("/run")];
  } catch {
    // Not every Linux has one.
    return [];
  }
}

/** The sandbox's first own process: starts the way to the gateway, waits for the command, tells what it left behind. */
function insideWords({ hosts }: SandboxSpec, argv: readonly string[]): string[] {
  const hex = GATEWAY_PORT.toString(16).toUpperCase().padStart(4, "0");
  const bridge = [
    `/usr/bin/env -i ${line([process.execPath, BRIDGE, String(FD.channel), String(GATEWAY_PORT)])} 7>&- 8>&- </dev/null >/dev/null &`,
    "bridge=$!",
    `while ! grep -q ' 0100007F:${hex} .* 0A ' /proc/net/tcp; do kill -0 $bridge || exit 125; sleep 0.01; done`,
  ];
  const text = [
    "trap : TERM",
    "bridge=none",
    // What this shell itself says of signals is no output of the command.
    "exec 7>&2 2>/dev/null",
    ...(hosts.length === 0 ? [] : bridge),
    '(exec 2>&7 3>&- 7>&- 8>&-; exec "$@")',
    "code=$?",
    "for one in /proc/[0-9]*; do",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell reads it
    '  case ${one#/proc/} in 1 | $$ | "$bridge") continue ;; esac',
    '  read -r stat <"$one/stat" || continue',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell reads it
    `  case \${stat##*") "} in [ZX]*) ;; *) echo left >&${FD.left} ;; esac`,
    "done",
    "exit $code",
  ].join("\n");
  return ["/usr/bin/env", "--default-signal=TERM", "/bin/sh", "-c", text, "sh", ...argv];
}

function gatewayExports(port: number): string[] {
  const address = `http://127.0.0.1:${port}`;
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
  const all = [
    ...names.map((name) => [name, address]),
    ["NO_PROXY", ""],
    ["no_proxy", ""],
    ["NODE_USE_ENV_PROXY", "1"],
  ];
  return all.map(([name = "", value = ""]) => `export ${name}=${quoted(value)}`);
}

function isFile(path: string): boolean {
  return kindAt(path, statSync) === "file";
}

/** `absent` also where we may not look: there a command of ours may not either. */
function kindAt(path: string, stat = lstatSync): "folder" | "file" | "other" | "absent" {
  try {
    const stats = stat(path);
    if (stats.isDirectory()) return "folder";
    return stats.isFile() ? "file" : "other";
  } catch (thrown) {
    const errno = errnoOf(thrown) ?? "";
    if (["ENOENT", "ENOTDIR", "EACCES", "ELOOP"].includes(errno)) return "absent";
    throw thrown;
  }
}

const CALLS: Readonly<Record<string, { readonly machine: number; readonly socket: number }>> = {
  x64: { machine: 0xc000003e, socket: 41 },
  arm64: { machine: 0xc00000b7, socket: 198 },
};

/** True where socketFilter knows the machine's system calls. */
export function knowsCallsOf(machine: string): boolean {
  return CALLS[machine] !== undefined;
}

/**
 * A filter of system calls (classic BPF, as seccomp takes it): new sockets are of IP or netlink only. A socket file
 * is reached although it is on a read-only mount, and behind it may be a service that does what the sandbox does not:
 * a terminal multiplexer, a container daemon, this product's own control socket.
 */
export function socketFilter(machine: string): Buffer {
  const calls = CALLS[machine];
  if (calls === undefined) throw new Error(`no filter of system calls for ${machine}`);
  const [load, jumpEqual, jumpAtLeast, end] = [0x20, 0x15, 0x35, 0x06];
  const [ioUringSetup, otherCalls, inet, inet6, netlink] = [425, 0x40000000, 2, 10, 16];
  const [allow, refuseNotPermitted] = [0x7fff0000, 0x00050001];
  // [operation, steps over when true, steps over when false, operand]
  const program = [
    [load, 0, 0, 4],
    [jumpEqual, 0, 9, calls.machine],
    [load, 0, 0, 0],
    [jumpAtLeast, 7, 0, otherCalls],
    [jumpEqual, 6, 0, ioUringSetup],
    [jumpEqual, 0, 4, calls.socket],
    [load, 0, 0, 16],
    [jumpEqual, 2, 0, inet],
    [jumpEqual, 1, 0, inet6],
    [jumpEqual, 0, 1, netlink],
    [end, 0, 0, allow],
    [end, 0, 0, refuseNotPermitted],
  ] as const;
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [operation, whenTrue, whenFalse, operand]] of program.entries()) {
    bytes.writeUInt16LE(operation, index * 8);
    bytes.writeUInt8(whenTrue, index * 8 + 2);
    bytes.writeUInt8(whenFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand, index * 8 + 4);
  }
  return bytes;
}

/** The same rules for sandbox-exec; the last rule that fits decides. */
export function profileOf({ writable, readOnly, pinned, hidden }: SandboxSpec, gatewayPort?: number): string {
  const text = (path: string) => `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  const rule = (verb: string, action: string, filters: readonly string[]) =>
    filters.length === 0 ? [] : [`(${verb} ${action} ${filters.join(" ")})`];
  const below = (paths: readonly string[]) => paths.map((path) => `(subpath ${text(path)})`);
  const devices = ["/dev/null", "/dev/zero", "/dev/tty", "/dev/stdout", "/dev/stderr"];
  return [
    "(version 1)",
    "(allow default)",
    "(deny network*)",
    ...(gatewayPort === undefined ? [] : [`(allow network-outbound (remote ip "localhost:${gatewayPort}"))`]),
    "(deny file-write*)",
    ...rule("allow", "file-write*", [...below(writable), ...devices.map((path) => `(literal ${text(path)})`)]),
    ...rule(
      "deny",
      "file-write-unlink file-write-create",
      pinned.map((path) => `(literal ${text(path)})`),
    ),
    ...rule("deny", "file-write*", below(readOnly)),
    ...rule("deny", "file-read* file-write*", below(hidden)),
  ].join("\n");
}
