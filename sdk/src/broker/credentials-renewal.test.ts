import assert from "node:assert/strict";
import { test } from "node:test";
import { credentialTags } from "../contract/credentials.ts";
import {
  type CredentialsEvent,
  CredentialsRenewal,
  LOOK_EVERY_MS,
  LOOK_SOON_MS,
  type MoveOutcome,
} from "./credentials-renewal.ts";
import { HeldCredentials } from "./held-credentials.ts";

const NOW = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;
const SEED = `SU${"A2".repeat(28)}`;
const FACTS = { account: "MESH", policyKey: `U${"C4".repeat(27)}C`, directTo: [] } as const;

interface Claims {
  readonly name?: string;
  readonly role?: "service" | "gateway";
  readonly account?: string;
  readonly issued?: number;
  readonly expires?: number;
}

/** Credentials of orders, issued at NOW for a day unless told otherwise. */
function creds({
  name = "orders",
  role = "service",
  account = "B",
  issued = NOW,
  expires = NOW + 24 * HOUR,
}: Claims = {}): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    name,
    iss: `A${account.repeat(55)}`,
    iat: issued / 1000,
    exp: expires / 1000,
    nats: { type: "user", tags: credentialTags({ ...FACTS, role }) },
  };
  return `-----BEGIN NATS USER JWT-----\n${part({})}.${part(claims)}.c2ln\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\n${SEED}\n------END USER NKEY SEED------\n`;
}

function world(text = creds()) {
  const w = {
    file: text as string | Error,
    nowMs: NOW,
    connected: true,
    outcome: "moved" as MoveOutcome,
    waited: [] as number[],
    moves: [] as string[],
    told: [] as CredentialsEvent[],
    held: new HeldCredentials(text, "file"),
  };
  const renewal = new CredentialsRenewal({
    file: "orders.creds",
    read: async () => {
      if (w.file instanceof Error) throw w.file;
      return w.file;
    },
    held: w.held,
    wallMs: () => w.nowMs,
    random: () => 0.5,
    pause: async (ms) => void w.waited.push(ms),
    connected: () => w.connected,
    move: async (credentials) => {
      w.moves.push(credentials);
      return w.outcome;
    },
    tell: (event) => w.told.push(event),
  });
  return { w, look: async () => await renewal.look() };
}

const newer = creds({ issued: NOW + 12 * HOUR, expires: NOW + 36 * HOUR });

test("the same file is looked at every ten seconds, and nothing happens", async () => {
  const { w, look } = world();
  for (let i = 0; i < 3; i++) assert.equal(await look(), LOOK_EVERY_MS);
  assert.deepEqual([w.moves, w.told], [[], []]);
});

test("newer ones are taken over once, within seconds, by chance", async () => {
  const { w, look } = world();
  w.file = newer;
  await look();
  await look();
  assert.deepEqual(w.moves, [newer]);
  assert.deepEqual(w.waited, [2_500]);
  assert.equal(w.held.text, newer);
  assert.deepEqual(w.told, [{ type: "renewed", expiresAtMs: NOW + 36 * HOUR }]);
});

test("with little time left the wait is short, and none is waited after the end", async () => {
  const { w, look } = world(creds({ expires: NOW + 10_000 }));
  w.nowMs = NOW + 6_000;
  w.file = newer;
  await look();
  assert.deepEqual(w.waited, [500]);
  const late = world(creds({ expires: NOW + 10_000 }));
  late.w.nowMs = NOW + 11_000;
  late.w.file = newer;
  await late.look();
  assert.deepEqual(late.w.waited, [0]);
});

