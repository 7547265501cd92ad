import assert from "node:assert/strict";
import { test } from "node:test";
import { routeUrls } from "./route-urls.ts";

const SEVEN = Array.from({ length: 7 }, (_, i) => `eu-${i + 1}:6222`);
const THREE = SEVEN.slice(0, 3);

function urls(routes: readonly string[], ownRoute: string): string[] {
  return routeUrls({ routes, ownRoute }, "secret");
}

/** Hosts of URLs, as a server dials them. */
function hosts(list: readonly string[]): string[] {
  return list.map((url) => new URL(url).host);
}

for (const size of [2, 3, 4, 5, 6, 7]) {
  const routes = SEVEN.slice(0, size);

  test(`of each two of ${size} servers one dials the other, and with three or more nobody only waits`, () => {
    const dialled = routes.map((own) => new Set(hosts(urls(routes, own)).filter((host) => host !== own)));
    for (const [i, one] of routes.entries())
      for (const [j, other] of routes.entries())
        if (i !== j) assert.notEqual(dialled[i]?.has(other), dialled[j]?.has(one), `${one} and ${other}`);
    if (size >= 3) for (const [i, others] of dialled.entries()) assert.ok(others.size > 0, routes[i]);
  });

  test(`each of ${size} servers lists as many as there are, no two alike, itself for those it leaves out`, () => {
    for (const own of routes) {
      const list = urls(routes, own);
      assert.equal(new Set(list).size, size);
      assert.ok(list.every((url) => url.startsWith("nats://route:secret@")));
      for (const [i, host] of hosts(list).entries()) assert.ok(host === own || host === routes[i], list[i]);
    }
  });
}

test("servers that are added change nothing between those there were", () => {
  for (const own of THREE) assert.deepEqual(urls(SEVEN, own).slice(0, 3), urls(THREE, own));
});

test("three dial in a ring", () => {
  assert.deepEqual(
    THREE.map((own) => hosts(urls(THREE, own))),
    [
      ["eu-1:6222", "eu-1:6222", "eu-3:6222"],
      ["eu-1:6222", "eu-2:6222", "eu-2:6222"],
      ["eu-3:6222", "eu-2:6222", "eu-3:6222"],
    ],
  );
});

test("a server that is not told which it is dials all, and one that is not among them is refused", () => {
  assert.deepEqual(hosts(routeUrls({ routes: THREE }, "secret")), THREE);
  assert.throws(() => urls(THREE, "us-1:6222"), /"us-1:6222", this server's own route, is none of the cluster's/);
});
