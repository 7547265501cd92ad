import { measureCompiling } from "./compile.ts";
import { measureDecisions } from "./decision.ts";

console.log(measureCompiling());
console.log(measureDecisions());