test("what cannot be used is looked at twice, told once, and the old ones are kept", async () => {
  const bad: readonly (readonly [string | Error, RegExp])[] = [
    ["half a fi", /no block "NATS USER JWT"/],
    [creds({ name: "payments" }), /for payments.*orders/],
    [creds({ account: "C" }), /another account/],
    [creds({ role: "gateway" }), /role gateway/],
    [creds({ expires: NOW - 1_000 }), /expired at 2029-12-31/],
    [Object.assign(new Error("not there"), { code: "ENOENT" }), /cannot be read \(ENOENT\)/],
  ];
  for (const [file, problem] of bad) {
    const { w, look } = world();
    w.file = file;
    assert.equal(await look(), LOOK_SOON_MS);
    assert.equal(w.told.length, 0);
    for (let i = 0; i < 3; i++) assert.equal(await look(), LOOK_EVERY_MS);
    const problems = w.told.map((event) => (event.type === "refused" ? event.problem : event.type));
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", problem);
    assert.ok(!problems[0]?.includes(SEED));
    assert.deepEqual(w.moves, []);
    assert.equal(w.held.text, creds());
    w.file = newer;
    await look();
    assert.equal(w.held.text, newer, "a good one later is taken");
  }
});

test("a file that was half written is not told, only read again", async () => {
  const { w, look } = world();
  w.file = newer.slice(0, 80);
  await look();
  w.file = newer;
  await look();
  assert.deepEqual(
    w.told.map(({ type }) => type),
    ["renewed"],
  );
});

test("a file that goes back to what is in use ends the matter", async () => {
  const { w, look } = world();
  w.file = "nonsense";
  await look();
  w.file = creds();
  for (let i = 0; i < 2; i++) assert.equal(await look(), LOOK_EVERY_MS);
  assert.deepEqual(w.told, []);
});

test("while no server takes them they are offered again, and a refusal is told once", async () => {
  const { w, look } = world();
  w.file = newer;
  w.outcome = "unreachable";
  await look();
  assert.deepEqual(w.told, []);
  w.outcome = "refused";
  await look();
  await look();
  assert.equal(w.told.length, 1);
  assert.equal(w.held.text, creds());
  w.outcome = "moved";
  await look();
  assert.equal(w.moves.length, 4);
  assert.equal(w.held.text, newer);
});

test("without a connection they are used for the next dial at once, and the old ones again if refused", async () => {
  const { w, look } = world();
  w.connected = false;
  w.file = newer;
  assert.equal(await look(), LOOK_SOON_MS);
  assert.deepEqual(w.moves, []);
  assert.equal(w.held.text, newer);
  w.held.fallBack(w.nowMs);
  assert.equal(w.held.text, creds());
  w.held.fallBack(w.nowMs);
  assert.equal(w.held.text, newer);
  w.nowMs = NOW + 25 * HOUR;
  w.held.fallBack(w.nowMs);
  assert.equal(w.held.text, newer, "the former ones have expired");
});

test("a tenth of their life before the end it is told once that nothing newer is there", async () => {
  const { w, look } = world();
  w.nowMs = NOW + 21.5 * HOUR;
  assert.equal(await look(), LOOK_EVERY_MS);
  w.nowMs = NOW + 21.7 * HOUR;
  for (let i = 0; i < 3; i++) assert.equal(await look(), LOOK_SOON_MS);
  assert.deepEqual(w.told, [{ type: "expiring", expiresAtMs: NOW + 24 * HOUR }]);
});

test("short lives are late at five minutes, and the shortest at their half", () => {
  const late = (lifeMs: number, leftMs: number): boolean =>
    new HeldCredentials(creds({ expires: NOW + lifeMs }), "file").lateInMs(NOW + lifeMs - leftMs) <= 0;
  assert.deepEqual([late(HOUR / 2, 301_000), late(HOUR / 2, 299_000)], [false, true]);
  assert.deepEqual([late(10_000, 6_000), late(10_000, 4_000)], [false, true]);
});

test("the look before it is late is not missed", async () => {
  const { w, look } = world(creds({ expires: NOW + 20_000 }));
  w.nowMs = NOW + 4_000;
  assert.equal(await look(), 6_000);
  w.nowMs = NOW + 9_500;
  assert.equal(await look(), LOOK_SOON_MS);
});
