/** What launchd writes into the system's log about a job, and what that means. */

interface Meaning {
  readonly pattern: RegExp;
  readonly means: string;
  readonly next: string;
}

const MEANINGS: readonly Meaning[] = [
  {
    pattern: /denied launch by BTM|Background ?Task ?Management/i,
    means: "background task management refuses it",
    next: "System Settings → General → Login Items: switch it on; then wo agent start",
  },
  {
    pattern: /needs LWCR update|launch constraint/i,
    means: "its program is not the one that macOS knows under this job",
    next: "wo agent install",
  },
  {
    pattern: /Unable to create std(?:out|err)|Could not open std(?:out|err)/i,
    means: "its log cannot be opened",
    next: "wo agent lint ~/Library/LaunchAgents/*.plist",
  },
  {
    pattern: /Service could not initialize|Could not find and\/or execute program/i,
    means: "it could not be prepared: a path in its property list, or a folder that macOS protects",
    next: "wo agent lint ~/Library/LaunchAgents/*.plist",
  },
  {
    pattern: /Bootstrap failed|bootstrap.*\b37\b/i,
    means: "it could not be loaded",
    next: "wo agent restart",
  },
  {
    pattern: /Pushing respawn out by/i,
    means: "it ends sooner than it may be started again, and is held back",
    next: "wo agent status",
  },
];

export interface Word {
  readonly means: string;
  readonly next: string;
  readonly count: number;
  /** The last line that says so. */
  readonly line: string;
}

/** What the lines about this label mean, what weighs most first; none where none of them says anything known. */
export function wordsAbout(label: string, lines: readonly string[]): readonly Word[] {
  // com.02luka.wo-bridge is also the beginning of other labels.
  const about = lines.filter((line) =>
    line
      .split(label)
      .slice(1)
      .some((rest) => !/^\.*[\w-]/.test(rest)),
  );
  return MEANINGS.flatMap(({ pattern, means, next }) => {
    const found = about.filter((line) => pattern.test(line));
    const line = found.at(-1);
    return line === undefined ? [] : [{ means, next, count: found.length, line }];
  });
}
