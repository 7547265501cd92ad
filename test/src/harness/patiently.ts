// A machine that is busy with other things may take a second to greet; a mesh gives up then, a test asks again.
import { setTimeout as sleep } from "node:timers/promises";

const TRIES = 10;
const PAUSE_MS = 200;

/** Connects; tries again if no broker answered in time, and rejects with anything else at once. */
export async function patiently<Result>(connect: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await connect();
    } catch (error) {
      if (tries === TRIES || !/no broker answers/.test(String(error))) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
