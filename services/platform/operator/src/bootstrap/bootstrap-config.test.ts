import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBootstrapConfig, readBootstrapConfig } from "./bootstrap-config.ts";
import { CONFIG } from "./config.test.fixture.ts";

test("what the chart renders is read as it is", () => {
  assert.deepEqual(parseBootstrapConfig(JSON.stringify(CONFIG)), CONFIG);
  const gateways = [{ name: "eu", addresses: ["nats.eu.example:7222"] }];
  const { nats } = parseBootstrapConfig(JSON.stringify({ ...CONFIG, nats: { ...CONFIG.nats, gateways } }));
  assert.deepEqual(nats.gateways, gateways);
});

test("what is missing or wrong is named by its field", () => {
  const withNats = (nats: object): object => ({ ...CONFIG, nats: { ...CONFIG.nats, ...nats } });
  const cases: readonly [unknown, RegExp][] = [
    [[], /an object is expected/],
    [{ ...CONFIG, release: "" }, /x\.json: release: a text is expected, not ""/],
    [{ ...CONFIG, applications: [1] }, /applications: a list of texts/],
    [{ ...CONFIG, nats: undefined }, /nats: an object/],
    [withNats({ replicas: 0 }), /nats\.replicas: a whole number above 0 is expected, not 0/],
    [withNats({ replicas: "3" }), /nats\.replicas/],
    [withNats({ tls: "yes" }), /nats\.tls: true or false/],
    [withNats({ gateways: [{ name: "eu" }] }), /nats\.gateways\[0\]\.addresses/],
    [withNats({ gateways: ["eu"] }), /nats\.gateways\[0\]: an object/],
  ];
  for (const [value, message] of cases)
    assert.throws(() => parseBootstrapConfig(JSON.stringify(value), "x.json"), message, String(message));
  assert.throws(() => parseBootstrapConfig("{", "x.json"), /x\.json: this is no JSON/);
  assert.throws(() => readBootstrapConfig(undefined), /MALLA_BOOTSTRAP is not set/);
  assert.throws(() => readBootstrapConfig("/nowhere/bootstrap.json"), /MALLA_BOOTSTRAP: ENOENT/);
});
