// What tests of several processes share.
export { type ChildProgram, startProgram } from "./child-program.ts";
export { eventually, rejection, timed } from "./eventually.ts";
export { type LedgerLine, ranTwice, readLedger } from "./ledger.ts";
export { endLoads, type LoadResult, type RunningLoad, startLoad } from "./load.ts";
export { OtlpReceiver, type ReceivedSpan } from "./otlp-receiver.ts";
export { PlainCaller, type PlainReply } from "./plain-caller.ts";
export { PolicyDesk, readDocuments } from "./policy-desk.ts";
export { RawClient, type RawIdentity, readIdentity } from "./raw-client.ts";
export { type InstanceProcess, type JoinOptions, startMesh, TestMesh, type TestMeshOptions } from "./test-mesh.ts";
export type { TestRouter } from "./test-router.ts";
export { TEST_WAY } from "./test-way.ts";
