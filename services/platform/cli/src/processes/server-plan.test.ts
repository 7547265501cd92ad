import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { planServers } from "./server-plan.ts";

async function homeFor(context: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "malla-plan-"));
  context.after(async () => rm(home, { recursive: true, force: true }));
  return home;
}

test("one server by default, and from then on as many as there were", async (context) => {
  const [one, three] = [await homeFor(context), await homeFor(context)];
  assert.deepEqual(await planServers(one, undefined), [{ name: "malla", clusterPort: 0 }]);
  assert.equal((await planServers(three, 3)).length, 3);
  assert.equal((await planServers(three, undefined)).length, 3);
});

test("servers keep their names and ports, and more may join them", async (context) => {
  const home = await homeFor(context);
  const three = await planServers(home, 3);
  assert.deepEqual(
    three.map(({ name }) => name),
    ["malla-1", "malla-2", "malla-3"],
  );
  assert.equal(new Set(three.map(({ clusterPort }) => clusterPort)).size, 3);
  assert.deepEqual(await planServers(home, 3), three);
  assert.deepEqual((await planServers(home, 5)).slice(0, 3), three);
});

test("a port that somebody else has taken is given up", async (context) => {
  const home = await homeFor(context);
  const [first, ...rest] = await planServers(home, 3);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(first?.clusterPort, "127.0.0.1", resolve));
  const again = await planServers(home, 3);
  assert.notEqual(again[0]?.clusterPort, first?.clusterPort);
  assert.deepEqual(again.slice(1), rest);
  await new Promise((resolve) => server.close(resolve));
});

test("a number that would lose streams is refused, with what to do", async (context) => {
  const home = await homeFor(context);
  await planServers(home, 5);
  await assert.rejects(
    planServers(home, 3),
    /on 5 servers, and 3 cannot take them over[\s\S]*malla apply -f policies\.yaml/,
  );
  await assert.rejects(planServers(home, 1), /--servers 5/);
  const old = await homeFor(context);
  // As a home from before there was a list.
  await mkdir(join(old, "server", "malla", "jetstream"), { recursive: true });
  await assert.rejects(planServers(old, 3), /on 1 server, and 3 cannot/);
  assert.equal((await planServers(old, undefined)).length, 1);
});
