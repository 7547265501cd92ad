// Whether a server that is back is one of its cluster again. It takes clients before it has found the others, and one that is cut off
// takes them too: who went there would be alone, and every call of his would find nobody.
import type { NatsConnection, Subscription } from "nats";

/** What is subscribed to on the connection in use. */
export interface Heard {
  readonly subject: string;
  readonly subscription: Subscription;
}

/**
 * Subscribes on `to` to what is heard here, waits, and compares: at least half as much must come there. What comes is not handled,
 * only counted. Where nothing is heard here nothing is proven, and it is true. Of `heard` no queue groups: there each message comes
 * once.
 */
export async function hearsAlike(
  to: NatsConnection,
  heard: readonly Heard[],
  wait: () => Promise<void>,
): Promise<boolean> {
  const there = heard.map(({ subject }) => to.subscribe(subject, { callback: nothing }));
  const here = heard.map(({ subscription }) => subscription);
  try {
    await to.flush();
    const before = sumOf(here);
    await wait();
    return sumOf(there) * 2 >= sumOf(here) - before;
  } finally {
    for (const subscription of there) subscription.unsubscribe();
  }
}

function sumOf(subscriptions: readonly Subscription[]): number {
  return subscriptions.reduce((sum, subscription) => sum + subscription.getReceived(), 0);
}

function nothing(): void {}
