// JSON.parse keeps the last of two equal keys; the protobuf mapping refuses them, since readers would disagree.
import { FieldProblem } from "./field-problem.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Throws `FieldProblem` if an object of this JSON text, which is known to parse, has the same key twice. */
export function checkUniqueKeys(text: string): void {
  // One set of keys for every object that is open, undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x7b: // {
        open.push(new Set());
        keyNext = true;
        break;
      case 0x5b: // [
        open.push(undefined);
        keyNext = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        keyNext = false;
        break;
      case 0x2c: // ,
        keyNext = open.at(-1) !== undefined;
        break;
      case QUOTE: {
        const end = stringEnd(text, i);
        if (keyNext) addKey(open.at(-1) as Set<string>, text.slice(i, end + 1));
        keyNext = false;
        i = end;
      }
    }
  }
}

function stringEnd(text: string, start: number): number {
  let i = start + 1;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) break;
  }
  return i;
}

function addKey(keys: Set<string>, literal: string): void {
  const key = literal.includes("\\") ? (JSON.parse(literal) as string) : literal.slice(1, -1);
  if (keys.has(key)) throw new FieldProblem(`the key ${JSON.stringify(key)} stands twice in one object`);
  keys.add(key);
}
