import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createAccount, createUser } from "@nats-io/nkeys";
import { resolveConnectConfig } from "./connect-config.ts";

let folder: string;
let orders: string;
const seed = new TextDecoder().decode(createUser().getSeed());

async function credentials(file: string, name: string, text?: string): Promise<string> {
  const claims = { name, iss: createAccount().getPublicKey(), nats: { type: "user", tags: ["role:service"] } };
  const jwt = ["{}", JSON.stringify(claims), "x"].map((part) => Buffer.from(part).toString("base64url")).join(".");
  const path = join(folder, file);
  await writeFile(
    path,
    text ??
      `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
  );
  return path;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "malla-connect-"));
  orders = await credentials("orders.creds", "orders");
});
after(async () => rm(folder, { recursive: true, force: true }));

test("credentials are enough: everything else has its default", () => {
  const config = resolveConnectConfig({ credentials: orders }, {});
  assert.deepEqual(
    [
      config.service,
      config.version,
      config.servers,
      config.tags,
      config.description,
      config.maxInFlight,
      config.maxOutgoingCalls,
      config.maxOutgoingBytes,
      config.tls,
      config.drainOn,
    ],
    [
      "orders",
      "0.0.0",
      ["nats://127.0.0.1:4222"],
      {},
      "",
      100,
      20_000,
      64 * 1024 * 1024,
      undefined,
      ["SIGTERM", "SIGINT"],
    ],
  );
  assert.deepEqual([config.credentials.principal, config.credentials.role], ["orders", "service"]);
  assert.ok(Object.isFrozen(config));
});

test("the environment fills in what was not given", () => {
  const environment = {
    NATS_CREDS: orders,
    NATS_URL: "nats://a:1, nats://b:2",
    MALLA_SERVICE: "orders",
    MALLA_VERSION: "1.2.3",
    MALLA_TAGS: "zone=a, tier = gold,",
    MALLA_MAX_IN_FLIGHT: "7",
    MALLA_MAX_OUTGOING_CALLS: "8",
    MALLA_MAX_OUTGOING_BYTES: "9",
    NATS_CA: "/ca",
  };
  const config = resolveConnectConfig({}, environment);
  assert.deepEqual(
    [config.servers, config.version, config.tags, config.maxInFlight, config.maxOutgoingCalls, config.maxOutgoingBytes],
    [["nats://a:1", "nats://b:2"], "1.2.3", { zone: "a", tier: "gold" }, 7, 8, 9],
  );
  assert.deepEqual(config.tls, { caFile: "/ca" });
  const given = resolveConnectConfig(
    { servers: ["nats://c:3"], version: "2.0.0", tags: {}, maxInFlight: 1, maxOutgoingCalls: 2, drainOn: [] },
    environment,
  );
  assert.deepEqual(
    [given.servers, given.version, given.tags, given.maxInFlight, given.maxOutgoingCalls, given.drainOn],
    [["nats://c:3"], "2.0.0", {}, 1, 2, []],
  );
});

test("all problems are told together, each with what to do", () => {
  assert.throws(
    () =>
      resolveConnectConfig(
        { service: "Orders!", version: "one", maxInFlight: 0, maxOutgoingBytes: 0.5 },
        { MALLA_TAGS: "zone", MALLA_MAX_OUTGOING_CALLS: "many" },
      ),
    (error) => {
      const { message } = error as Error;
      for (const part of [
        /no credentials.*NATS_CREDS.*malla run/,
        /service "Orders!"/,
        /version "one"/,
        /maxInFlight/,
        /MALLA_MAX_OUTGOING_CALLS/,
        /maxOutgoingBytes/,
        /MALLA_TAGS: "zone"/,
      ])
        assert.match(message, part);
      assert.equal(message.split("\n- ").length, 8);
      return true;
    },
  );
});

describe("credentials", () => {
  test("of another are refused here, before the broker would", () => {
    assert.throws(
      () => resolveConnectConfig({ credentials: orders, service: "payments" }, {}),
      /service is payments, but the credentials were issued for orders.*`malla credentials issue payments --role service -o FILE`/,
    );
  });
  test("that are missing are the one problem, since they would have named the service", () => {
    assert.throws(() => resolveConnectConfig({}, {}), /^Error: cannot connect to the mesh:\n- no credentials: [^\n]*$/);
    assert.throws(() => resolveConnectConfig({ credentials: orders, service: "" }, {}), /\n- service ""/);
  });
  test("that are not there", () => {
    assert.throws(
      () => resolveConnectConfig({ credentials: join(folder, "none.creds") }, {}),
      /none\.creds: there is no such file/,
    );
  });
  test("that are broken are not quoted, whatever is in the file", async () => {
    for (const text of [
      `garbage ${seed}`,
      `-----BEGIN NATS USER JWT-----\n${seed}.x.y\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
      `-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\n${seed}X\n------END USER NKEY SEED------\n`,
    ]) {
      const path = await credentials("broken.creds", "orders", text);
      assert.throws(
        () => resolveConnectConfig({ credentials: path }, {}),
        (error) => {
          assert.match((error as Error).message, /broken\.creds/);
          assert.ok(!(error as Error).message.includes(seed.slice(5, 20)));
          return true;
        },
      );
    }
  });
  test("keep their seed out of whatever is printed of them", () => {
    const { credentials: held } = resolveConnectConfig({ credentials: orders }, {});
    assert.ok(!JSON.stringify(held).includes(seed));
    assert.ok(!`${held.seed}`.includes(seed));
  });
});

test("counts are whole numbers from one", () => {
  for (const text of ["0", "-1", "1.5", "many", ""])
    assert.throws(
      () => resolveConnectConfig({ credentials: orders }, { MALLA_MAX_IN_FLIGHT: text }),
      /MALLA_MAX_IN_FLIGHT/,
      text,
    );
});
