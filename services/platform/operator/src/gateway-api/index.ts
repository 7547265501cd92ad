// Routes of the Gateway API in the mesh.
export { GatewaySource, type GatewaySourceOptions } from "./gateway-source.ts";
