import { fuzzShortly } from "./fuzz-shortly.ts";
import { DOCUMENT_TARGETS } from "./targets.ts";

fuzzShortly(DOCUMENT_TARGETS);
