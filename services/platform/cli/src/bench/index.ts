// The load generator: for `malla bench`, and for the benchmark of the mesh itself.
export { type ClosedLoopOptions, runClosedLoop } from "./closed-loop.ts";
export { Histogram } from "./histogram.ts";
export { type Call, type LoadOptions, type LoadResult, type LoadSummary, summarise } from "./load.ts";
export { type OpenLoopOptions, runOpenLoop } from "./open-loop.ts";
