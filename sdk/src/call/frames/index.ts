// Frames: how a payload too large for one message travels between the two ends of a call.
export * from "./credit-budget.ts";
export * from "./ended-streams.ts";
export * from "./frame-bounds.ts";
export * from "./frame-pool.ts";
export * from "./frame-receiver.ts";
export * from "./frame-sender.ts";
export * from "./frame-wire.ts";
export * from "./handshake.ts";
export * from "./incoming-payload.ts";
export * from "./offered-payload.ts";
export * from "./payload-frames.ts";
