// What every abuse is given, and what it is.
import { MeshError } from "@malla/sdk";
import type { TestMesh } from "../harness/index.ts";

/** One way to misuse a mesh. */
export interface Abuse {
  readonly name: string;
  /** What becomes of it, as `attack` tells: `reason (origin)` of a call, or what the broker does. */
  readonly outcome: string;
  /** Makes ready what misuses. */
  prepare(mesh: TestMesh): Promise<Attacker>;
  /** Who does the same as he should, where that is what its cost is to be compared with. */
  prepareTwin?(mesh: TestMesh): Promise<Attacker>;
}

export interface Attacker {
  /**
   * Misuses, and tells what became of it. Calls are made `times` at once; what is a flood by nature stays one, written as fast as it can
   * be or at a rate, in messages a second.
   */
  attack(times: number, rate?: number): Promise<string>;
  /** Ends what `mesh.stop` would not. */
  close?(): Promise<void>;
}

/** How a call ended: `ok`, or reason and origin. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    return error instanceof MeshError ? `${error.reason} (${error.origin})` : String(error);
  }
}

/** The outcomes of many calls at a time, each once. */
export async function outcomesOf(times: number, call: (n: number) => Promise<unknown>): Promise<string> {
  const outcomes = await Promise.all(Array.from({ length: times }, async (_, n) => await outcomeOf(call(n))));
  return [...new Set(outcomes)].sort().join(", ");
}
