import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type CallCounts, emptyCounts, totalCounts } from "./call-counts.ts";
import { Collector } from "./collector.ts";

function calls(count: number): CallCounts {
  return new Map([["catalog", { ...emptyCounts(), calls: count }]]);
}

test("what a router had counted before it was killed is kept", () => {
  const collector = new Collector([]);
  collector.take("router-1", 1, calls(100));
  collector.take("router-2", 2, calls(10));
  collector.take("router-1", 1, calls(150));
  assert.equal(totalCounts(collector.sums()).calls, 160);
  collector.take("router-1", 7, calls(20));
  assert.equal(totalCounts(collector.sums()).calls, 180, "another process begins at zero");
  collector.take("router-1", 7, calls(25));
  collector.take("router-1", 8, calls(300));
  assert.equal(totalCounts(collector.sums()).calls, 150 + 25 + 300 + 10, "even if it has counted more meanwhile");
});

test("routers are scraped, and one that does not answer keeps its counts", async () => {
  let text = 'mesh_requests_total{reporter="router",service="catalog",code="OK",reason=""} 5\n';
  const server = createServer((_, response) => void response.end(text));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const collector = new Collector([{ name: "router-1", pid: () => 1, metricsPort: () => port }]);
    await collector.scrape();
    assert.equal(totalCounts(collector.sums()).calls, 5);
    text = text.replace(" 5", " 8");
    await collector.scrape();
    assert.equal(totalCounts(collector.sums()).calls, 8);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await collector.scrape();
    assert.equal(totalCounts(collector.sums()).calls, 8);
  } finally {
    server.close();
  }
});
