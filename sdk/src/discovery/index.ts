// Who is there, and which policy holds.

export type { Announced } from "./announced.ts";
export * from "./announcement-gate.ts";
export * from "./hear-instances.ts";
export * from "./patient-key-value.ts";
export * from "./policy-bounds.ts";
export * from "./policy-freshness.ts";
export * from "./policy-head.ts";
export * from "./policy-holder.ts";
export * from "./policy-store.ts";
export * from "./registry.ts";
export * from "./router-directory.ts";
export * from "./run-slice.ts";
