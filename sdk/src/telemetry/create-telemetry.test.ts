import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { createTelemetry } from "./create-telemetry.ts";
import { noopLogger, noopTelemetry } from "./noop.ts";
import type { CallRecord } from "./port.ts";
import { createPrometheus } from "./prometheus.ts";

const call: CallRecord = {
  reporter: "caller",
  caller: "a",
  service: "b",
  method: "c",
  version: "",
  code: "OK",
  reason: "",
  durationMs: 1,
  attempts: 1,
};

test("nothing given is the telemetry that does nothing", () => {
  const telemetry = createTelemetry({});
  assert.equal(telemetry.tracer, undefined);
  assert.equal(telemetry.log, noopLogger);
  assert.equal(telemetry.log.child({}), noopLogger);
  telemetry.callStarted("caller", "b");
  telemetry.callEnded(call);
  noopTelemetry.breakerChanged("b", "i", "open");
});

test("what is given is used", async () => {
  const metrics = createPrometheus({ processMetrics: false });
  const { callEnded, configRevision, credentialsExpire } = createTelemetry({ metrics });
  callEnded(call);
  configRevision(9);
  credentialsExpire(1_900_000_000_500);
  const text = await metrics.metrics();
  assert.match(text, /mesh_credentials_expiry_timestamp_seconds 1900000000.5/);
  credentialsExpire(undefined);
  assert.doesNotMatch(await metrics.metrics(), /mesh_credentials_expiry_timestamp_seconds \d/);
  assert.match(text, /mesh_requests_total\{reporter="caller",.*\} 1/);
  assert.match(text, /mesh_config_revision 9/);
});

test("what the SDK's main entry may import loads no library", () => {
  const light = ["port", "noop", "trace-context", "rpc-semantics", "log-failed-call", "create-telemetry"];
  const imports = light
    .map((name) => `await import(${JSON.stringify(new URL(`./${name}.ts`, import.meta.url).href)});`)
    .join("");
  // A resolver that refuses every package proves that none is asked for.
  const source = `import { registerHooks } from "node:module";
    registerHooks({ resolve(specifier, context, next) {
      if (!/^(node:|file:|\\.)/.test(specifier)) throw new Error("loads " + specifier);
      return next(specifier, context);
    } });
    ${imports}`;
  const ran = spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" });
  assert.equal(ran.status, 0, ran.stderr);
});
