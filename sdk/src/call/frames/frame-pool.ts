// What the streams of one connection share: its credit, and a bound on the payloads that are held while they travel.
import { MeshError, type Origin } from "../../contract/index.ts";
import { CreditBudget } from "./credit-budget.ts";
import { MAX_ASSEMBLED_BYTES, MAX_ASSEMBLED_BYTES_PER_PEER, MAX_FRAMED_BYTES } from "./frame-bounds.ts";

export interface FramePoolBounds {
  readonly maxFramedBytes: number;
  readonly maxBytes: number;
  readonly maxBytesPerPeer: number;
}

const DEFAULTS: FramePoolBounds = {
  maxFramedBytes: MAX_FRAMED_BYTES,
  maxBytes: MAX_ASSEMBLED_BYTES,
  maxBytesPerPeer: MAX_ASSEMBLED_BYTES_PER_PEER,
};

export class FramePool {
  readonly credit: CreditBudget;
  readonly #bounds: FramePoolBounds;
  readonly #byPeer = new Map<string, number>();
  #bytes = 0;

  constructor(bounds: Partial<FramePoolBounds> = {}, credit: CreditBudget = new CreditBudget()) {
    this.#bounds = { ...DEFAULTS, ...bounds };
    this.credit = credit;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Why a payload of this size does not travel in frames at all. */
  tooLarge(what: "request" | "reply", bytes: number, origin: Origin): MeshError | undefined {
    const { maxFramedBytes } = this.#bounds;
    if (bytes <= maxFramedBytes) return undefined;
    const message = `the ${what} has ${bytes} bytes; ${maxFramedBytes} travel in one call: send it in parts, or a reference to it`;
    return MeshError.of("too-large", message, { origin });
  }

  /** Why a peer's payload cannot be taken now: this process, or the peer's share of it, is full. */
  refusal(peer: string, bytes: number, origin: Origin): MeshError | undefined {
    const { maxBytes, maxBytesPerPeer } = this.#bounds;
    const own = this.#byPeer.get(peer) ?? 0;
    if (own + bytes <= maxBytesPerPeer && this.#bytes + bytes <= maxBytes) return undefined;
    const message = `payloads in frames hold ${this.#bytes} bytes here, ${own} of them with ${peer}; there is no room for ${bytes} more`;
    return MeshError.of("overloaded", message, { origin });
  }

  /** Whether a peer has more than its share, or all together have: offers are not refused, but end later. */
  isOver(peer: string): boolean {
    return this.refusal(peer, 0, "instance") !== undefined;
  }

  /** Counts bytes until what it returns is called; calling that twice does nothing. */
  hold(peer: string, bytes: number): () => void {
    this.#change(peer, bytes);
    let held = true;
    return () => {
      if (held) this.#change(peer, -bytes);
      held = false;
    };
  }

  #change(peer: string, by: number): void {
    this.#bytes += by;
    const own = (this.#byPeer.get(peer) ?? 0) + by;
    if (own === 0) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, own);
  }
}
