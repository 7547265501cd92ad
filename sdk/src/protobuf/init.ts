// What may be given where a message is expected. `malla generate` writes one interface a message, the one `decode`
// yields; this type loosens it for the way in.
import type { Timestamp } from "./well-known.ts";

/**
 * A message to encode: any field may be left out or undefined, a 64-bit integer may be a safe number, a Timestamp may be
 * a Date.
 */
export type Init<T> = 0 extends 1 & T
  ? T
  : T extends bigint
    ? bigint | number
    : T extends string | number | boolean | null | undefined | Uint8Array
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Init<Item>[]
        : T extends Timestamp
          ? InitFields<T> | Date
          : T extends object
            ? InitFields<T>
            : T;

type InitFields<T> = { readonly [Field in keyof T]?: Init<T[Field]> | undefined };
