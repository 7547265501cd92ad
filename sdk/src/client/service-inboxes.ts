// Where services answer this process past the routers: direct replies, frames and credits. One subscription a service, made when a
// call may need it and given up when none has for a while: what is not subscribed cannot be flooded (attack 12).
import type { Broker, BrokerMessage, BrokerSubscription } from "../broker/broker.ts";
import type { Clock } from "../call/clock.ts";
import { serviceInboxSubject, subscriptions } from "../contract/index.ts";

/** A service that no call has needed for so long is not listened to any more, in ms. */
export const SERVICE_INBOX_IDLE_MS = 60_000;

/** What some instance of `service` has published to this connection: the broker proves the service, not the instance. */
export type ServiceListener = (service: string, id: string, message: BrokerMessage) => void;

interface Inbox {
  readonly subscription: BrokerSubscription;
  /** Calls that need it now. */
  users: number;
  idleSinceMs: number;
}

export class ServiceInboxes {
  readonly #broker: Broker;
  readonly #clock: Clock;
  readonly #principal: string;
  readonly #connection: string;
  readonly #listen: ServiceListener;
  readonly #inboxes = new Map<string, Inbox>();

  constructor(broker: Broker, clock: Clock, principal: string, connection: string, listen: ServiceListener) {
    this.#broker = broker;
    this.#clock = clock;
    this.#principal = principal;
    this.#connection = connection;
    this.#listen = listen;
  }

  /** Listens to a service until `leave` has been called as often, and a while longer. */
  enter(service: string): void {
    let inbox = this.#inboxes.get(service);
    if (inbox === undefined) {
      inbox = { subscription: this.#subscribe(service), users: 0, idleSinceMs: 0 };
      this.#inboxes.set(service, inbox);
    }
    inbox.users++;
  }

  leave(service: string): void {
    const inbox = this.#inboxes.get(service);
    if (inbox === undefined) return;
    inbox.users--;
    if (inbox.users === 0) inbox.idleSinceMs = this.#clock.nowMs();
  }

  /** Where that service answers the call with this id. */
  subject(service: string, id: string): string {
    return serviceInboxSubject(this.#principal, service, this.#connection, id);
  }

  /** To be called every second or so. */
  sweep(): void {
    const now = this.#clock.nowMs();
    for (const [service, { users, idleSinceMs, subscription }] of this.#inboxes) {
      if (users > 0 || now - idleSinceMs < SERVICE_INBOX_IDLE_MS) continue;
      subscription.unsubscribe();
      this.#inboxes.delete(service);
    }
  }

  close(): void {
    for (const { subscription } of this.#inboxes.values()) subscription.unsubscribe();
    this.#inboxes.clear();
  }

  #subscribe(service: string): BrokerSubscription {
    const prefix = this.subject(service, "");
    return this.#broker.subscribe(subscriptions.serviceInbox(this.#principal, service, this.#connection), (message) =>
      this.#listen(service, message.subject.slice(prefix.length), message),
    );
  }
}
