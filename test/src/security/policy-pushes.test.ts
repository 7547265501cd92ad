// A router's key can be any router, and is not the operator's: what it pushes as policy is believed by signature alone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureKeys, policySigningKey } from "@malla/broker-config";
import type { Mesh } from "@malla/sdk";
import type { NatsBroker } from "@malla/sdk/broker";
import { decodePolicyPush, encodePolicyPush, inboxSubject, POLICY_LIVE_SUBJECT } from "@malla/sdk/contract";
import { type PolicyHead, signHead } from "@malla/sdk/discovery";
import { RecordedTelemetry } from "@malla/sdk/testing";
import { eventually } from "../harness/index.ts";
import { BesiegedMesh } from "./besieged-mesh.ts";

let besieged: BesiegedMesh;
let impostor: NatsBroker;
let listener: Mesh;
const telemetry = new RecordedTelemetry();

function access(principal: string): string {
  return `
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: greeter-callers }
spec: { service: greeter, action: allow, rules: [{ principals: [patron, ${principal}] }] }
`;
}

before(async () => {
  besieged = await BesiegedMesh.start();
  impostor = await besieged.mesh.raw("router-evil", "router");
  listener = await besieged.mesh.caller("listener", { telemetry });
});

after(async () => {
  await besieged?.stop();
});

/** What routers push now, as anybody may ask for it. */
async function pushed(): Promise<Uint8Array> {
  const asker = await besieged.mesh.raw("asker", "service");
  const inbox = inboxSubject("asker", "conn", crypto.randomUUID());
  return await new Promise((resolve) => {
    asker.subscribe(inbox, ({ payload }) => resolve(payload));
    asker.publish("mesh.call.asker.mesh.policy", new Uint8Array(0), inbox);
  });
}

test("an older revision, another's signature and other documents are refused by an SDK, each counted and told once", async () => {
  await besieged.mesh.apply(access("first"));
  const old = await pushed();
  const { revision } = await besieged.mesh.apply(access("second"));
  await eventually(() => assert.equal(listener.policyRevision, revision));
  const now = decodePolicyPush(await pushed());
  assert.ok(now !== undefined);
  const foreign = new TextEncoder().encode(
    policySigningKey(await ensureKeys(`${besieged.mesh.folder}/foreign`)).reveal(),
  );
  const { signed } = JSON.parse(Buffer.from(now.head).toString()) as { signed: string };
  const forged: PolicyHead = { ...(JSON.parse(signed) as PolicyHead), revision: revision + 9 };
  const hostile = [
    old,
    encodePolicyPush({ ...now, head: signHead(forged, foreign) }),
    encodePolicyPush({
      ...now,
      head: Buffer.from(JSON.stringify({ signed: JSON.stringify(forged), signature: "AAAA" })),
    }),
    Buffer.from("\u00ff\u00ff nonsense"),
  ];
  telemetry.rejections.length = 0;
  await besieged.underAttack(async () => {
    for (const push of hostile) impostor.publish(POLICY_LIVE_SUBJECT, push);
    await impostor.flush();
    await eventually(() => assert.equal(telemetry.rejections.length, hostile.length));
  });
  assert.deepEqual(
    telemetry.rejections,
    hostile.map(() => ({ stage: "policy", reason: "unauthenticated" })),
  );
  assert.equal(telemetry.lines.filter(({ facts }) => facts["stage"] === "policy").length, hostile.length);
  assert.equal(listener.policyRevision, revision);
  // The true next one is taken as before.
  const next = await besieged.mesh.apply(access("third"));
  await eventually(() => assert.equal(listener.policyRevision, next.revision));
});

test("the word that there is no policy ends none that is in force", async () => {
  const { policyRevision } = listener;
  assert.ok(policyRevision > 0);
  await besieged.underAttack(async () => {
    impostor.publish(POLICY_LIVE_SUBJECT, encodePolicyPush({ head: new Uint8Array(0), documents: [], complete: true }));
    await impostor.flush();
  });
  assert.equal(listener.policyRevision, policyRevision);
});
