// The judge itself: it must find what is wrong, or every run that it passes says nothing.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Journal, type Ledger, readLedger, type Sent } from "./journal.ts";
import { judge } from "./oracle.ts";

const S = 1_000_000;

function call(id: string, atUs = 0, kind: Sent["kind"] = "write", service = "alpha"): Sent {
  return { id, service, kind, atUs, deadlineUs: atUs + S };
}

function ledger(parts: Partial<Ledger>): Ledger {
  return { sent: [], ended: [], ran: [], finished: new Set(["c"]), ...parts };
}

test("a run in which all went well has nothing to tell", () => {
  const verdict = judge(
    ledger({
      sent: [call("c-1"), call("c-2", 10, "read")],
      ran: [
        { id: "c-1", atUs: 5, instance: "i" },
        { id: "c-2", atUs: 20, instance: "i" },
        { id: "c-2", atUs: 25, instance: "j" },
      ],
      ended: [
        { id: "c-1", atUs: 6, outcome: "OK", lagUs: 0 },
        { id: "c-2", atUs: 30, outcome: "OK", lagUs: 0 },
      ],
    }),
  );
  assert.deepEqual(verdict, {
    calls: 2,
    outcomes: { OK: 2 },
    idempotentFailed: [],
    ranTwice: [],
    lateStarts: [],
    hung: [],
    madeUp: [],
    longestGapMs: 0,
    gapsMs: { alpha: 0 },
  });
});

test("each thing that may not happen is found and named", () => {
  const verdict = judge(
    ledger({
      sent: [
        call("c-1"),
        call("c-2"),
        call("c-3", 0, "read"),
        call("c-4"),
        call("c-5"),
        call("k-6"),
        call("c-7"),
        call("c-8"),
      ],
      ran: [
        { id: "c-1", atUs: 5, instance: "i" },
        { id: "c-1", atUs: 9, instance: "j" },
        { id: "c-2", atUs: S + 1, instance: "i" },
      ],
      ended: [
        { id: "c-1", atUs: 6, outcome: "gone", lagUs: 0 },
        { id: "c-2", atUs: S, outcome: "deadline", lagUs: 0 },
        { id: "c-3", atUs: S, outcome: "gone", lagUs: 0 },
        { id: "c-5", atUs: S + 100_001, outcome: "deadline", lagUs: 0 },
        { id: "c-7", atUs: 9, outcome: "OK", lagUs: 0 },
        { id: "c-8", atUs: S + 150_000, outcome: "deadline", lagUs: 60_000 },
      ],
    }),
  );
  assert.deepEqual(verdict.ranTwice, ["c-1"]);
  assert.deepEqual(verdict.lateStarts, ["c-2 began 1 ms late at i"]);
  assert.deepEqual(verdict.idempotentFailed, ["c-3 gone"]);
  assert.deepEqual(
    verdict.hung,
    ["c-4 never ended", "c-5 ended 100 ms late (deadline, own lag 0 ms)"],
    "k-6 has nobody to end at, and whoever was to end c-8 was not let run",
  );
  assert.deepEqual(verdict.madeUp, ["c-7"]);
});

test("a gap is the longest time a service answered nobody, whatever the order of the lines", () => {
  const sent = [call("c-1"), call("c-2", 500_000), call("c-3", 2 * S), call("d-4", 0, "read", "beta")];
  const ended = [
    { id: "c-3", atUs: 2_100_000, outcome: "OK", lagUs: 0 },
    { id: "c-1", atUs: 100_000, outcome: "OK", lagUs: 0 },
    { id: "c-2", atUs: 600_000, outcome: "gone", lagUs: 0 },
    { id: "d-4", atUs: 300_000, outcome: "OK", lagUs: 0 },
  ];
  const verdict = judge(ledger({ sent, ended }));
  assert.deepEqual(verdict.gapsMs, { alpha: 2_000, beta: 300 });
  assert.equal(verdict.longestGapMs, 2_000);
});

test("what journals write is what the ledger reads, and a strange line is not passed over", () => {
  const folder = mkdtempSync(join(tmpdir(), "malla-journal-"));
  try {
    const journal = new Journal(folder, "c");
    const sent = call("caller-1-7", 123_456_789_012);
    journal.sent(sent);
    journal.ran({ id: sent.id, atUs: 2, instance: "i" });
    journal.ended({ id: sent.id, atUs: 3, outcome: "OK", lagUs: 0 });
    journal.finished("caller-1");
    assert.deepEqual(readLedger(folder), {
      sent: [sent],
      ran: [{ id: sent.id, atUs: 2, instance: "i" }],
      ended: [{ id: sent.id, atUs: 3, outcome: "OK", lagUs: 0 }],
      finished: new Set(["caller-1"]),
    });
    writeFileSync(join(folder, "x.journal"), "Q what\n");
    assert.throws(() => readLedger(folder), /x\.journal/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
