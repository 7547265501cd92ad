// One process's place on the mesh: what `connect` returns.
import type { Broker, BrokerMessage } from "./broker/broker.ts";
import { FramePool } from "./call/frames/frame-pool.ts";
import { decodeJson, decodePayload, encodePayload } from "./call/payload.ts";
import type { Runtime } from "./call/runtime.ts";
import { type CallOptions, requestFields } from "./client/call-options.ts";
import { CallSender } from "./client/call-sender.ts";
import { CallerFrames } from "./client/caller-frames.ts";
import { type ContractClient, createContractClient } from "./client/contract-client.ts";
import { DirectPath } from "./client/direct-path.ts";
import { OutgoingCalls } from "./client/outgoing-calls.ts";
import type { CallReply, OutgoingRequest, RunningCall, Settle } from "./client/outgoing-request.ts";
import { PolicyFeed } from "./client/policy-feed.ts";
import { RoutedPath } from "./client/routed-path.ts";
import { ServiceInboxes } from "./client/service-inboxes.ts";
import {
  CONTENT_TYPE_BYTES,
  decodeRouterState,
  header,
  headerValue,
  MESH_SERVICE,
  parseRouterSubject,
  subscriptions,
} from "./contract/index.ts";
import { PolicyFreshness } from "./discovery/policy-freshness.ts";
import { LivePolicy } from "./discovery/policy-holder.ts";
import { RouterDirectory } from "./discovery/router-directory.ts";
import type { Contract } from "./protobuf/contract.ts";
import { DirectGate } from "./server/direct-gate.ts";
import { type ContractHandlers, contractEndpoints, type Handlers, jsonEndpoints } from "./server/endpoint.ts";
import { ServedInstance } from "./server/instance.ts";
import { attribute } from "./telemetry/rpc-semantics.ts";

/** How often routers that fell silent are dropped, in ms. */
const SWEEP_MS = 1_000;
const NO_OPTIONS: CallOptions = Object.freeze({});
const NOTHING = new Uint8Array(0);

export interface MeshFacts {
  readonly principal: string;
  readonly service: string;
  readonly instance: string;
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string;
  readonly maxInFlight: number;
  readonly maxOutgoingCalls: number;
  readonly maxOutgoingBytes: number;
  /** Unique to this connection, unguessable. */
  readonly connection: string;
  readonly policyPublicKey: string | undefined;
  /** Services it may send to past the routers: those its credentials name, of role `direct`. */
  readonly directTo: readonly string[];
  /** Whether this role may hear routers, and the policy they push. */
  readonly hearsRouters: boolean;
  readonly hearsPolicy: boolean;
  /** Whether it may send frames: other roles' payloads are relayed, up to what the broker carries in one message. */
  readonly sendsFrames: boolean;
}

export class Mesh {
  readonly #broker: Broker;
  readonly #runtime: Runtime;
  readonly #facts: MeshFacts;
  readonly #routers = new RouterDirectory();
  readonly #policy = new LivePolicy();
  readonly #freshness = new PolicyFreshness(this.#policy);
  readonly #outgoing: OutgoingCalls;
  readonly #inboxes: ServiceInboxes;
  readonly #frames: CallerFrames | undefined;
  readonly #routed: RoutedPath;
  readonly #direct: DirectPath | undefined;
  readonly #sender: CallSender;
  readonly #served: ServedInstance;
  readonly #onClose: () => Promise<void>;
  #sweepTimer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;
  #joined = false;

