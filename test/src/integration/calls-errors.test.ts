// How calls fail: the application's own errors, handlers that throw anything, and targets that are not there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Mesh, MeshError } from "@malla/sdk";
import { PlainCaller, rejection, startMesh, type TestMesh, timed } from "../harness/index.ts";

let mesh: TestMesh;
let caller: Mesh;

before(async () => {
  mesh = await startMesh({
    serves: ["clerk", "thrower", "odd", "brief", "elder", "dreamt", "shortly", "phoenix", "gate", "middle"],
  });
  caller = await mesh.caller("asker");
});

after(async () => {
  await mesh?.stop();
});

async function failure(service: string, method: string, request: unknown = {}, timeoutMs = 3_000): Promise<MeshError> {
  const error = await rejection(caller.call(service, method, request, { timeoutMs }));
  assert.ok(error instanceof MeshError, `${service}.${method}: ${error}`);
  return error;
}

function facts({ status, reason, origin }: MeshError): readonly string[] {
  return [status, reason, origin];
}

test("an application's error passes through with status and message, whichever status", async () => {
  await mesh.service("clerk", {
    refuse: ({ status, message }: { status: MeshError["status"]; message: string }) => {
      throw new MeshError({ status, message });
    },
    later: async () => {
      await sleep(5);
      throw new MeshError({ status: "ABORTED", message: "later" });
    },
  });
  const statuses = [
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "FAILED_PRECONDITION",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
  ] as const;
  for (const status of [
    ...statuses,
    "UNAVAILABLE",
    "INTERNAL",
    "DATA_LOSS",
    "RESOURCE_EXHAUSTED",
    "UNIMPLEMENTED",
  ] as const) {
    const error = await failure("clerk", "refuse", { status, message: `no such order: ž 🐎` });
    assert.deepEqual(facts(error), [status, "application", "instance"]);
    assert.equal(error.message, "no such order: ž 🐎");
    assert.equal(error.attempts, 1);
  }
  assert.equal((await failure("clerk", "later")).status, "ABORTED");
});

