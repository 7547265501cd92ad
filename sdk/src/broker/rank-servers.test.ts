import assert from "node:assert/strict";
import { test } from "node:test";
import { rankServers } from "./rank-servers.ts";

const SERVERS = ["nats://nats-0.nats:4222", "nats://nats-1.nats:4222", "nats://nats-2.nats:4222"];
const IDS = Array.from({ length: 1_000 }, (_, i) => `connection-${i}`);

/** How many of the ids have each server at this place of their order. */
function counts(place: number, servers: readonly string[], ids: readonly string[] = IDS): number[] {
  return servers.map((server) => ids.filter((id) => rankServers(id, servers)[place] === server).length);
}

test("a thousand connections spread over three servers within a tenth", () => {
  for (const count of counts(0, SERVERS)) assert.ok(Math.abs(count - 333) < 34, String(counts(0, SERVERS)));
});

test("those of a server that is gone spread evenly over the others", () => {
  const [gone = "", ...others] = SERVERS;
  const its = IDS.filter((id) => rankServers(id, SERVERS)[0] === gone);
  for (const server of others) {
    const share = its.filter((id) => rankServers(id, SERVERS)[1] === server).length / its.length;
    assert.ok(share > 0.42 && share < 0.58, `${server}: ${share}`);
  }
});

test("the order of a connection is its own: the same each time, however the list is written down", () => {
  for (const id of IDS.slice(0, 50)) {
    assert.deepEqual(rankServers(id, SERVERS), rankServers(id, SERVERS.toReversed()));
    assert.deepEqual([...rankServers(id, SERVERS)].toSorted(), SERVERS);
  }
});

test("a fourth server takes a quarter from the three, and moves nobody else", () => {
  const four = [...SERVERS, "nats://nats-3.nats:4222"];
  const moved = IDS.filter((id) => rankServers(id, SERVERS)[0] !== rankServers(id, four)[0]);
  assert.ok(moved.every((id) => rankServers(id, four)[0] === four[3]));
  assert.ok(moved.length > 200 && moved.length < 300, String(moved.length));
});

test("a server that is named twice is one", () => {
  assert.deepEqual(rankServers("id", ["a", "a"]), ["a"]);
});
