// Abuses below the level of calls: floods, clients that do not read, connections by the thousand.
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  callSubject,
  encodeInstanceState,
  inboxSubject,
  instanceSubject,
  PROTOCOL_VERSION,
  replySubject,
} from "@malla/sdk/contract";
import {
  eventually,
  RawClient,
  type RawIdentity,
  readIdentity,
  type TestMesh,
  type TestRouter,
} from "../harness/index.ts";
import type { Abuse } from "./abuse.ts";

const FIVE_MIB = 5 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);
/** Messages of a flood, and how many are written before the loop gets its turn. */
const FLOOD = 50_000;
const FLOOD_BATCH = 1_000;
/** What a client that does not read asks for: several times what the broker and the kernel keep for it. */
const UNREAD_REPLIES = 80;
const UNREAD_BYTES = 500 * 1024;
const SMALL_UNREAD_REPLIES = 500;
const SMALL_UNREAD_BYTES = 200;
/** And how many at a time one asks for that reads them. */
const READ_AT_A_TIME = 8;
/** Longest time in which the broker gets rid of a client, in ms: `write_deadline`, pings, and a busy machine. */
const CUT_OFF_WITHIN_MS = 30_000;
const CONNECTIONS = 10_000;
const DIALLED_AT_A_TIME = 250;
/** Open files that are kept for everything else. */
const RESERVED_FILES = 1_000;

async function identityOf(mesh: TestMesh, name: string, role: "guest" | "service"): Promise<RawIdentity> {
  return readIdentity(await readFile(await mesh.credentials(name, role), "utf8"));
}

/** Writes `FLOOD` messages without starving this process; with a rate as many as a second takes. */
async function flood(rate: number | undefined, publish: (n: number) => void): Promise<void> {
  if (rate !== undefined) {
    await paced(rate, publish);
    return;
  }
  for (let n = 0; n < FLOOD; n++) {
    publish(n);
    if (n % FLOOD_BATCH === 0) await sleep(0);
  }
}

/** Spread over a second by milliseconds, as far as timers go. */
async function paced(rate: number, publish: (n: number) => void): Promise<void> {
  const startedAtMs = performance.now();
  for (let n = 0; n < rate; ) {
    const due = Math.min(rate, ((performance.now() - startedAtMs) / 1_000) * rate);
    for (; n < due; n++) publish(n);
    await sleep(1);
  }
}

export const largePayloadByHand: Abuse = {
  name: "a payload of 5 MB by a client that does not ask what is allowed",
  outcome: "cut off by the broker: Maximum Payload Violation",
  prepare: async (mesh) => {
    const identity = await identityOf(mesh, "guest", "guest");
    return {
      attack: async () => {
        const client = await RawClient.open(mesh.url, identity);
        const subject = callSubject("guest", "calm", "echo");
        client.write(`PUB ${subject} ${inboxSubject("guest", "raw", "1")} ${FIVE_MIB}\r\n`);
        // The announced size is enough; with bytes on their way the connection's reset may overtake the broker's word.
        await client.hears(/Maximum Payload Violation/);
        client.write(Buffer.alloc(FIVE_MIB));
        await client.closed;
        return largePayloadByHand.outcome;
      },
    };
  },
};

export const unawaitedReplies: Abuse = {
  name: "replies nobody waits for",
  outcome: "dropped",
  prepare: async (mesh) => {
    const rogue = await mesh.raw("victim-replies", "service");
    const [router] = mesh.routers as [TestRouter];
    return {
      attack: async (_times, rate) => {
        await flood(rate, () =>
          rogue.publish(replySubject(router.id, "victim-replies", randomBytes(12).toString("base64url")), NOTHING),
        );
        await rogue.flush();
        return rogue.connected ? unawaitedReplies.outcome : "the connection was lost";
      },
    };
  },
};

export const announcementFlood: Abuse = {
  name: "a flood of announcements",
  outcome: "dropped and counted",
  prepare: async (mesh) => {
    const rogue = await mesh.raw("victim-flood", "service");
    const [router] = mesh.routers as [TestRouter];
    const labels = { stage: "announcement", reason: "rate-limited" };
    const load = { inFlight: 0, queued: 0, loopLagMs: 0 };
    const announcement = (n: number): Uint8Array =>
      encodeInstanceState({
        protocol: PROTOCOL_VERSION,
        // Each says something else, so that each changes what routers know.
        version: `1.0.${n}`,
        tags: {},
        methods: ["echo"],
        idempotentMethods: [],
        maxInFlight: 1,
        load,
        phase: n % 2 === 0 ? "serving" : "draining",
        sentAtMs: 0,
        capabilities: [],
      });
    return {
      attack: async (_times, rate) => {
        const before = await mesh.metric(router, "mesh_rejected_total", labels);
        await flood(rate, (n) => rogue.publish(instanceSubject("victim-flood", `i${n % 12_000}`), announcement(n)));
        await rogue.flush();
        await eventually(async () => {
          const counted = (await mesh.metric(router, "mesh_rejected_total", labels)) - before;
          if (counted === 0) throw new Error("no announcement was refused");
        });
        return announcementFlood.outcome;
      },
    };
  },
};

