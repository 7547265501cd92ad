import type { Contender } from "../contender.ts";
import { startMeshWay } from "./malla-mesh.ts";

export const mallaRouted: Contender = {
  name: "malla-routed",
  about: "Malla through its router, with the whole of policy",
  tls: "broker",
  start: async (site, depth) => await startMeshWay(site, { depth, role: "service" }),
};
