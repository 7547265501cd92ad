// The node agent, for the harness.
export type { ApiAccess } from "./api-client.ts";
export { chartImages, type FindImage } from "./images.ts";
export { NodeAgent } from "./node-agent.ts";
export { PodNetwork } from "./pod-network.ts";
