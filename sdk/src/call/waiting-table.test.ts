import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  GONE_AFTER_MS,
  type Loss,
  PEERS_RETURN_MS,
  PROBE_AFTER_MS,
  PROBE_EVERY_MS,
  PROBE_TICK_MS,
  type Waiting,
  WaitingTable,
} from "./waiting-table.ts";

type Entry = Waiting<string>;

function table(onLost: (entry: Entry, loss: Loss) => void = () => undefined): {
  entries: WaitingTable<string, Entry>;
  lost: [string, Loss][];
  add: (id: string, sentAtMs: number, more?: Partial<Entry>) => Entry;
  probe: (nowMs: number) => [string, readonly string[]][];
} {
  const lost: [string, Loss][] = [];
  const entries = new WaitingTable<string, Entry>((entry, loss) => {
    lost.push([entry.id, loss]);
    onLost(entry, loss);
  });
  return {
    entries,
    lost,
    add: (id, sentAtMs, more = {}) => {
      const entry: Entry = { id, sentAtMs, peer: "p", repeatable: false, probedAtMs: 0, goneSinceMs: 0, ...more };
      entries.add(entry);
      return entry;
    },
    probe: (nowMs) => {
      const probes: [string, readonly string[]][] = [];
      entries.probeOld(nowMs, (peer, ids) => probes.push([peer, ids]));
      return probes;
    },
  };
}

const T0 = 10_000;

describe("when peers are asked", () => {
  test("not before 250 ms, and then once every 250 ms", () => {
    const { add, probe } = table();
    add("a", T0);
    assert.deepEqual(probe(T0 + PROBE_AFTER_MS - 1), []);
    assert.deepEqual(probe(T0 + PROBE_AFTER_MS), [["p", ["a"]]]);
    assert.deepEqual(probe(T0 + PROBE_AFTER_MS + PROBE_EVERY_MS - 1), []);
    assert.deepEqual(probe(T0 + PROBE_AFTER_MS + PROBE_EVERY_MS), [["p", ["a"]]]);
  });

  test("with the tick of its callers, the first probe comes within 375 ms", () => {
    for (let offset = 0; offset < PROBE_TICK_MS; offset += 5) {
      const { add, probe } = table();
      add("a", T0);
      let firstMs = 0;
      for (let now = T0 + offset; firstMs === 0; now += PROBE_TICK_MS) if (probe(now).length > 0) firstMs = now - T0;
      assert.ok(firstMs >= 250 && firstMs < 375, String(firstMs));
    }
  });

  test("one probe a peer, listing what waits for it, the young left out", () => {
    const { add, probe } = table();
    add("a", T0);
    add("b", T0, { peer: "q" });
    add("c", T0 + 10);
    add("d", T0 + 100);
    assert.deepEqual(probe(T0 + 260), [
      ["p", ["a", "c"]],
      ["q", ["b"]],
    ]);
  });

  test("nobody is asked about what has no peer", () => {
    const { add, probe, lost } = table();
    add("a", T0, { peer: undefined });
    assert.deepEqual(probe(T0 + 60_000), []);
    assert.deepEqual(lost, []);
  });

  test("a thousand that run for long do not keep those behind them from being asked for", () => {
    const { add, probe } = table();
    for (let i = 0; i < 1_000; i++) add(`r${i}`, T0);
    const asked = new Set<string>();
    let largest = 0;
    for (let now = T0 + 250; now < T0 + 1_250; now += PROBE_TICK_MS)
      for (const [, ids] of probe(now)) {
        largest = Math.max(largest, ids.length);
        for (const id of ids) asked.add(id);
      }
    assert.equal(asked.size, 1_000);
    assert.ok(largest <= 200, "a probe fits into a header block");
  });
});

