// A bucket in memory, for the unit tests of the services' logic.
import type { Bucket } from "./bucket.ts";

export function memoryBucket(): Bucket {
  const values = new Map<string, string>();
  const read = <Value>(key: string): Value | undefined => {
    const text = values.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as Value);
  };
  return {
    read: async (key) => read(key),
    write: async (key, value) => void values.set(key, JSON.stringify(value)),
    update: async <Value>(key: string, change: (value: Value | undefined) => Value | undefined) => {
      const after = change(read<Value>(key));
      if (after !== undefined) values.set(key, JSON.stringify(after));
      return after ?? read<Value>(key);
    },
  };
}
