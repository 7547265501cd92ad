import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrometheus } from "./prometheus-text.ts";

const TEXT = `# HELP mesh_requests_total Calls that ended.
# TYPE mesh_requests_total counter
mesh_requests_total{reporter="router",service="catalog",code="OK",reason=""} 12
mesh_requests_total{reporter="router",service="cat\\"al\\\\og\\n",code="OK"} 1.5e+3
mesh_request_duration_seconds_bucket{service="a,b}",le="+Inf"} 7
mesh_config_revision 3
process_cpu_seconds_total 1
mesh_broken{service="x" 1
mesh_nan NaN
`;

test("samples of the wanted metrics are read, labels unescaped, the rest passed over", () => {
  assert.deepEqual(parsePrometheus(TEXT, "mesh_"), [
    {
      name: "mesh_requests_total",
      labels: { reporter: "router", service: "catalog", code: "OK", reason: "" },
      value: 12,
    },
    { name: "mesh_requests_total", labels: { reporter: "router", service: 'cat"al\\og\n', code: "OK" }, value: 1500 },
    { name: "mesh_request_duration_seconds_bucket", labels: { service: "a,b}", le: "+Inf" }, value: 7 },
    { name: "mesh_config_revision", labels: {}, value: 3 },
    { name: "mesh_nan", labels: {}, value: Number.NaN },
  ]);
});
