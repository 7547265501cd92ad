// What an attempt leaves behind: its span, what its instance's load and breaker learn of it, and its metric.
import type { MeshError } from "../../contract/index.ts";
import type { Instance } from "../../discovery/registry.ts";
import { breakerStateOf, recordOutcome } from "../../engine/index.ts";
import type { Span, Telemetry } from "../../telemetry/port.ts";
import { attribute, rpcSpan } from "../../telemetry/rpc-semantics.ts";
import type { Exchange } from "../exchange.ts";
import type { Attempt } from "./attempt.ts";
import { outcomeOf } from "./classify.ts";

/** Of the attempt that is about to be sent, the call's last so far. A call whose own span is not sampled has none. */
export function startAttemptSpan({ tracer }: Telemetry, exchange: Exchange, instance: Instance): Span | undefined {
  const { span, parent, targetService, targetMethod, attempts } = exchange;
  if (tracer === undefined || span === undefined) return undefined;
  const { name, attributes } = rpcSpan(targetService, targetMethod);
  return tracer.startSpan(name, "client", span.context ?? parent, {
    ...attributes,
    [attribute.attempt]: attempts,
    [attribute.instance]: instance.id,
    [attribute.version]: instance.version,
  });
}

/** Of an attempt that ended now, whoever ended it. `outcome`: what its instance is held to have done; by default what `error` says. */
export function recordAttempt(
  telemetry: Telemetry,
  { instance, exchange, span, sentAtMs }: Attempt,
  error: MeshError | undefined,
  nowMs: number,
  outcome = outcomeOf(error),
): void {
  const durationMs = nowMs - sentAtMs;
  instance.load.finished(outcome, durationMs, nowMs);
  const transition = recordOutcome(instance.outlier, outcome, exchange.settings.outlier, nowMs);
  if (transition !== undefined) {
    telemetry.breakerChanged(instance.service, instance.id, breakerStateOf(instance.outlier, nowMs));
  }
  exchange.version = instance.version;
  const code = error?.status ?? "OK";
  const reason = error?.reason ?? "";
  span?.end(code, reason);
  telemetry.attemptEnded({
    caller: exchange.principal,
    service: exchange.targetService,
    method: exchange.targetMethod,
    version: instance.version,
    instance: instance.id,
    code,
    reason,
    durationMs,
  });
}