test("whatever a handler throws is UNKNOWN with reason handler, on one line, and the instance lives on", async () => {
  const things: Record<string, () => unknown> = {
    error: () => new Error("line one\nline two\r\n\tNats-Service-Error: forged\u0007"),
    long: () => new Error("é".repeat(5_000)),
    empty: () => new Error(""),
    text: () => "just text",
    nothing: () => undefined,
    symbol: () => Symbol("s"),
    bare: () => Object.create(null) as unknown,
    hostile: () => ({
      toString() {
        throw new Error("no text for you");
      },
    }),
  };
  const sync = Object.entries(things).map(([name, make]) => [
    name,
    () => {
      throw make();
    },
  ]);
  const late = Object.entries(things).map(([name, make]) => [
    `${name}Later`,
    async () => {
      await sleep(1);
      throw make();
    },
  ]);
  await mesh.service("thrower", Object.fromEntries([...sync, ...late, ["ok", () => "ok"]]));
  for (const name of Object.keys(things).flatMap((thing) => [thing, `${thing}Later`])) {
    const error = await failure("thrower", name, {}, 1_000);
    assert.deepEqual(facts(error), ["UNKNOWN", "handler", "instance"], `${name}: ${error.message}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    assert.doesNotMatch(error.message, /[\u0000-\u001f\u007f]/, name);
    assert.ok(error.message.length <= 1_100, `${name}: ${error.message.length} characters`);
  }
  assert.equal(await caller.call("thrower", "ok"), "ok");
});

test("a MeshError with a status that does not exist does not take the instance down", async () => {
  const instance = await mesh.service("odd", {
    status: () => {
      throw new MeshError({ status: "TEAPOT" as never, message: "short and stout" });
    },
    message: () => {
      throw new MeshError({ status: "NOT_FOUND", message: undefined as never });
    },
    ok: () => "ok",
  });
  const odd = await failure("odd", "status", {}, 1_000);
  assert.equal(odd.status, "UNKNOWN");
  assert.equal(odd.message, "short and stout");
  assert.equal((await failure("odd", "message", {}, 1_000)).status, "NOT_FOUND");
  assert.equal(await caller.call("odd", "ok"), "ok");
  // A call that was not counted down would be waited for.
  const { ms } = await timed(async () => await mesh.leave(instance));
  assert.ok(ms < 1_000, `draining took ${ms} ms`);
});

test("unknown service, unknown method and a service at zero are told apart", async () => {
  const stranger = await failure("nobody", "x");
  assert.deepEqual(facts(stranger), ["UNIMPLEMENTED", "no-service", "router"]);
  assert.match(stranger.message, /nobody/);
  const only = await mesh.service("brief", { yes: () => "yes" });
  assert.deepEqual(facts(await failure("brief", "no")), ["UNIMPLEMENTED", "no-method", "router"]);
  assert.equal(await caller.call("brief", "yes"), "yes");
  await mesh.leave(only);
  const { result, ms } = await timed(async () => await failure("brief", "yes", {}, 5_000));
  assert.deepEqual(facts(result), ["UNAVAILABLE", "no-instance", "router"]);
  assert.ok(ms > 1_300 && ms < 2_500, `parked for ${ms} ms`);
});

test("a router that has just started knows who was there before it", async () => {
  const service = await mesh.service("elder", { yes: () => "yes" });
  const others = mesh.routers.filter((router) => router.running);
  const plain = new PlainCaller(await mesh.raw("walk-in", "guest"), "walk-in");
  await mesh.addRouter();
  await Promise.all(others.map(async (router) => router.drain()));
  // On the shared subject, which nobody but the new one hears now.
  const reply = await plain.request("elder", "yes", {});
  assert.equal(Buffer.from(reply.payload).toString(), '"yes"');
  await mesh.leave(service);
});

test("a service that only a policy names is at zero, not unknown", async () => {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: dreamt }
spec: { service: dreamt, timeoutMs: 3000 }
`);
  assert.deepEqual(facts(await failure("dreamt", "x")), ["UNAVAILABLE", "no-instance", "router"]);
});

test("a parked call ends at its deadline if that comes first", async () => {
  const only = await mesh.service("shortly", { yes: () => "yes" });
  await mesh.leave(only);
  const { result, ms } = await timed(async () => await failure("shortly", "yes", {}, 300));
  assert.ok(["deadline", "no-instance"].includes(result.reason), result.reason);
  assert.ok(ms < 600, `${ms} ms`);
});

test("a parked call runs as soon as an instance appears", async () => {
  const first = await mesh.service("phoenix", { yes: () => "first" });
  await mesh.leave(first);
  const waiting = Array.from({ length: 50 }, async () => {
    const reply = await caller.call<string>("phoenix", "yes");
    return { reply, atMs: performance.now() };
  });
  await sleep(400);
  const arisen = performance.now();
  await mesh.service("phoenix", { yes: () => "second" });
  const replies = await Promise.all(waiting);
  assert.deepEqual([...new Set(replies.map(({ reply }) => reply))], ["second"]);
  assert.ok(Math.max(...replies.map(({ atMs }) => atMs)) - arisen < 800, "it waited on after the instance was there");
});

test("a failure of a nested call is the handler's own error, and never makes the outer call run again", async () => {
  let outer = 0;
  const gate = await mesh.service("gate", { pass: () => "never" });
  await mesh.leave(gate);
  const middle = await mesh.service("middle", {
    // Nobody is there: `no-instance`, which for the call itself would prove that nothing ran.
    pay: async () => {
      outer++;
      return await middle.call("gate", "pass", {}, { timeoutMs: 200 });
    },
    lose: async () => {
      outer++;
      throw MeshError.of("not-started", "somebody else's refusal");
    },
    flood: async () => {
      outer++;
      throw MeshError.of("overloaded", "somebody else is full");
    },
  });
  await mesh.service("middle", middle === undefined ? {} : handlersOf(() => outer++));
  for (const method of ["pay", "lose", "flood"]) {
    outer = 0;
    const error = await failure("middle", method);
    assert.equal(outer, 1, `${method} ran ${outer} times`);
    assert.equal(error.attempts, 1, method);
    assert.deepEqual([error.reason, error.origin], ["application", "instance"], method);
  }
});

/** A second instance that fails alike, so that there is somewhere else to go. */
function handlersOf(count: () => void): Record<string, () => never> {
  const failing = (reason: "not-started" | "overloaded" | "no-instance") => (): never => {
    count();
    throw MeshError.of(reason, "somebody else's refusal");
  };
  return { pay: failing("no-instance"), lose: failing("not-started"), flood: failing("overloaded") };
}
