// How much an announcement may say. Whoever hears it keeps it, for as long as its sender likes.

import { isMethodName } from "./names.ts";

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
  const lists = [[version], methods, idempotentMethods, capabilities, ...pairs];
  if (!lists.every((list) => list.every(isShort)))
    return `a word of more than ${MAX_ANNOUNCED_WORD_LENGTH} characters cannot be announced`;
  if (!methods.every(isMethodName) || !idempotentMethods.every(isMethodName)) return "a method whose name is none";
  return [[version], capabilities, ...pairs].every((list) => list.every(isPlain))
    ? undefined
    : "a word with a control character";
}

function isShort(text: string): boolean {
  return text.length <= MAX_ANNOUNCED_WORD_LENGTH;
}

/** What others will print. */
function isPlain(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}

/** Characters that whoever keeps an announcement keeps of it. */
export function announcedLength({ version, tags, methods, idempotentMethods, capabilities }: Words): number {
  let length = version.length;
  for (const list of [methods, idempotentMethods, capabilities]) for (const word of list) length += word.length;
  for (const name of Object.keys(tags)) length += name.length + (tags[name] as string).length;
  return length;
}
