// For tests of what stands around a router.
export { type MemoryRouter, type MemoryRouterOptions, startMemoryRouter } from "./start-memory-router.ts";
