import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AnnouncementGate,
  announcerOf,
  MAX_ANNOUNCEMENT_BYTES_PER_SECOND,
  MAX_ANNOUNCEMENTS_PER_SECOND,
} from "./announcement-gate.ts";

const T0 = 50_000;

function read(gate: AnnouncementGate, service: string, count: number, bytes: number, nowMs = T0): number {
  let passed = 0;
  for (let i = 0; i < count; i++) if (gate.mayRead(service, bytes, nowMs)) passed++;
  return passed;
}

test("so many of one service in a second, and then as many in the next", () => {
  const gate = new AnnouncementGate();
  assert.equal(read(gate, "evil", 10_000, 10), MAX_ANNOUNCEMENTS_PER_SECOND);
  assert.equal(read(gate, "evil", 1, 10, T0 + 999), 0);
  assert.equal(read(gate, "evil", 10_000, 10, T0 + 1_000), MAX_ANNOUNCEMENTS_PER_SECOND);
});

test("large ones are fewer", () => {
  const gate = new AnnouncementGate();
  assert.equal(read(gate, "evil", 1_000, 64 * 1024), MAX_ANNOUNCEMENT_BYTES_PER_SECOND / (64 * 1024));
});

test("a service that says too much takes nothing from another", () => {
  const gate = new AnnouncementGate();
  read(gate, "evil", 10_000, 64 * 1024);
  assert.equal(read(gate, "orders", 100, 500), 100);
});

test("whose it is is told by its subject, as far as that tells anything", () => {
  for (const [subject, announcer] of [
    ["mesh.instance.orders.i1", "orders"],
    ["mesh.instance.Or ders.i1.x", "Or ders"],
    ["mesh.instance.orders", ""],
    ["", ""],
  ] as const)
    assert.equal(announcerOf(subject), announcer);
});
