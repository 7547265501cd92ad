// What owners of identities are told by Events: each once, and again after an hour if it still holds.
import type { ClaimingObject } from "./claims.ts";

export interface Notice {
  readonly about: ClaimingObject;
  readonly type: "Normal" | "Warning";
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
}

const REPEAT_MS = 3_600_000;

/** Remembers what was told, so that a pass every few seconds does not say everything again. */
export class ToldNotices {
  #told: ReadonlyMap<string, number> = new Map();

  /** Those that are new or due again. What holds no longer is forgotten, and is told at once when it comes back. */
  take(notices: readonly Notice[], nowMs: number): readonly Notice[] {
    const told = new Map<string, number>();
    const due: Notice[] = [];
    for (const notice of notices) {
      const key = JSON.stringify([notice.about.metadata.uid, notice.reason, notice.message]);
      if (told.has(key)) continue;
      const lastMs = this.#told.get(key);
      const isDue = lastMs === undefined || nowMs - lastMs >= REPEAT_MS;
      if (isDue) due.push(notice);
      told.set(key, isDue ? nowMs : lastMs);
    }
    this.#told = told;
    return due;
  }
}
