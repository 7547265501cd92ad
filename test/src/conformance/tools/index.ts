// Tools of others, as conformance tests use them.
export { unpackDebianPackage } from "./debian-package.ts";
export { NatsCli } from "./nats-cli.ts";
export { NatsPy, type RunningScript } from "./nats-py.ts";
export { findPromtool } from "./promtool.ts";
export { runTool, runWell, type ToolResult } from "./run-tool.ts";
export { ToolMissing, toolFolder } from "./tool-cache.ts";
