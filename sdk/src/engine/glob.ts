// Names with `*` for any characters: methods and principals. No other character means anything, and matching is linear.

export interface Glob {
  readonly pattern: string;
  /** Set if the pattern has no `*`. */
  readonly exact: string | undefined;
  /** Characters before the first and after the last `*`. */
  readonly prefix: string;
  readonly suffix: string;
  /** What stands between stars, in order. */
  readonly middles: readonly string[];
  /** Characters that are not `*`: the more, the more specific. */
  readonly literalCount: number;
}

const NOTHING: readonly never[] = Object.freeze([]);

export function compileGlob(pattern: string): Glob {
  const parts = pattern.split("*");
  const last = parts.length - 1;
  return {
    pattern,
    exact: last === 0 ? pattern : undefined,
    prefix: parts[0] as string,
    suffix: last === 0 ? "" : (parts[last] as string),
    middles: last < 2 ? NOTHING : parts.slice(1, last).filter((part) => part !== ""),
    literalCount: pattern.length - last,
  };
}

/** Whether the whole text matches. Taking each middle part at its first place is enough, and needs no going back. */
export function globMatches(glob: Glob, text: string): boolean {
  if (glob.exact !== undefined) return text === glob.exact;
  const { prefix, suffix, middles } = glob;
  if (text.length < prefix.length + suffix.length || !text.startsWith(prefix) || !text.endsWith(suffix)) return false;
  if (middles.length === 0) return true;
  const end = text.length - suffix.length;
  let at = prefix.length;
  for (const part of middles) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** A set of exact names and patterns. */
export interface NameSet {
  readonly names: readonly string[];
  /** The names again, if they are too many to be compared in turn. */
  readonly lookup: ReadonlySet<string> | undefined;
  readonly globs: readonly Glob[];
}

const MAX_COMPARED = 4;

export function compileNames(patterns: readonly string[]): NameSet {
  return nameSetOf(patterns.map(compileGlob));
}

export function nameSetOf(given: readonly Glob[]): NameSet {
  const names: string[] = [];
  const globs: Glob[] = [];
  for (const glob of given) {
    if (glob.exact === undefined) globs.push(glob);
    else names.push(glob.exact);
  }
  return { names, lookup: names.length > MAX_COMPARED ? new Set(names) : undefined, globs };
}

export function nameSetHas({ names, lookup, globs }: NameSet, name: string): boolean {
  if (lookup === undefined ? names.includes(name) : lookup.has(name)) return true;
  for (const glob of globs) if (globMatches(glob, name)) return true;
  return false;
}
