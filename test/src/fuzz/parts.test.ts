import { fuzzShortly } from "./fuzz-shortly.ts";
import { PART_TARGETS } from "./targets.ts";

fuzzShortly(PART_TARGETS);