describe("answers", () => {
  test("unseen is lost at once and may be sent again, whatever it was", () => {
    const { entries, add, lost } = table();
    add("a", T0);
    entries.probeAnswered("p", { running: [], done: [], unseen: ["a"] });
    assert.deepEqual(lost, [["a", "unseen"]]);
    assert.equal(entries.size, 0);
    entries.probeAnswered("p", { running: [], done: [], unseen: ["a"] });
    assert.equal(lost.length, 1);
  });

  test("an answer of another peer, or for an id nobody waits for, changes nothing", () => {
    const { entries, add, lost } = table();
    add("a", T0);
    entries.probeAnswered("q", { running: [], done: [], unseen: ["a"] });
    entries.probeAnswered("p", { running: ["x"], done: ["a"], unseen: ["y"] });
    entries.probeUnheard("q", ["a"], T0 + 300);
    assert.deepEqual(lost, []);
    assert.equal(entries.get("a")?.goneSinceMs, 0);
  });

  test("503: what may be repeated is lost at once, the rest after three seconds of it", () => {
    const { entries, add, lost, probe } = table();
    add("once", T0);
    add("idempotent", T0, { repeatable: true });
    const goneMs = T0 + 300;
    entries.probeUnheard("p", ["once", "idempotent"], goneMs);
    assert.deepEqual(lost, [["idempotent", "gone"]]);
    entries.probeUnheard("p", ["once"], goneMs + 500);
    assert.deepEqual(probe(goneMs + GONE_AFTER_MS - 1), [["p", ["once"]]]);
    assert.deepEqual(lost.slice(1), []);
    assert.deepEqual(probe(goneMs + GONE_AFTER_MS), []);
    assert.deepEqual(lost.slice(1), [["once", "gone"]]);
  });

  test("503 after our own connection was away: the peer may be on its way back, for as long as a dial may take", () => {
    const { entries, add, lost } = table();
    add("before", T0, { repeatable: true });
    entries.probeAll(T0 + 700, () => undefined);
    add("after", T0 + 701, { repeatable: true });
    entries.probeUnheard("p", ["before", "after"], T0 + 705);
    assert.deepEqual(lost, [["after", "gone"]]);
    entries.probeUnheard("p", ["before"], T0 + 700 + PEERS_RETURN_MS - 1);
    assert.equal(lost.length, 1);
    entries.probeUnheard("p", ["before"], T0 + 700 + PEERS_RETURN_MS);
    assert.deepEqual(lost.slice(1), [["before", "gone"]]);
  });

  test("a peer that comes back within that time and runs it is not gone", () => {
    const { entries, add, lost, probe } = table();
    add("a", T0);
    entries.probeUnheard("p", ["a"], T0 + 300);
    entries.probeAnswered("p", { running: ["a"], done: [], unseen: [] });
    probe(T0 + 60_000);
    assert.deepEqual(lost, []);
    entries.probeUnheard("p", ["a"], T0 + 60_000);
    probe(T0 + 62_999);
    assert.deepEqual(lost, []);
  });

  test("silence is never gone", () => {
    const { add, probe, lost } = table();
    add("a", T0);
    for (let now = T0; now < T0 + 100_000; now += PROBE_TICK_MS) probe(now);
    assert.deepEqual(lost, []);
  });
});

test("whoever is told of a loss may add and remove meanwhile", () => {
  const { entries, add, probe, lost } = table((entry) => {
    if (entry.id === "a") {
      add("again", T0 + 5_000);
      const b = entries.get("b");
      if (b !== undefined) entries.remove(b);
    }
  });
  add("a", T0, { goneSinceMs: T0 + 1 });
  add("b", T0, { goneSinceMs: T0 + 1 });
  add("c", T0);
  assert.deepEqual(probe(T0 + 5_000), [["p", ["c"]]]);
  assert.deepEqual(lost, [["a", "gone"]]);
  assert.deepEqual(
    [...entries.all()].map(({ id }) => id),
    ["c", "again"],
  );
});

test("what was removed is removed once", () => {
  const { entries, add } = table();
  const entry = add("a", T0);
  assert.ok(entries.remove(entry));
  assert.ok(!entries.remove(entry));
});
