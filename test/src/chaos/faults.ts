// What can be done to a world, by name. Each resolves when it is over and its victim is, or will be, itself again.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { writeCredentials } from "@malla/broker-config";
import type { TestServer } from "../harness/cluster.ts";
import { RawClient, readIdentity } from "../harness/raw-client.ts";
import type { Member, MemberKind } from "./members.ts";
import type { World } from "./world.ts";

/** `chance` in [0, 1) chooses the victim. */
export type Fault = (world: World, chance: number) => Promise<void>;

const FREEZE_MS = 10_000;
const BLOCK_MS = 3_000;
const CUT_OFF_MS = 5_000;
const SILENT_MS = 5_000;
const CLOCK_JUMP_MS = 3_600_000;
const SLOW_READER_MS = 3_000;

export const FAULTS = {
  "kill-instance": (world, chance) => kill(world, "instance", chance),
  "kill-router": (world, chance) => kill(world, "router", chance),
  "kill-caller": (world, chance) => kill(world, "caller", chance),
  "freeze-instance": (world, chance) => freeze(world, "instance", chance),
  "freeze-router": (world, chance) => freeze(world, "router", chance),
  "block-instance": (world, chance) =>
    hit(world, "instance", chance, `block ${BLOCK_MS} ms`, async (member) => {
      member.tell(`block ${BLOCK_MS}`);
      await sleep(BLOCK_MS);
    }),
  "clock-jump": (world, chance) =>
    hit(world, "instance", chance, "clock jump", async (member) =>
      member.tell(`clock ${chance < 0.5 ? -CLOCK_JUMP_MS : CLOCK_JUMP_MS}`),
    ),
  "replace-instance": (world, chance) => replace(world, "instance", chance),
  "replace-router": (world, chance) => replace(world, "router", chance),
  "reset-link": async (world) => {
    world.events.add("reset: the links of some instances");
    for (const link of world.links) link.reset();
  },
  "silent-link": async (world) => {
    world.events.add(`silence: the links of some instances for ${SILENT_MS} ms`);
    for (const link of world.links) link.goSilent();
    await sleep(SILENT_MS);
    for (const link of world.links) link.heal();
  },
  "slow-reader": slowReader,
  "reset-routes": async (world) => {
    world.events.add("reset: all routes of the cluster");
    world.cluster.resetRoutes();
  },
  "cut-off-server": async (world, chance) => {
    const index = Math.floor(chance * world.cluster.servers.length);
    world.events.add(`cut off: ${world.cluster.servers[index]?.name} for ${CUT_OFF_MS} ms`);
    world.cluster.cutOff(index);
    await sleep(CUT_OFF_MS);
    world.cluster.heal();
  },
  "kill-server": (world, chance) =>
    hitServer(world, chance, "kill", async (server) => {
      await server.kill();
      await server.start();
    }),
  "freeze-server": (world, chance) => hitServer(world, chance, "freeze", async (server) => server.freeze(FREEZE_MS)),
  "lame-duck": (world, chance) =>
    hitServer(world, chance, "lame duck", async (server) => {
      await server.lameDuck();
      await server.start();
    }),
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

/** Over in an instant, and survivable one a second. */
export const KILLS: readonly FaultName[] = ["kill-instance", "kill-router", "kill-caller"];
/** What takes its time, with one server as well. */
export const TROUBLES: readonly FaultName[] = [
  "freeze-instance",
  "freeze-router",
  "block-instance",
  "clock-jump",
  "replace-instance",
  "replace-router",
  "reset-link",
  "silent-link",
  "slow-reader",
];
/** What a cluster survives without losing an idempotent call. */
export const CLUSTER_TROUBLES: readonly FaultName[] = ["reset-routes", "lame-duck"];
/** What takes the broker from somebody: calls of whoever is on that server may fail, and nothing else may happen. */
export const BROKER_TROUBLES: readonly FaultName[] = ["cut-off-server", "kill-server", "freeze-server"];

/** Does something to a member that may be hit; nothing where there is none now. */
async function hit(
  world: World,
  kind: MemberKind,
  chance: number,
  what: string,
  how: (member: Member) => Promise<void>,
): Promise<void> {
  const member = world.victim(kind, chance);
  if (member === undefined) return;
  world.events.add(`${what}: ${member.spec.name}`);
  await how(member);
}

async function kill(world: World, kind: MemberKind, chance: number): Promise<void> {
  await hit(world, kind, chance, "kill", async (member) => member.kill());
}

async function replace(world: World, kind: MemberKind, chance: number): Promise<void> {
  await hit(world, kind, chance, "replace", async (member) => member.replace());
}

async function freeze(world: World, kind: MemberKind, chance: number): Promise<void> {
  await hit(world, kind, chance, `freeze for ${FREEZE_MS} ms`, async (member) => {
    member.freeze();
    await sleep(FREEZE_MS);
    member.thaw();
  });
}

async function hitServer(
  world: World,
  chance: number,
  what: string,
  how: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = world.cluster.servers[Math.floor(chance * world.cluster.servers.length)];
  if (server === undefined) return;
  world.events.add(`${what}: ${server.name}`);
  await how(server);
  world.events.add(`${server.name} is there again`);
}

/** A client with valid credentials that asks for much and reads nothing of it, until the server cuts it off. */
async function slowReader(world: World): Promise<void> {
  const [server] = world.cluster.servers;
  if (server === undefined || !server.running) return;
  world.events.add("slow reader");
  const path = await writeCredentials(world.home, { name: "slow", role: "guest" }, world.keys);
  const client = await RawClient.open(server.url, readIdentity(await readFile(path, "utf8")));
  client.stopReading();
  client.subscribe("_INBOX.slow.>");
  const until = performance.now() + SLOW_READER_MS;
  for (let n = 0; performance.now() < until; n++) {
    client.publish("mesh.call.slow.mesh.instances", new Uint8Array(0), `_INBOX.slow.a.${n}`);
    if (n % 50 === 0) await sleep(5);
  }
  client.destroy();
}
