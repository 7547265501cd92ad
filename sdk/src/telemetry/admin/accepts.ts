// The Accept header (RFC 9110, section 12.5.1), as far as two media types have to be told apart.

/** Whether the client wants `wanted` at least as much as `otherwise`, and names it; a wildcard names nothing. */
export function prefers(accept: string | undefined, wanted: string, otherwise: string): boolean {
  if (accept === undefined) return false;
  let ours = 0;
  let theirs = 0;
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    if (type === wanted) ours = Math.max(ours, quality(parameters));
    else if (type === otherwise) theirs = Math.max(theirs, quality(parameters));
  }
  return ours > 0 && ours >= theirs;
}

function quality(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith("q="));
  const value = given === undefined ? 1 : Number(given.slice(2));
  return value >= 0 && value <= 1 ? value : 0;
}
