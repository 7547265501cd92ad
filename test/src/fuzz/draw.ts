// fast-check's arbitraries as a source of inputs that follows from our own seed.
import fc from "fast-check";
import type { Input, Random } from "./target.ts";

/** Drawn together: one draw alone costs more than what it draws. */
const BATCH = 200;

export function drawFrom(arbitrary: fc.Arbitrary<Input>): (random: Random) => Input {
  let drawn: Input[] = [];
  return (random) => {
    if (drawn.length === 0) drawn = fc.sample(arbitrary, { seed: Math.floor(random() * 2 ** 31), numRuns: BATCH });
    return drawn.pop() as Input;
  };
}
