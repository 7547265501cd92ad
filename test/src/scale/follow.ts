// The whole way of a policy into a router, from its head to the swap, with a store in memory: the longest the loop is kept by it.
import type { KeyValue } from "@malla/sdk/broker";
import { documentsIn, LivePolicy, PolicyStore } from "@malla/sdk/discovery";
import { canonicalBytes, contentHash } from "@malla/sdk/resources";
import { MemoryKeyValue } from "@malla/sdk/testing";
import { createUser } from "@nats-io/nkeys";
import { threadCpuMs } from "./cpu.ts";
import { policyDocuments } from "./world.ts";

const ROUNDS = 5;

/** In ms of CPU, garbage collection and all; the least of several rounds. */
export async function measureFollowing(): Promise<number> {
  const operator = createUser();
  const bucket: KeyValue = new MemoryKeyValue();
  const put = policyDocuments().map((document) => ({
    document,
    bytes: canonicalBytes(document),
    hash: contentHash(document),
  }));
  const desk = new PolicyStore(bucket, operator.getPublicKey());
  await desk.write(await desk.read(), { put, remove: [], action: "apply" }, "operator", operator.getSeed());
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++)
    least = Math.min(least, await longestTurn(() => follow(bucket, operator.getPublicKey())));
  return least;
}

async function follow(bucket: KeyValue, publicKey: string): Promise<void> {
  const { signed, documents } = await new PolicyStore(bucket, publicKey).read();
  await new LivePolicy().swap(signed?.head.revision ?? 0, documentsIn(documents));
}

async function longestTurn(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let last = threadCpuMs();
  let running = true;
  const look = (): void => {
    const now = threadCpuMs();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(look);
  };
  setImmediate(look);
  await work();
  running = false;
  look();
  return longest;
}
