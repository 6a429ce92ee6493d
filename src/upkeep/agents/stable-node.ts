/** Which path of Node an agent is given: one that is still there after the next upgrade. */

export interface NodeChoice {
  readonly path: string;
  /** Without the v: what the agent was made for. */
  readonly version: string;
  /** Why it may be gone one day, and what to do. */
  readonly warning?: NodeWarning;
}

export interface NodeWarning {
  readonly code: "node_in_cellar" | "node_of_version_manager";
  readonly message: string;
  readonly hint: string;
}

const CELLAR = /^(.+?)\/Cellar\/([^/]+)\/[^/]+\/bin\/(node)$/;
const MANAGERS = [
  ["nvm", /\/\.?nvm\//],
  ["fnm", /\/(?:\.fnm|\.local\/share\/fnm|application support\/fnm|fnm_multishells)\//i],
  ["volta", /\/\.volta\//],
  ["asdf", /\/\.asdf\//],
  ["mise", /\/\.local\/share\/mise\//],
  ["n", /\/\.n\//],
  ["nodenv", /\/\.nodenv\//],
  ["nodebrew", /\/\.nodebrew\//],
  ["nvs", /\/\.?nvs\//],
] as const;

/**
 * The stable name of the Node at `path`: Homebrew's link instead of the folder of one version. `isThere` follows links.
 * Where only an unstable name is there, it is kept, with a warning.
 */
export function stableNode(path: string, version: string, isThere: (path: string) => boolean): NodeChoice {
  const stable = linksInstead(path).find(isThere);
  if (stable !== undefined) return { path: stable, version };
  const warning = nodeWarning(path);
  return warning === undefined ? { path, version } : { path, version, warning };
}

/** Homebrew's links that lead to a Node in its Cellar; none for any other path. */
export function linksInstead(path: string): readonly string[] {
  const [, prefix, formula] = CELLAR.exec(path) ?? [];
  if (prefix === undefined || formula === undefined) return [];
  const opt = `${prefix}/opt/${formula}/bin/node`;
  return formula === "node" ? [opt, `${prefix}/bin/node`] : [opt];
}

/** Why a path of Node will not last; undefined when nothing speaks against it. */
export function nodeWarning(path: string): NodeWarning | undefined {
  if (CELLAR.test(path))
    return {
      code: "node_in_cellar",
      message: `${path} is one version's own folder: it is gone after the next \`brew upgrade\``,
      hint: "name Homebrew's link: PREFIX/opt/node/bin/node",
    };
  const manager = MANAGERS.find(([, pattern]) => pattern.test(path))?.[0];
  if (manager === undefined) return undefined;
  return {
    code: "node_of_version_manager",
    message: `${path} belongs to ${manager}: it goes or changes when versions are changed there`,
    hint: "install a Node that stays (brew install node) and name its link, or mend this path after each change",
  };
}
