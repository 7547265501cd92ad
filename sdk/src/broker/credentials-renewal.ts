// Credentials live for a day, a connection for months: their file is read again and again, and what is new in it is taken over before
// the old ones expire. The content is compared, not watched for: Kubernetes swaps symbolic links under a mounted Secret, and
// watches of the file end with the first swap.
import type { HeldCredentials } from "./held-credentials.ts";

/** The file is read so often, in ms: kubelet itself takes up to a minute and more to bring a new Secret. */
export const LOOK_EVERY_MS = 10_000;
/** While it matters, in ms: the end is near, the broker is away, or what stands there cannot be used. */
export const LOOK_SOON_MS = 1_000;
/** Instances that share a Secret read it in one moment; each moves within this, in ms, by chance. */
const MOVE_SPREAD_MS = 5_000;
/** And within this share of the time the old ones have left. */
const MOVE_SHARE = 0.25;

export type CredentialsEvent =
  /** Newer ones are in use; undefined if they do not expire. */
  | { readonly type: "renewed"; readonly expiresAtMs: number | undefined }
  /** What the file holds now is not used; the old ones are. */
  | { readonly type: "refused"; readonly problem: string; readonly expiresAtMs: number | undefined }
  /** Those in use expire soon, and no newer file is there. */
  | { readonly type: "expiring"; readonly expiresAtMs: number };

/** What became of a move to a connection with other credentials. */
export type MoveOutcome = "moved" | "refused" | "unreachable";

export interface RenewalPorts {
  readonly file: string;
  readonly read: () => Promise<string>;
  readonly held: HeldCredentials;
  readonly wallMs: () => number;
  readonly random: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly connected: () => boolean;
  /** Makes a connection with these credentials before it leaves the one in use. */
  readonly move: (credentials: string) => Promise<MoveOutcome>;
  readonly tell: (event: CredentialsEvent) => void;
}

export class CredentialsRenewal {
  readonly #ports: RenewalPorts;
  /** What the file held when it was looked at last, and was dealt with. */
  #seen: string;
  /** What cannot be used and was there once: perhaps it was only half written. */
  #doubted: string | undefined;
  /** What may be used and is not yet. */
  #offered: string | undefined;
  /** Credentials that somebody was told about: that the broker refused them, that they expire. */
  readonly #told = new Set<string>();

  constructor(ports: RenewalPorts) {
    this.#ports = ports;
    this.#seen = ports.held.text;
  }

  /** Reads the file and does what follows from it. Resolves to when it should be called again, in ms; rejects with `pause`. */
  async look(): Promise<number> {
    const { held, wallMs, connected } = this.#ports;
    await this.#read();
    if (this.#offered !== undefined) await this.#take(this.#offered);
    const lateInMs = held.lateInMs(wallMs());
    if (lateInMs <= 0) this.#warn();
    if (this.#doubted !== undefined || !connected()) return LOOK_SOON_MS;
    return Math.min(LOOK_EVERY_MS, Math.max(LOOK_SOON_MS, lateInMs));
  }

  async #read(): Promise<void> {
    const { file, held, read, wallMs } = this.#ports;
    let text: string;
    let problem: string | undefined;
    try {
      text = await read();
      if (text === this.#seen) {
        this.#doubted = undefined;
        return;
      }
      problem = text === held.text ? undefined : held.problemWith(text, file, wallMs());
    } catch (error) {
      // The key of a file that cannot be read; no text is like it.
      text = `\0${(error as NodeJS.ErrnoException).code ?? "unreadable"}`;
      if (text === this.#seen) return;
      problem = `${file}: it cannot be read (${(error as NodeJS.ErrnoException).code ?? "unreadable"})`;
    }
    if (problem === undefined) {
      this.#seen = text;
      this.#doubted = undefined;
      this.#offered = text === held.text ? undefined : text;
    } else if (this.#doubted === text) {
      this.#seen = text;
      this.#doubted = undefined;
      this.#offered = undefined;
      this.#refuse(problem);
    } else {
      this.#doubted = text;
    }
  }

  async #take(offered: string): Promise<void> {
    const { connected, file, held, move, pause, random, wallMs } = this.#ports;
    // Without a connection nothing has to be kept, and the old ones may be why there is none.
    if (!connected()) return this.#took(offered);
    const leftMs = (held.expiresAtMs ?? Number.POSITIVE_INFINITY) - wallMs();
    await pause(random() * Math.max(0, Math.min(MOVE_SPREAD_MS, leftMs * MOVE_SHARE)));
    const outcome = await move(offered);
    if (outcome === "moved") return this.#took(offered);
    if (outcome === "refused" && !this.#told.has(offered)) {
      this.#told.add(offered);
      this.#refuse(`${file}: the broker does not take these`);
    }
  }

  #took(text: string): void {
    const { held, tell } = this.#ports;
    this.#offered = undefined;
    this.#told.clear();
    held.replace(text);
    tell({ type: "renewed", expiresAtMs: held.expiresAtMs });
  }

  #refuse(problem: string): void {
    this.#ports.tell({ type: "refused", problem, expiresAtMs: this.#ports.held.expiresAtMs });
  }

  #warn(): void {
    const { held, tell } = this.#ports;
    const { expiresAtMs } = held;
    if (expiresAtMs === undefined || this.#told.has(held.text)) return;
    this.#told.add(held.text);
    tell({ type: "expiring", expiresAtMs });
  }
}
