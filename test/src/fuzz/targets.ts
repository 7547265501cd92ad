// Everything that is fuzzed, in the order it runs.
import type { FuzzTarget } from "./target.ts";
import { caller } from "./targets/caller.ts";
import { contractJson, contractWire } from "./targets/contract-messages.ts";
import { controlMessages } from "./targets/control-messages.ts";
import { credentials } from "./targets/credentials.ts";
import { headerBlocks, replyHeaders, requestHeaders } from "./targets/headers.ts";
import { instance, micro } from "./targets/instance.ts";
import { policyHeads, storedDocuments } from "./targets/policy-documents.ts";
import { policyYaml } from "./targets/policy-yaml.ts";
import { protoSources } from "./targets/proto-source.ts";
import { regexes } from "./targets/regex.ts";
import { router } from "./targets/router.ts";
import { baggages, loads, timeouts, traceContexts } from "./targets/small-values.ts";
import { subjects } from "./targets/subjects.ts";

/** What every message passes: subjects, headers, control messages, credentials. */
export const WIRE_TARGETS: readonly FuzzTarget[] = [
  subjects,
  timeouts,
  loads,
  traceContexts,
  baggages,
  headerBlocks,
  requestHeaders,
  replyHeaders,
  ...controlMessages,
  credentials,
];

/** What people write and programs carry: policy, expressions, contracts and their messages. */
export const DOCUMENT_TARGETS: readonly FuzzTarget[] = [
  policyHeads,
  storedDocuments,
  policyYaml,
  regexes,
  contractWire,
  contractJson,
  protoSources,
];

/** Whole parts of the mesh, in memory. */
export const PART_TARGETS: readonly FuzzTarget[] = [router, instance, micro, caller];

export const TARGETS: readonly FuzzTarget[] = [...WIRE_TARGETS, ...DOCUMENT_TARGETS, ...PART_TARGETS];
