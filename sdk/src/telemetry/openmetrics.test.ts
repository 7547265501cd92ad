import assert from "node:assert/strict";
import { test } from "node:test";
import { toOpenMetrics } from "./openmetrics.ts";

test("counters lose _total in their family alone, le is a float, the end is marked", () => {
  const text = `# HELP a_total A "quoted" thing.
# TYPE a_total counter
a_total{x="le=\\"1\\""} 3

# HELP g_total A gauge with a bad name.
# TYPE g_total gauge
g_total Nan

# HELP h_seconds H.
# TYPE h_seconds histogram
h_seconds_bucket{le="1",x="a"} 1
h_seconds_bucket{le="2.5",x="a"} 2
h_seconds_bucket{le="+Inf",x="a"} 2
h_seconds_sum{x="a"} 2
h_seconds_count{x="a"} 2
`;
  assert.equal(
    toOpenMetrics(text),
    `# HELP a A \\"quoted\\" thing.
# TYPE a counter
a_total{x="le=\\"1\\""} 3
# HELP g_total A gauge with a bad name.
# TYPE g_total gauge
g_total NaN
# HELP h_seconds H.
# TYPE h_seconds histogram
h_seconds_bucket{le="1.0",x="a"} 1
h_seconds_bucket{le="2.5",x="a"} 2
h_seconds_bucket{le="+Inf",x="a"} 2
h_seconds_sum{x="a"} 2
h_seconds_count{x="a"} 2
# EOF
`,
  );
});

test("no metrics are an empty document", () => assert.equal(toOpenMetrics("\n"), "# EOF\n"));
