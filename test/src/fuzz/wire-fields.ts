// Protobuf bytes by chance: fields that are well-formed by themselves, of any number and wire type, in any order, nested.
import type { Random } from "./target.ts";

const TEXTS = [
  "",
  "a",
  "Place",
  "1.0.0",
  "__proto__",
  "żółw",
  "\u0000",
  "type.googleapis.com/google.protobuf.Duration",
];
const MAX_DEPTH = 4;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

/** Up to six fields with numbers from 1 to `most`, now and then one beyond. */
export function wireFields(random: Random, most: number, depth = 0): Uint8Array {
  const below = (bound: number): number => Math.floor(random() * bound);
  const bytes: number[] = [];
  const count = below(7);
  for (let field = 0; field < count; field++) {
    const number = below(20) === 0 ? 1 + below(2_000) : 1 + below(most);
    const type = [0, 1, 2, 2, 2, 5][below(6)] as number;
    bytes.push(...varint(number * 8 + type));
    if (type === 0) bytes.push(...varint([0, 1, 2, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 53][below(8)] as number));
    else if (type === 1) bytes.push(...Array.from({ length: 8 }, () => (below(3) === 0 ? below(256) : 0)));
    else if (type === 5) bytes.push(...Array.from({ length: 4 }, () => (below(3) === 0 ? below(256) : 0)));
    else {
      const content: Uint8Array =
        depth < MAX_DEPTH && below(2) === 0
          ? wireFields(random, most, depth + 1)
          : Buffer.from(TEXTS[below(TEXTS.length)] as string);
      bytes.push(...varint(content.length), ...content);
    }
  }
  return Uint8Array.from(bytes);
}
