// Lists and maps with bounds. Lists whose order has no meaning are sets: sorted, so that one meaning has one form.
import { z } from "zod";

export interface SetOptions {
  readonly max: number;
  readonly min?: number;
}

/** A list of distinct words whose order has no meaning. At least one entry unless `min` says otherwise. */
export function setOf<Item extends z.ZodType<string>>(item: Item, { max, min = 1 }: SetOptions) {
  return z
    .array(item)
    .min(min)
    .max(max)
    .superRefine((list, context) => {
      list.forEach((entry, index) => {
        const first = list.indexOf(entry);
        if (first !== index) context.addIssue({ code: "custom", path: [index], message: `"${entry}" is listed twice` });
      });
    })
    .overwrite((list) => [...list].sort())
    .meta({ "x-kubernetes-list-type": "set" });
}

export interface MapOptions<Key, Value> {
  readonly key: Key;
  readonly value: Value;
  readonly max: number;
  /** Where case has no meaning in keys they are kept in lower case. */
  readonly ignoreCase?: boolean;
}

/** A map of 1 to `max` entries, sorted by key. */
export function mapOf<Key extends z.ZodType<string, string>, Value extends z.ZodType>(options: MapOptions<Key, Value>) {
  const { key, value, max, ignoreCase = false } = options;
  const spell = (name: string): string => (ignoreCase ? name.toLowerCase() : name);
  return z
    .record(key, value)
    .superRefine((map, context) => {
      const names = Object.keys(map);
      const size = names.length;
      if (size === 0) context.addIssue({ code: "custom", message: "must have at least 1 entry" });
      if (size > max) context.addIssue({ code: "custom", message: `must have at most ${max} entries, has ${size}` });
      for (const [index, name] of names.entries()) {
        const twin = names.findIndex((other) => spell(other) === spell(name));
        if (twin < index) {
          context.addIssue({
            code: "custom",
            path: [name],
            message: `"${name}" and "${names[twin]}" are the same name`,
          });
        }
      }
    })
    .overwrite((map) => sortedEntries(map, spell) as typeof map)
    .meta({ minProperties: 1, maxProperties: max });
}

function sortedEntries(map: object, spell: (name: string) => string): Record<string, unknown> {
  const entries = Object.entries(map).map(([name, value]): [string, unknown] => [spell(name), value]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
