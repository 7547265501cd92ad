import { fuzzShortly } from "./fuzz-shortly.ts";
import { WIRE_TARGETS } from "./targets.ts";

fuzzShortly(WIRE_TARGETS);
