// For tests of programs on the mesh: time and chance that belong to the test, and a broker in memory.
export { type BrokerCase, type BrokerFixture, brokerContract } from "../broker/broker.contract.ts";
export { exchangeOf, instanceState, policyOf } from "./exchange-fixture.ts";
export { FakeClock } from "./fake-clock.ts";
export { joinInMemory } from "./join-in-memory.ts";
export {
  MemoryBroker,
  type MemoryBrokerOptions,
  MemoryServer,
  type MemoryServerOptions,
  matchesSubject,
} from "./memory-broker.ts";
export { type LostWrite, MemoryKeyValue } from "./memory-key-value.ts";
export { type LogLine, RecordedTelemetry } from "./recorded-telemetry.ts";
export { seededFill, seededRandom } from "./seeded-random.ts";
export { createTestRuntime, type TestRuntime, type TestRuntimeOptions } from "./test-runtime.ts";
