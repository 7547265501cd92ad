// Whether a server that is back is one of its cluster again. It takes clients before it has found the others, and one that is cut off
// takes them too: who went there would be alone, and every call of his would find nobody.
import type { NatsConnection, Subscription } from "nats";

/** So many messages of each subscription are compared; of a busy one that is enough, and no burden. */
const COMPARED = 100;
/** So many are taken there, which may be ahead. */
const TAKEN_THERE = 400;
/** What was heard here must come there within this, in ms. */
const LATE_MS = 250;

/**
 * Listens on both connections to these subjects, and compares: of what is heard here, by its subject, half and more must be heard there.
 * Half, since a message or two may come just before or after. What comes is only looked at; where nothing is heard here nothing is
 * proven, and it is true. No subjects of queue groups: members get different messages.
 */
export async function hearsAlike(
  here: NatsConnection,
  there: NatsConnection,
  subjects: readonly string[],
  trialMs: number,
  pause: (ms: number) => Promise<void>,
): Promise<boolean> {
  const [heardHere, heardThere] = [new Set<string>(), new Set<string>()];
  const copiesThere = subjects.map((subject) => listen(there, subject, TAKEN_THERE, heardThere));
  let copiesHere: readonly Subscription[] = [];
  try {
    await there.flush();
    copiesHere = subjects.map((subject) => listen(here, subject, COMPARED, heardHere));
    await pause(trialMs);
    end(copiesHere);
    await pause(LATE_MS);
  } finally {
    end(copiesHere);
    end(copiesThere);
  }
  const alike = [...heardHere].filter((subject) => heardThere.has(subject)).length;
  return alike * 2 >= heardHere.size;
}

function listen(connection: NatsConnection, subject: string, max: number, heard: Set<string>): Subscription {
  return connection.subscribe(subject, { max, callback: (_error, message) => void heard.add(message.subject) });
}

function end(subscriptions: readonly Subscription[]): void {
  for (const subscription of subscriptions) if (!subscription.isClosed()) subscription.unsubscribe();
}