async function subscribeReplies(client: RawClient): Promise<void> {
  client.subscribe("_INBOX.guest.>");
  client.write("PING\r\n");
  await client.hears(/PONG\r\n/);
}

function askFor(client: RawClient, service: string, replies: number): void {
  const subject = callSubject("guest", service, "dump");
  for (let n = 0; n < replies; n++) client.publish(subject, Buffer.from("{}"), inboxSubject("guest", "raw", `u${n}`));
}

/** Asks for replies and reads none of them, nor that it was cut off; the broker knows. Its twin reads them. */
function unreading(name: string, service: string, replies: number, replyBytes: number): Abuse {
  const outcome = "cut off by the broker";
  return {
    name,
    outcome,
    prepare: async (mesh) => {
      await mesh.service(service, { dump: () => Buffer.alloc(replyBytes) }, { maxInFlight: 1_000 });
      const identity = await identityOf(mesh, "guest", "guest");
      return {
        attack: async () => {
          const client = await RawClient.open(mesh.url, identity);
          await subscribeReplies(client);
          client.stopReading();
          askFor(client, service, replies);
          const gone = async (): Promise<void> => {
            const open = await mesh.broker.connections();
            if (open.some((connection) => connection.startsWith("connection ")))
              throw new Error("the broker keeps the client");
          };
          try {
            await eventually(gone, { withinMs: CUT_OFF_WITHIN_MS, everyMs: 100 });
            return outcome;
          } finally {
            client.destroy();
          }
        },
      };
    },
    prepareTwin: async (mesh) => {
      const identity = await identityOf(mesh, "guest", "guest");
      return {
        attack: async () => {
          const client = await RawClient.open(mesh.url, identity);
          await subscribeReplies(client);
          // A few at a time: of more than the broker holds for a client, one that reads slowly is cut off as well.
          for (let asked = 0; asked < replies; asked += READ_AT_A_TIME) {
            const before = client.heardBytes;
            const count = Math.min(READ_AT_A_TIME, replies - asked);
            askFor(client, service, count);
            await client.hearsBytes(before + count * replyBytes);
          }
          client.destroy();
          return "read";
        },
      };
    },
  };
}

export const slowReader: Abuse = unreading(
  "a client that does not read 80 replies of 500 KB",
  "victim-unread",
  UNREAD_REPLIES,
  UNREAD_BYTES,
);
/** What an ordinary client asks for that has hung: nothing piles up, and its silence to pings is what ends it. */
export const smallSlowReader: Abuse = unreading(
  "a client that does not read 500 replies of 200 bytes",
  "victim-unread-small",
  SMALL_UNREAD_REPLIES,
  SMALL_UNREAD_BYTES,
);

/** How many connections this process may open now, up to what the issue asks for. */
export async function connectionCount(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? CONNECTIONS + RESERVED_FILES);
  return Math.min(CONNECTIONS, limit - RESERVED_FILES);
}

/** All of them prove who they are, encrypted; tells how many were let in and how many told to come later. */
export async function connectAtOnce(server: string, credentials: string, count: number, ca: string): Promise<string> {
  const identity = readIdentity(await readFile(credentials, "utf8"));
  const clients: RawClient[] = [];
  let refused = 0;
  try {
    for (let n = 0; n < count; n += DIALLED_AT_A_TIME) {
      const batch = Array.from({ length: Math.min(DIALLED_AT_A_TIME, count - n) }, async () => {
        await RawClient.open(server, identity, ca).then(
          (client) => clients.push(client),
          () => refused++,
        );
      });
      await Promise.all(batch);
    }
    return `${clients.length} let in, ${refused} told to come later`;
  } finally {
    for (const client of clients) client.destroy();
  }
}

export const connectionFlood: Abuse = {
  name: "10,000 connections that come at once",
  outcome: "guests let in, the silent cut off",
  prepare: async (mesh) => {
    const identity = await identityOf(mesh, "guest", "guest");
    const count = await connectionCount();
    return {
      attack: async () => {
        const clients: RawClient[] = [];
        try {
          let welcomed = 0;
          let silentCutOff = 0;
          const silent: Promise<void>[] = [];
          for (let n = 0; n < count; n += DIALLED_AT_A_TIME) {
            const batch = Array.from({ length: Math.min(DIALLED_AT_A_TIME, count - n) }, async (_, i) => {
              const client = await (i % 2 === 0 ? RawClient.open(mesh.url, identity) : RawClient.dial(mesh.url));
              clients.push(client);
              if (i % 2 === 0) welcomed++;
              else silent.push(client.closed.then(() => void silentCutOff++));
            });
            await Promise.all(batch);
          }
          // Whoever says nothing is cut off by the broker after two seconds.
          await Promise.race([Promise.all(silent), sleep(CUT_OFF_WITHIN_MS, undefined, { ref: false })]);
          const half = count / 2;
          if (welcomed === half && silentCutOff === half) return connectionFlood.outcome;
          return `${welcomed} of ${half} guests let in, ${silentCutOff} of ${half} silent cut off`;
        } finally {
          for (const client of clients) client.destroy();
        }
      },
    };
  },
};
