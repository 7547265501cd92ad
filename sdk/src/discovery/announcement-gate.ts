// Announcements of one service that are read in a second. Reading one costs more than sending it, and whoever holds a service's
// credentials may send as many as he likes: what is too much is not read, not even its subject, and only his own service is not
// heard.

/** Twice what ten thousand instances need that announce themselves every five seconds. */
export const MAX_ANNOUNCEMENTS_PER_SECOND = 4_000;
/** The same by size, in bytes. */
export const MAX_ANNOUNCEMENT_BYTES_PER_SECOND = 2 * 1024 * 1024;

/**
 * The token that says whose an announcement is, of a subject that came over `mesh.instance.*.*`. It may be no name: the gate
 * stands before all checks, since a flood costs what the first of them costs.
 */
export function announcerOf(subject: string): string {
  const start = "mesh.instance.".length;
  const end = subject.indexOf(".", start);
  return end < 0 ? "" : subject.slice(start, end);
}

export class AnnouncementGate {
  /** Of this second alone, so it holds no more than was heard in it. */
  readonly #heard = new Map<string, { count: number; bytes: number }>();
  #second = 0;

  /** Whether an announcement of so many bytes is to be read; false once its service's share of this second is used up. */
  mayRead(service: string, bytes: number, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#heard.clear();
    }
    const heard = this.#heard.get(service);
    if (heard === undefined) {
      this.#heard.set(service, { count: 1, bytes });
      return true;
    }
    if (heard.count >= MAX_ANNOUNCEMENTS_PER_SECOND || heard.bytes + bytes > MAX_ANNOUNCEMENT_BYTES_PER_SECOND)
      return false;
    heard.count++;
    heard.bytes += bytes;
    return true;
  }
}
