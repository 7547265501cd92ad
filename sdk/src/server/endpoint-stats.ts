// Counts and times of one method, as ADR-32 wants them: every call counts when its handler has ended, not when it returned
// a promise.
import type { MeshError } from "../contract/index.ts";

/** Of the last error so much is told, in characters: it is the handler's own text. */
export const MAX_LAST_ERROR_LENGTH = 1_024;

export class EndpointStats {
  readonly name: string;
  requests = 0;
  errors = 0;
  lastError = "";
  processingMs = 0;

  constructor(name: string) {
    this.name = name;
  }

  ended(durationMs: number, error: MeshError | undefined): void {
    this.requests++;
    this.processingMs += durationMs;
    if (error === undefined) return;
    this.errors++;
    this.lastError = `${error.http}:${error.message}`.slice(0, MAX_LAST_ERROR_LENGTH);
  }
}
