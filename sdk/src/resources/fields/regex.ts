// Which regular expressions a policy may hold: what RE2 and JavaScript both know. The engine matches them in linear time,
// which is why nothing may be in one that looks around or back.

const MAX_LENGTH = 256;

/** Why an expression is refused, or undefined. It is matched over the whole value, so anchors are not needed. */
export function regexProblem(source: string): string | undefined {
  if (source.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
  try {
    // Compiled by itself: between anchors put around it, `a)|(b` would compile and not be anchored.
    new RegExp(source, "u");
  } catch (error) {
    return `is not a regular expression: ${reasonOf(error, source)}`;
  }
  return forbiddenConstruct(source);
}

/** V8 says `Invalid regular expression: /<source>/u: <reason>`. */
function reasonOf(error: unknown, source: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const marker = `/${source}/u: `;
  const at = message.lastIndexOf(marker);
  return at < 0 ? message : message.slice(at + marker.length);
}

/** Looks at each token outside of character classes, in an expression that is known to compile. */
function forbiddenConstruct(source: string): string | undefined {
  for (const [token] of source.matchAll(/\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|\(\?:?|[\s\S]/g)) {
    if (/^\\[1-9k]/.test(token)) return "back-references are not supported";
    if (token === "(?") return "of the groups that begin with (? only (?: is supported";
  }
  return undefined;
}
