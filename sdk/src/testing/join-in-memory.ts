// A place on a mesh in memory: what `connect` returns, over a broker and a runtime that belong to the test.
import type { Broker } from "../broker/broker.ts";
import type { Runtime } from "../call/runtime.ts";
import { DEFAULT_MAX_IN_FLIGHT, DEFAULT_MAX_OUTGOING_BYTES, DEFAULT_MAX_OUTGOING_CALLS } from "../connect-config.ts";
import { Mesh, type MeshFacts } from "../mesh.ts";

/** Joins as `service`, which calls and may serve; everything else has a default. */
export async function joinInMemory(
  broker: Broker,
  runtime: Runtime,
  { service, ...more }: Partial<MeshFacts> & Pick<MeshFacts, "service">,
): Promise<Mesh> {
  const mesh = new Mesh(broker, runtime, {
    principal: service,
    service,
    instance: "i1",
    version: "1.0.0",
    tags: {},
    description: "",
    maxInFlight: DEFAULT_MAX_IN_FLIGHT,
    maxOutgoingCalls: DEFAULT_MAX_OUTGOING_CALLS,
    maxOutgoingBytes: DEFAULT_MAX_OUTGOING_BYTES,
    connection: "conn",
    policyPublicKey: undefined,
    directTo: [],
    hearsRouters: true,
    hearsPolicy: true,
    sendsFrames: true,
    ...more,
  });
  await mesh.start();
  return mesh;
}
