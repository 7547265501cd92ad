// Ten thousand instances of a thousand services, as routers hear them: a connection for each service, since the broker lets none
// speak for another, and each instance's announcement every five seconds.
import { issueCredentials, type Keys } from "@malla/broker-config";
import { encodeInstanceState, type InstanceState, instanceSubject } from "@malla/sdk/contract";
import { ANNOUNCE_INTERVAL_MS } from "@malla/sdk/discovery";
import { instanceState } from "@malla/sdk/testing";
import { RawClient, type RawIdentity, readIdentity } from "../harness/index.ts";
import { METHODS, type Size, serviceName } from "./world.ts";

const TICK_MS = 20;
const JOINING_AT_A_TIME = 10;
const ALIVE_MS = 300;

export class Crowd {
  readonly #clients: readonly RawClient[];
  readonly #instances: number;
  readonly #alive: NodeJS.Timeout;
  #said = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(clients: readonly RawClient[], instances: number, alive: NodeJS.Timeout) {
    this.#alive = alive;
    this.#clients = clients;
    this.#instances = instances;
  }

  static async join(url: string, keys: Keys, { services, instances }: Size): Promise<Crowd> {
    const identities: RawIdentity[] = [];
    for (let s = 0; s < services; s++)
      identities.push(readIdentity(await issueCredentials(keys, { name: serviceName(s), role: "service" })));
    const clients: RawClient[] = [];
    // The broker asks every second whether we are there, and takes this for an answer.
    const alive = setInterval(() => {
      for (const client of clients) client.write("PONG\r\n");
    }, ALIVE_MS);
    for (let from = 0; from < services; from += JOINING_AT_A_TIME) {
      const joining = identities.slice(from, from + JOINING_AT_A_TIME);
      clients.push(...(await Promise.all(joining.map(async (identity) => await RawClient.open(url, identity)))));
    }
    return new Crowd(clients, instances, alive);
  }

  /** Announcements so far. */
  get said(): number {
    return this.#said;
  }

  /** Each announces itself, and again every five seconds. */
  start(): void {
    const startedAtMs = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startedAtMs) * this.#instances) / ANNOUNCE_INTERVAL_MS;
      while (this.#said < due) this.#say();
    }, TICK_MS);
  }

  #say(): void {
    const index = this.#said++ % this.#instances;
    const service = index % this.#clients.length;
    const client = this.#clients[service] as RawClient;
    const subject = instanceSubject(serviceName(service), `instance-${index}-0123456789`);
    client.publish(subject, encodeInstanceState(stateOf(index)));
  }

  async leave(): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#alive);
    for (const client of this.#clients) client.destroy();
    await Promise.all(this.#clients.map(async ({ closed }) => closed));
  }
}

function stateOf(index: number): InstanceState {
  return instanceState({
    version: index % 2 === 0 ? "1.4.0" : "2.0.0",
    tags: { zone: `zone-${index % 3}`, pod: `pod-${index}` },
    methods: METHODS,
    idempotentMethods: ["get", "list"],
    load: { inFlight: index % 40, queued: 0, loopLagMs: index % 3 },
    sentAtMs: Date.now(),
    capabilities: ["frames"],
  });
}
