// kubectl on one side, routers on the other: what is applied is in force within two seconds and says so, and what is wrong is
// told where it was written.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { MeshError } from "@malla/sdk/contract";
import { eventually, timed } from "../../harness/index.ts";
import { kubernetesOrSkip } from "../harness/index.ts";
import { OperatorMesh, type OperatorProcess } from "./operator-mesh.ts";

const { skip, binaries } = kubernetesOrSkip();
/** What the README promises of any change. */
const LIVE_MS = 2_000;

const access = (name: string, principal: string, service = "payments"): string => `
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: ${name} }
spec: { service: ${service}, rules: [{ principals: [${principal}] }] }
`;

describe("kubectl and the mesh", { skip }, () => {
  let world: OperatorMesh;
  let operator: OperatorProcess;

  before(async () => {
    if (skip !== false) return;
    world = await OperatorMesh.start(binaries(), { routers: 1 });
    operator = await world.operator();
    await world.leads(operator);
  });
  after(async () => {
    await world?.stop();
  });

  it("brings a policy in force within two seconds, and its status says so with the revision", async () => {
    await world.mesh.service("payments", { charge: () => ({ ok: true }) });
    const guest = await world.mesh.caller("cart");
    await eventually(async () => void (await guest.call("payments", "charge", {})));
    await world.apply(access("payments-callers", "orders"));
    const { ms } = await timed(async () =>
      eventually(
        async () => {
          await assert.rejects(guest.call("payments", "charge", {}), (error) => {
            return error instanceof MeshError && error.reason === "denied";
          });
        },
        { withinMs: LIVE_MS },
      ),
    );
    assert.ok(ms < LIVE_MS);
    const said = await world.until("accesspolicy", "payments-callers", "Programmed", "Programmed", 3_000);
    assert.match(said.message, /revision \d+ is in force at the one router/);
    const { status, metadata } = await world.resource("accesspolicy", "payments-callers");
    const { signed } = await (await world.mesh.desk()).read();
    assert.equal(status?.revision, signed?.head.revision);
    assert.equal(status?.observedGeneration, metadata.generation);
    assert.match(status?.contentHash ?? "", /^[0-9a-f]{64}$/);
  });

  it("counts many changes in one moment as few revisions", async () => {
    const before = await revision();
    const many = Array.from({ length: 40 }, (_, i) => access(`many-${i}`, "orders", `service-${i}`));
    await world.apply(many.join("---\n"));
    await world.until("accesspolicy", "many-39", "Programmed", "Programmed");
    await eventually(async () => assert.equal((await world.inPolicy()).length, 41), { withinMs: 5_000 });
    // kubectl sends them one after the other, for a second or two.
    assert.ok((await revision()) - before < 20, `${(await revision()) - before} revisions`);
    const names = many.map((_, i) => `many-${i}`);
    await world.api.must(["delete", "accesspolicy", ...names]);
    await eventually(async () => assert.deepEqual(await world.inPolicy(), ["AccessPolicy/payments-callers"]));
  });

  it("tells a semantic error in the status, keeps what was in force, and goes on with the rest", async () => {
    const header = (regex: string): string => `
apiVersion: malla.dev/v1
kind: Route
metadata: { name: by-header }
spec: { match: { service: payments, headers: { x-a: { regex: "${regex}" } } } }
`;
    await world.apply(header("a+"));
    await world.until("route", "by-header", "Programmed", "Programmed");
    await world.apply(`${header("(x{1000}){1000}")}---${access("others", "orders", "others")}`);
    const said = await world.until("route", "by-header", "Accepted", "Invalid");
    assert.match(said.message, /^spec\.match\.headers\.x-a.*; its last good version stays in force$/);
    await world.until("accesspolicy", "others", "Programmed", "Programmed");
    assert.ok((await world.inPolicy()).includes("Route/by-header"));
    const events = await world.api.must(["get", "events", "-o", "json"]);
    assert.match(events, /"reason": "Invalid"/);
    assert.match(await world.api.must(["describe", "route", "by-header"]), /Warning +Invalid/);
    await world.apply(header("b+"));
    const { observedGeneration } = await world.until("route", "by-header", "Accepted", "Accepted");
    assert.equal(observedGeneration, 3);
  });

  it("removes by kubectl delete, and the resource is gone when the document has left", async () => {
    await world.api.must(["delete", "route", "by-header", "--timeout=10s"]);
    assert.ok(!(await world.inPolicy()).includes("Route/by-header"));
    assert.notEqual((await world.api.kubectl(["get", "route", "by-header"])).code, 0);
  });

  it("leaves alone what `malla apply` owns, tells so, and takes it when it is handed over", async () => {
    const before = await world.mesh.apply(access("shared", "cart", "shared"));
    await world.apply(access("shared", "orders", "shared"));
    const said = await world.until("accesspolicy", "shared", "Accepted", "Conflict");
    assert.match(said.message, /AccessPolicy\/shared belongs to whoever uses `malla apply`/);
    assert.equal((await world.until("accesspolicy", "shared", "Programmed", "NotAccepted")).status, "False");
    assert.equal(await revision(), before.revision);
    await world.api.must(["annotate", "accesspolicy", "shared", "malla.dev/take-over=true"]);
    await world.until("accesspolicy", "shared", "Programmed", "Programmed");
    assert.match(await owner("AccessPolicy/shared"), /^kubernetes\/default\/AccessPolicy\/shared$/);
  });

  it("is not undone by malla, which says where it is to be changed", async () => {
    const file = await world.file("shared.yaml", access("shared", "cart", "shared"));
    const refused = await world.malla(["apply", "-f", file]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /AccessPolicy\/shared is owned by AccessPolicy shared in namespace default of Kubernetes/,
    );
    assert.match(refused.stderr, /kubectl edit accesspolicy shared -n default/);
    assert.equal((await world.malla(["delete", "accesspolicy", "shared"])).code, 1);
    assert.match((await world.malla(["rollback", String((await revision()) - 1)])).stderr, /is owned by/);
    const taken = await world.malla(["apply", "-f", file, "--take-over"]);
    assert.equal(taken.code, 0, taken.stderr);
    // The resource still says that it takes over, so it does again: it has the last word until that is taken from it.
    await eventually(async () => assert.match(await owner("AccessPolicy/shared"), /^kubernetes/), { withinMs: 5_000 });
    await world.api.must(["annotate", "accesspolicy", "shared", "malla.dev/take-over-"]);
    await world.malla(["apply", "-f", file, "--take-over"]);
    await world.until("accesspolicy", "shared", "Accepted", "Conflict");
    assert.equal(await owner("AccessPolicy/shared"), "");
  });

  it("restores what was deleted or changed by hand in the bucket within seconds", async () => {
    await world.mesh.remove("AccessPolicy/payments-callers");
    await eventually(async () => assert.ok((await world.inPolicy()).includes("AccessPolicy/payments-callers")), {
      withinMs: 4_000,
    });
    const desk = await world.mesh.desk();
    const hash = (await world.resource("accesspolicy", "payments-callers")).status?.contentHash;
    await desk.apply(access("payments-callers", "everybody"));
    // Applied past its owner it is nobody's, so it stays: that is `malla apply --take-over` by other means, and is told.
    await world.until("accesspolicy", "payments-callers", "Accepted", "Conflict");
    await desk.remove("AccessPolicy/payments-callers");
    await world.until("accesspolicy", "payments-callers", "Programmed", "Programmed");
    assert.equal((await world.resource("accesspolicy", "payments-callers")).status?.contentHash, hash);
  });

  it("says that it does not know while the broker is away, and goes on by itself", async () => {
    await world.mesh.broker.kill();
    await world.until("accesspolicy", "payments-callers", "Programmed", "MeshUnreachable", 20_000);
    await world.apply(access("meanwhile", "orders", "meanwhile"));
    await world.until("accesspolicy", "meanwhile", "Programmed", "MeshUnreachable");
    await world.mesh.broker.restart();
    await world.until("accesspolicy", "meanwhile", "Programmed", "Programmed", 30_000);
    await world.until("accesspolicy", "payments-callers", "Programmed", "Programmed");
  });

  it("answers for its health and its metrics", async () => {
    const page = async (path: string): Promise<string> =>
      await (
        await fetch(`http://127.0.0.1:${operator.ready.port}${path}`, { headers: { connection: "close" } })
      ).text();
    assert.match(await page("/healthz"), /ok/);
    assert.match(await page("/readyz"), /\[\+\] kubernetes\n\[\+\] mesh/);
    const metrics = await page("/metrics");
    for (const name of ["malla_operator_leader 1", "malla_operator_mesh_connected 1", "malla_operator_policy_revision"])
      assert.ok(metrics.includes(name), name);
    assert.match(metrics, /malla_operator_resources\{kind="AccessPolicy",verdict="accepted"\} \d/);
    assert.ok(!metrics.includes("seed"));
  });

  async function revision(): Promise<number> {
    return (await (await world.mesh.desk()).read()).signed?.head.revision ?? 0;
  }

  async function owner(name: string): Promise<string> {
    const { documents } = await (await world.mesh.desk()).read();
    const found = documents.find(({ document }) => `${document.kind}/${document.metadata.name}` === name);
    assert.ok(found, `${name} is not in the policy`);
    return found.document.metadata.annotations?.["malla.dev/owner"] ?? "";
  }
});
