// How much an announcement may say. Whoever hears it keeps it, for as long as its sender likes.

/** Methods of one instance. */
export const MAX_ANNOUNCED_METHODS = 1_024;
/** Tags, and capabilities, of one instance or router. */
export const MAX_ANNOUNCED_TAGS = 64;
/** Any one word of it, in characters: semver's own bound for a version, and more than any name may have. */
export const MAX_ANNOUNCED_WORD_LENGTH = 256;

interface Words {
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly methods: readonly string[];
  readonly idempotentMethods: readonly string[];
  readonly capabilities: readonly string[];
}

/** Why an instance may not say so much of itself; undefined if it may. */
export function announcementProblem(words: Words): string | undefined {
  const { version, tags, methods, idempotentMethods, capabilities } = words;
  if (methods.length > MAX_ANNOUNCED_METHODS || idempotentMethods.length > MAX_ANNOUNCED_METHODS)
    return `${Math.max(methods.length, idempotentMethods.length)} methods, at most ${MAX_ANNOUNCED_METHODS} can be announced`;
  const pairs = Object.entries(tags);
  if (pairs.length > MAX_ANNOUNCED_TAGS) return `${pairs.length} tags, at most ${MAX_ANNOUNCED_TAGS} can be announced`;
  if (capabilities.length > MAX_ANNOUNCED_TAGS) return "too many capabilities";
  const areWords = [[version], methods, idempotentMethods, capabilities, ...pairs].every((list) => list.every(isWord));
  return areWords ? undefined : `a word of more than ${MAX_ANNOUNCED_WORD_LENGTH} characters cannot be announced`;
}

function isWord(text: string): boolean {
  return text.length <= MAX_ANNOUNCED_WORD_LENGTH;
}

/** Characters that whoever keeps an announcement keeps of it. */
export function announcedLength({ version, tags, methods, idempotentMethods, capabilities }: Words): number {
  let length = version.length;
  for (const list of [methods, idempotentMethods, capabilities]) for (const word of list) length += word.length;
  for (const name of Object.keys(tags)) length += name.length + (tags[name] as string).length;
  return length;
}
