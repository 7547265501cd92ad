// Several that make the same Secrets at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryApi } from "../kubernetes/memory-api.test.fixture.ts";
import { CONFIG } from "./config.test.fixture.ts";
import { allOf, dataOf, run } from "./memory-run.test.fixture.ts";

test("many at once end with the same keys, those of the first, and all three Secrets fit", async () => {
  const api = new MemoryApi();
  await Promise.all(Array.from({ length: 3 }, () => run(api)));
  const after = allOf(api);
  const creates = api.requests.filter((request) => request === "create secrets mesh/malla-keys");
  assert.equal(creates.length, 3, "all of them wanted to be the first");
  await run(api);
  assert.deepEqual(allOf(api), after);
});

test("one that is overtaken by a newer one does not take back what that one wrote", async () => {
  const api = new MemoryApi();
  await run(api);
  const newer = { ...CONFIG, applications: ["SHOP", "BILLING"] };
  let overtaken = false;
  const slow = new Proxy(api, {
    get(target, name) {
      if (name !== "get" || overtaken) return Reflect.get(target, name).bind(target);
      return async (...args: Parameters<MemoryApi["get"]>) => {
        // Between the reading of the keys and that of what follows from them, another comes and goes.
        if (args[1].name === "malla-nats-config") {
          overtaken = true;
          await run(api, newer);
        }
        return await target.get(...args);
      };
    },
  });
  await run(slow);
  assert.ok(overtaken);
  const after = allOf(api);
  assert.ok(dataOf(api)["BILLING.nk"] !== undefined);
  await run(api, newer);
  assert.deepEqual(allOf(api), after);
});
