import assert from "node:assert/strict";
import { it } from "node:test";
import { loadOperatorConfig } from "./config.ts";

it("needs the mesh's home, and has defaults for the rest", () => {
  const config = loadOperatorConfig({ MALLA_HOME: "/etc/malla" });
  assert.deepEqual(config, {
    servers: ["nats://127.0.0.1:4222"],
    tls: undefined,
    home: "/etc/malla",
    namespace: "default",
    release: "malla",
    watchNamespaces: undefined,
    namespaceSelector: "malla.dev/mesh=true",
    workloadUrl: "nats://127.0.0.1:4222",
    host: "127.0.0.1",
    port: 9465,
    logLevel: "info",
  });
});

it("takes lists with blanks, and an empty setting is none", () => {
  const config = loadOperatorConfig({
    MALLA_HOME: "/x",
    NATS_URL: "nats://a:4222, nats://b:4222",
    MALLA_WATCH_NAMESPACES: "shop, billing",
    NATS_CA: "",
  });
  assert.deepEqual(config.servers, ["nats://a:4222", "nats://b:4222"]);
  assert.deepEqual(config.watchNamespaces, ["shop", "billing"]);
  assert.equal(config.tls, undefined);
});

it("takes an empty address for every address", () => {
  assert.equal(loadOperatorConfig({ MALLA_HOME: "/x", MALLA_METRICS_HOST: "" }).host, "");
});

it("tells all problems together", () => {
  const wrong = {
    MALLA_OPERATOR_PORT: "http",
    MALLA_WATCH_NAMESPACES: "Shop",
    MALLA_LOG_LEVEL: "loud",
    MALLA_RELEASE: "a/b",
    MALLA_NAMESPACE_SELECTOR: "a in b",
  };
  assert.throws(
    () => loadOperatorConfig(wrong),
    (error: Error) => {
      for (const name of [
        "MALLA_HOME",
        "MALLA_OPERATOR_PORT",
        "MALLA_WATCH_NAMESPACES",
        "MALLA_LOG_LEVEL",
        "MALLA_RELEASE",
        "MALLA_NAMESPACE_SELECTOR",
      ])
        assert.match(error.message, new RegExp(name));
      return true;
    },
  );
});
