export * from "./endpoint-load.ts";
export * from "./pick.ts";
