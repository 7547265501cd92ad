// kubectl on one side, routers on the other: what is applied is in force within two seconds and says so, and what is wrong is
// told where it was written.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { MeshError } from "@malla/sdk/contract";
import { eventually, timed } from "../../harness/index.ts";
import { findKubernetes } from "../harness/index.ts";
import { OperatorMesh, type OperatorProcess } from "./operator-mesh.ts";

const binaries = findKubernetes();
/** What the README promises of any change. */
const LIVE_MS = 2_000;

const access = (name: string, principal: string, service = "payments"): string => `
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: ${name} }
spec: { service: ${service}, rules: [{ principals: [${principal}] }] }
`;

describe("kubectl and the mesh", { skip: "missing" in binaries ? binaries.missing : false }, () => {
  let world: OperatorMesh;
  let operator: OperatorProcess;

  before(async () => {
    if ("missing" in binaries) return;
    world = await OperatorMesh.start(binaries, { routers: 1 });
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
});
