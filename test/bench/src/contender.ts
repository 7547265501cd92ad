// One of those who are compared.
import type { Site, Way } from "./site.ts";

export interface Contender {
  readonly name: string;
  /** For the list of contenders: what is on the way. */
  readonly about: string;
  /**
   * `broker`: its connections to the broker are encrypted when that is asked for. `always`: they are, and nothing changes.
   * `never`: it takes no part then.
   */
  readonly tls: "broker" | "always" | "never";
  /** Larger payloads are not for it. Default: no bound. */
  readonly maxPayloadBytes?: number;
  /** Starts it with so many services in a chain. Throws NotHere for what cannot be had on this machine. */
  start(site: Site, depth: number): Promise<Way>;
}