  /** Made by `connect`. `onClose` is called once, when the connection has been closed. */
  constructor(
    broker: Broker,
    runtime: Runtime,
    facts: MeshFacts,
    onClose: () => Promise<void> = async () => undefined,
  ) {
    this.#broker = broker;
    this.#runtime = runtime;
    this.#facts = facts;
    this.#onClose = onClose;
    this.#outgoing = new OutgoingCalls(facts.maxOutgoingCalls, facts.maxOutgoingBytes);
    const { principal, connection } = facts;
    const pool = new FramePool();
    this.#inboxes = new ServiceInboxes(broker, runtime.clock, principal, connection, (service, id, message) =>
      this.#hear(service, id, message),
    );
    const shared = { broker, runtime, principal, connection, inboxes: this.#inboxes };
    const answersComeToo = facts.directTo.length > 0;
    this.#frames = facts.sendsFrames ? new CallerFrames({ ...shared, pool, answersComeToo }) : undefined;
    const way = { ...shared, outgoing: this.#outgoing, frames: this.#frames };
    this.#routed = new RoutedPath({ ...way, routers: this.#routers });
    const judged = { policy: this.#policy, freshness: this.#freshness };
    if (facts.directTo.length > 0)
      this.#direct = new DirectPath({
        ...way,
        ...judged,
        services: facts.directTo,
        routed: (request, settle) => this.#goRouted(request, settle),
      });
    this.#sender = new CallSender({
      runtime,
      principal,
      policy: this.#policy,
      carry: (request, settle) => this.#direct?.call(request, settle) ?? this.#goRouted(request, settle),
    });
    const gate = this.#mayHearPolicy ? new DirectGate({ ...judged, runtime }) : undefined;
    this.#served = new ServedInstance({ ...facts, broker, runtime, pool, routers: this.#routers, gate });
  }

  /** What a service has published to this connection: an answer to a direct call, or something of a stream. */
  #hear(service: string, id: string, message: BrokerMessage): void {
    if (this.#direct?.take(service, id, message) === true) return;
    this.#frames?.hear(service, id, message);
  }

  /** The name the broker knows this process by. */
  get principal(): string {
    return this.#facts.principal;
  }

  /** Id of this instance. */
  get instance(): string {
    return this.#facts.instance;
  }

  /** Revision of the policy this process has heard; 0 before any. */
  get policyRevision(): number {
    return this.#policy.current.revision;
  }

  /** Whether this process knows the policy that is in force: one revision behind the routers for two seconds, it does not. */
  get knowsPolicy(): boolean {
    return this.#freshness.isFresh(this.#runtime.clock.nowMs());
  }

  /**
   * Instances of this service that calls can reach past the routers now; with 0 they go routed. Undefined without credentials of
   * role `direct` that name the service. A call that needs a router, or may not go direct by policy, goes routed all the same.
   */
  directInstances(service: string): number | undefined {
    return this.#direct?.instancesOf(service);
  }

  get #mayHearPolicy(): boolean {
    return this.#facts.hearsPolicy && this.#facts.policyPublicKey !== undefined;
  }

  /** Called by `connect`. Resolves when replies can arrive. */
  async start(): Promise<void> {
    this.#routed.start();
    this.#direct?.start();
    if (this.#facts.hearsRouters) this.#hearRouters();
    await this.#broker.flush();
  }

  #hearRouters(): void {
    const { clock, stall } = this.#runtime;
    const feed = this.#policyFeed();
    feed?.start();
    this.#broker.subscribe(subscriptions.routers, (message) => {
      const id = parseRouterSubject(message.subject);
      const state = decodeRouterState(message.payload);
      if (id === undefined || state === undefined) return;
      if (this.#routers.announce(id, state, clock.nowMs(), clock.stampMs())) this.#served.greetRouter();
      this.#freshness.heard(state.policyRevision, clock.nowMs());
      // A router announces itself every second: so it is asked again after one.
      if (!this.#joined && feed !== undefined) void this.#join(feed);
      this.#served.tellChanges();
    });
    // Who may go past the routers asks at once whoever there is.
    if (this.#direct !== undefined && feed !== undefined) void this.#join(feed);
    this.#broker.onStatus((status) => {
      if (status.type === "connected") this.#routers.thaw(clock.nowMs());
    });
    this.#sweepTimer = setInterval(() => {
      if (!this.#broker.connected) return;
      if (stall.stalledWithin(SWEEP_MS)) this.#routers.thaw(clock.nowMs());
      this.#routers.sweep(clock.nowMs());
      this.#inboxes.sweep();
    }, SWEEP_MS);
    this.#sweepTimer.unref();
  }

  /** Asks a router for what it would otherwise hear bit by bit: the policy, and instances to greet. */
  async #join(feed: PolicyFeed): Promise<void> {
    this.#joined = true;
    const greeted = this.#direct === undefined || this.#greetInstances(this.#direct);
    this.#joined = (await feed.join()) && (await greeted);
    this.#served.tellChanges();
  }

  /** False if nobody could be asked. */
  async #greetInstances(direct: DirectPath): Promise<boolean> {
    try {
      direct.greet(decodeJson(await this.#askRouter("instances")));
      return true;
    } catch (error) {
      this.#runtime.telemetry.log.debug({ err: error }, "instances could not be asked for");
      return false;
    }
  }

  async #askRouter(method: string): Promise<Uint8Array> {
    return (await this.#send(MESH_SERVICE, method, NOTHING, CONTENT_TYPE_BYTES, true, NO_OPTIONS)).payload;
  }

  #policyFeed(): PolicyFeed | undefined {
    const publicKey = this.#facts.policyPublicKey;
    if (publicKey === undefined || !this.#facts.hearsPolicy) return undefined;
    const ask = async (): Promise<Uint8Array> => await this.#askRouter("policy");
    return new PolicyFeed({ broker: this.#broker, runtime: this.#runtime, policy: this.#policy, publicKey, ask });
  }

  /** Serves plain handlers: JSON in, JSON out; a Uint8Array travels as bytes. */
  async serve(handlers: Handlers): Promise<void>;
  /** Serves a protobuf contract: every method needs its handler. The contract's name must be this service's. */
  async serve<Service>(contract: Contract<Service>, handlers: ContractHandlers<Service>): Promise<void>;
  async serve<Service>(first: Handlers | Contract<Service>, handlers?: ContractHandlers<Service>): Promise<void> {
    if (this.#draining !== undefined) throw new Error("this connection drains; it serves nothing new");
    if (this.#facts.service === "")
      throw new Error("`connect` was given no service name: set `service`, or MALLA_SERVICE");
    if (handlers === undefined) {
      await this.#served.serve(jsonEndpoints(first as Handlers));
      return;
    }
    const contract = first as Contract<Service>;
    if (contract.name !== this.#facts.service) {
      throw new Error(`the contract is for service ${contract.name}, but this process is ${this.#facts.service}`);
    }
    await this.#served.serve(contractEndpoints(contract, handlers));
  }

  /**
   * Calls a method and resolves to its result. Rejects with `MeshError`, never with anything else but a TypeError for
   * arguments that cannot be sent. Deadline, cancellation and trace of the call this runs in are passed on.
   */
  // biome-ignore lint/suspicious/noExplicitAny: without a contract only the application knows what a method returns
  async call<Result = any>(
    service: string,
    method: string,
    request?: unknown,
    options: CallOptions = NO_OPTIONS,
  ): Promise<Result> {
    // One promise a call: what is thrown here rejects it.
    return new Promise<Result>((resolve, reject) => {
      const { bytes, contentType } = encodePayload(request);
      const fields = requestFields(options, contentType);
      const keyed = options.idempotencyKey !== undefined;
      this.#sender.send(service, method, bytes, fields, keyed, options, (error, reply) => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        const { headers, payload } = reply as CallReply;
        try {
          resolve(decodePayload(payload, headerValue(headers, header.contentType)) as Result);
        } catch (unreadable) {
          reject(unreadable as Error);
        }
      });
    });
  }

  /** A typed client of a contract: `mesh.client(payments).Charge({ cents: 500 })`. */
  client<Service>(contract: Contract<Service>): ContractClient<Service> {
    return createContractClient(contract, async (service, method, payload, contentType, repeatable, options) => {
      const reply = await this.#send(service, method, payload, contentType, repeatable, options);
      return { payload: reply.payload, contentType: headerValue(reply.headers, header.contentType) };
    });
  }

  async #send(
    service: string,
    method: string,
    payload: Uint8Array,
    contentType: string,
    repeatable: boolean,
    options: CallOptions,
  ): Promise<CallReply> {
    return await new Promise<CallReply>((resolve, reject) => {
      const fields = requestFields(options, contentType);
      this.#sender.send(service, method, payload, fields, repeatable, options, (error, reply) => {
        if (error === undefined) resolve(reply as CallReply);
        else reject(error);
      });
    });
  }

  #goRouted(request: OutgoingRequest, settle: Settle): RunningCall {
    request.span?.setAttribute(attribute.way, "routed");
    return this.#routed.call(request, settle);
  }

  /** Takes nothing new, finishes what runs and what waits, then closes the connection. Safe to call twice. */
  async drain(): Promise<void> {
    this.#draining ??= this.#drain();
    await this.#draining;
  }

  async #drain(): Promise<void> {
    await this.#served.drain();
    while (this.#outgoing.count > 0 && this.#broker.connected) await new Promise((resolve) => setTimeout(resolve, 10));
    await this.close();
  }

  /** Closes at once; calls that wait fail as `gone`. */
  async close(): Promise<void> {
    clearInterval(this.#sweepTimer);
    this.#direct?.stop();
    this.#routed.stop();
    this.#inboxes.close();
    this.#runtime.stall.stop();
    await this.#broker.close();
    await this.#onClose();
  }
}
