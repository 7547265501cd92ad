import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../contract/index.ts";
import { EndpointStats, MAX_LAST_ERROR_LENGTH } from "./endpoint-stats.ts";

test("counts, and keeps the last error, cut where a handler told a story", () => {
  const stats = new EndpointStats("place");
  stats.ended(5, undefined);
  stats.ended(7, MeshError.of("handler", "no"));
  assert.deepEqual([stats.requests, stats.errors, stats.processingMs, stats.lastError], [2, 1, 12, "500:no"]);
  stats.ended(1, MeshError.of("handler", "x".repeat(1_000_000)));
  assert.equal(stats.lastError.length, MAX_LAST_ERROR_LENGTH);
});
