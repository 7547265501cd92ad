// Cuts a YAML stream at its `---` lines before it is parsed, so that each document can be held to its size.

export interface Chunk {
  readonly text: string;
  /** Where it begins in the whole text. */
  readonly offset: number;
}

/** A line that begins with three dashes begins a document, in block scalars too: YAML says so. */
const MARKER = /^---(?=[ \t\r\n]|$)/gm;
/** Directives, comments and document ends belong to the document that follows. */
const PREAMBLE = /^(?:[ \t]*(?:#.*)?|%.*|\.\.\.[ \t]*)\r?$/;

/** The documents of a text, in order, without those that hold blanks and comments only. */
export function splitDocuments(text: string): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let from = 0;
  for (const { index } of text.matchAll(MARKER)) {
    if (isPreamble(text.slice(from, index))) continue;
    addChunk(chunks, text.slice(from, index), from);
    from = index;
  }
  addChunk(chunks, text.slice(from), from);
  return chunks;
}

function addChunk(chunks: Chunk[], text: string, offset: number): void {
  const content = text.startsWith("---") ? text.slice(3) : text;
  if (!isPreamble(content)) chunks.push({ text, offset });
}

function isPreamble(text: string): boolean {
  return text.split("\n").every((line) => PREAMBLE.test(line));
}
