// Abuses by calls: what is too large, handlers that misbehave, replies that cannot be read.
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import type { Handlers, Mesh } from "@malla/sdk";
import { encodeInstanceState, instanceSubject, PROTOCOL_VERSION, subscriptions } from "@malla/sdk/contract";
import { eventually, startProgram, type TestMesh } from "../harness/index.ts";
import { type Abuse, type Attacker, outcomesOf } from "./abuse.ts";

/** More than travels in one call, in frames or whole; one buffer for all. */
const TOO_LARGE = Buffer.alloc(65 * 1024 * 1024);
const HUNDRED_KIB = 100 * 1024;
const BLOCK_MS = 5_000;
/** Shorter than what the broker needs to find a hung client, so that the deadline is what ends the call. */
const BLOCKED_DEADLINE_MS = 1_000;

/** A victim with these handlers, and an attacker who calls it. */
async function calling(
  mesh: TestMesh,
  name: string,
  handlers: Handlers,
  attack: (attacker: Mesh, service: string, times: number) => Promise<string>,
): Promise<Attacker> {
  const service = `victim-${name}`;
  await mesh.service(service, handlers, { maxInFlight: 1_000 });
  const attacker = await mesh.caller(`attacker-${name}`);
  await mesh.routersHeard();
  return { attack: async (times) => await attack(attacker, service, times) };
}

/** A deadline is kept by instance, router and caller; which of them is first is chance. */
function byWhomever(outcomes: string): string {
  return /^deadline \(\w+\)(, deadline \(\w+\))*$/.test(outcomes) ? "deadline" : outcomes;
}

export const largePayload: Abuse = {
  name: "a payload of 65 MB",
  outcome: "too-large (sdk)",
  prepare: async (mesh) =>
    await calling(mesh, "payload", { echo: (request: unknown) => request }, async (attacker, service, times) => {
      return await outcomesOf(times, async () => await attacker.call(service, "echo", TOO_LARGE));
    }),
};

export const largeReply: Abuse = {
  name: "a reply of 65 MB",
  outcome: "too-large (instance)",
  prepare: async (mesh) =>
    await calling(mesh, "reply", { dump: () => TOO_LARGE }, async (attacker, service, times) => {
      return await outcomesOf(times, async () => await attacker.call(service, "dump", {}));
    }),
};

export const largeHeaders: Abuse = {
  name: "a header block of 100 KB",
  outcome: "bad-request (router)",
  prepare: async (mesh) =>
    await calling(mesh, "headers", { echo: (request: unknown) => request }, async (attacker, service, times) => {
      const headers = { "x-large": "x".repeat(HUNDRED_KIB) };
      return await outcomesOf(times, async () => await attacker.call(service, "echo", {}, { headers }));
    }),
};

export const neverAnswers: Abuse = {
  name: "a handler that never answers",
  outcome: "deadline",
  prepare: async (mesh) =>
    await calling(mesh, "silent", { hang: () => new Promise(() => undefined) }, async (attacker, service, times) => {
      const outcomes = await outcomesOf(
        times,
        async () => await attacker.call(service, "hang", {}, { timeoutMs: 300 }),
      );
      return byWhomever(outcomes);
    }),
};

export const throws: Abuse = {
  name: "a handler that throws",
  outcome: "handler (instance)",
  prepare: async (mesh) =>
    await calling(
      mesh,
      "throwing",
      {
        fail: () => {
          throw new Error("on purpose");
        },
      },
      async (attacker, service, times) => await outcomesOf(times, async () => await attacker.call(service, "fail", {})),
    ),
};

export const blocksLoop: Abuse = {
  name: "a handler that blocks the event loop for 5 s",
  outcome: "deadline",
  prepare: async (mesh) => {
    const program = await startProgram<{ instance: string }>(
      fileURLToPath(new URL("blocking-process.ts", import.meta.url)),
      {
        NATS_URL: mesh.url,
        NATS_CREDS: await mesh.credentials("victim-blocked"),
        MALLA_SERVICE: "victim-blocked",
      },
    );
    const attacker = await mesh.caller("attacker-blocked");
    await mesh.routersHeard();
    await eventually(async () => await attacker.call("victim-blocked", "block", { ms: 0 }));
    const block = async (): Promise<unknown> =>
      await attacker.call("victim-blocked", "block", { ms: BLOCK_MS }, { timeoutMs: BLOCKED_DEADLINE_MS });
    return {
      attack: async (times) => {
        const outcomes = await outcomesOf(times, block);
        // Until it is back, so that a second attack finds it as the first did.
        const ready = async (): Promise<unknown> => await attacker.call("victim-blocked", "block", { ms: 0 });
        await eventually(ready, { withinMs: 60_000, everyMs: 200 });
        return byWhomever(outcomes);
      },
      close: async () => void (await program.end("SIGKILL")),
    };
  },
};

export const malformedReply: Abuse = {
  name: "a malformed header line on a reply",
  outcome: "internal (router)",
  prepare: async (mesh) => {
    const service = "victim-malformed";
    const instance = await mesh.raw(service, "service");
    // The client's library writes what it is given, and ours reads strictly.
    const malformed = Buffer.from("NATS/1.0\r\nno colon in this line\r\n\r\n");
    instance.subscribe(subscriptions.run(service, "i1"), ({ reply }) => {
      if (reply !== "") instance.publish(reply, Buffer.alloc(0), undefined, malformed);
    });
    const state = {
      protocol: PROTOCOL_VERSION,
      version: "1.0.0",
      tags: {},
      methods: ["echo"],
      idempotentMethods: [],
      maxInFlight: 1_000,
      load: { inFlight: 0, queued: 0, loopLagMs: 0 },
      phase: "serving",
      sentAtMs: Date.now(),
      capabilities: [],
    } as const;
    await instance.flush();
    const announce = (): void => instance.publish(instanceSubject(service, "i1"), encodeInstanceState(state));
    announce();
    const attacker = await mesh.caller("attacker-malformed");
    await mesh.routersHeard();
    return {
      attack: async (times) => {
        announce();
        await instance.flush();
        return await outcomesOf(times, async () => await attacker.call(service, "echo", {}));
      },
    };
  },
};
