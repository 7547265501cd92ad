// How much a decoded value holds.

/** Bytes as a rough sum: text by its characters, binary by its length, 8 for everything else, keys included. */
export function weigh(value: unknown): number {
  switch (typeof value) {
    case "string":
      return value.length;
    case "object":
      break;
    default:
      return 8;
  }
  if (value === null) return 8;
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + weigh(item), 8);
  let sum = 8;
  for (const [key, item] of Object.entries(value)) sum += key.length + weigh(item);
  return sum;
}
