// Which traces are recorded. Decided before OpenTelemetry is asked, so that a call nobody records allocates no span.
import type { TraceContext } from "./port.ts";
import { isTraceIdSampled, type TraceIdSource } from "./trace-context.ts";

/** The standard values of OTEL_TRACES_SAMPLER. */
export const SAMPLER_NAMES = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;
export type SamplerName = (typeof SAMPLER_NAMES)[number];

export interface Sampler {
  /** Follow the parent's decision where there is a parent. */
  readonly parentBased: boolean;
  /** Share of the traces recorded otherwise, 0 to 1. */
  readonly ratio: number;
}

/**
 * The sampler: a ratio given in code is parent-based and wins, then OTEL_TRACES_SAMPLER with OTEL_TRACES_SAMPLER_ARG,
 * then every trace. Throws on a ratio in code that is not 0 to 1; nonsense in the environment is reported to `onProblem`
 * and read as 1, as the specification asks.
 */
export function chooseSampler(
  ratio: number | undefined,
  env: NodeJS.ProcessEnv,
  onProblem: (problem: string) => void,
): Sampler {
  if (ratio !== undefined) {
    if (!isRatio(ratio)) throw new RangeError(`sampleRatio: 0 to 1 is expected, got ${ratio}`);
    return { parentBased: true, ratio };
  }
  const name = env.OTEL_TRACES_SAMPLER?.trim() || "parentbased_always_on";
  if (!(SAMPLER_NAMES as readonly string[]).includes(name)) {
    onProblem(`OTEL_TRACES_SAMPLER: ${SAMPLER_NAMES.join(", ")} are known; every trace is recorded`);
    return { parentBased: true, ratio: 1 };
  }
  const parentBased = name.startsWith("parentbased_");
  if (name.endsWith("always_on")) return { parentBased, ratio: 1 };
  if (name.endsWith("always_off")) return { parentBased, ratio: 0 };
  return { parentBased, ratio: ratioFrom(env.OTEL_TRACES_SAMPLER_ARG, onProblem) };
}

function ratioFrom(text: string | undefined, onProblem: (problem: string) => void): number {
  const given = text?.trim() ?? "";
  if (given !== "" && isRatio(Number(given))) return Number(given);
  onProblem("OTEL_TRACES_SAMPLER_ARG: a number from 0 to 1 is expected; every trace is recorded");
  return 1;
}

function isRatio(value: number): boolean {
  return value >= 0 && value <= 1;
}

/** Whether a span under `parent` is recorded; for a new trace, whether the one with the next id is. */
export function isSampled(sampler: Sampler, parent: TraceContext | undefined, ids: TraceIdSource): boolean {
  if (parent === undefined) return ids.nextIsSampled(sampler.ratio);
  return sampler.parentBased ? parent.sampled : isTraceIdSampled(parent.traceId, sampler.ratio);
}
