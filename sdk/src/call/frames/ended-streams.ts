// Streams that ended not long ago: what was on its way to them comes late, and is nobody's fault.

/** So many are remembered; what comes for older ones counts as sent without a handshake. */
export const MAX_ENDED_STREAMS = 2_000;

export class EndedStreams {
  readonly #ended = new Set<string>();

  add(stream: string): void {
    if (this.#ended.size >= MAX_ENDED_STREAMS) {
      for (const oldest of this.#ended) {
        this.#ended.delete(oldest);
        break;
      }
    }
    this.#ended.add(stream);
  }

  has(stream: string): boolean {
    return this.#ended.has(stream);
  }
}
