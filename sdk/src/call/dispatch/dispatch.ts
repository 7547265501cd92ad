// Stage `dispatch`: pick → breaker → send → classify → retry. A small machine driven by callbacks: it sleeps by timers and
// awaits nothing, so that a call costs no promise. The router and the direct path run this same code.
import { MeshError, type Notice } from "../../contract/index.ts";
import type { Instance, Registry } from "../../discovery/registry.ts";
import {
  type CompiledDestination,
  MAX_FREE_LOSSES,
  nextAttempt,
  type Outcome,
  type RetryBudget,
} from "../../engine/index.ts";
import type { Telemetry } from "../../telemetry/port.ts";
import { attribute } from "../../telemetry/rpc-semantics.ts";
import type { Clock } from "../clock.ts";
import type { Exchange } from "../exchange.ts";
import type { IdSource } from "../id-source.ts";
import type { Timer, Timers } from "../timer-wheel.ts";
import type { Attempt, AttemptOwner, AttemptSender, AttemptTable, InstanceReply } from "./attempt.ts";
import { recordAttempt, startAttemptSpan } from "./attempt-record.ts";
import { chooseInstance, drawDestination } from "./choose-instance.ts";
import { classify } from "./classify.ts";
import { MAX_PARKED_IN_DOUBT_MS, MAX_PARKED_MS, type Parked, type Parking } from "./parking.ts";

export interface DispatchPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly ids: IdSource;
  readonly registry: Registry;
  readonly attempts: AttemptTable;
  readonly sender: AttemptSender;
  /** Absent: who would have to wait ends at once, as `DispatchResult.waits` says. */
  readonly parking: Parking | undefined;
  readonly telemetry: Telemetry;
  /** A call waits for somebody to serve this: whoever can look for instances should look now. */
  readonly onWanted?: (service: string) => void;
  /**
   * The call waits and nothing of it has started, or it no longer waits: a caller who loses this router in between may take it
   * elsewhere (failure rule 10).
   */
  readonly onWaiting?: (exchange: Exchange, notice: Notice) => void;
  /** The retry budget of a service, shared by all its calls here. */
  readonly budgetOf: (service: string) => RetryBudget;
}

/** How a call ended. `reply` is set for a success, and for an error of the application, whose body is passed on. */
export interface DispatchResult {
  readonly error: MeshError | undefined;
  readonly reply: InstanceReply | undefined;
  /** It would wait now, for an instance or the broker, where there is a place to wait: whoever has one may carry it on. */
  readonly waits: boolean;
}

/** Begins to dispatch; `done` is called exactly once, perhaps before this returns. */
export function dispatch(exchange: Exchange, ports: DispatchPorts, done: (result: DispatchResult) => void): Dispatch {
  const running = new Dispatch(exchange, ports, done);
  running.start();
  return running;
}

export class Dispatch implements AttemptOwner {
  readonly #exchange: Exchange;
  readonly #ports: DispatchPorts;
  readonly #done: (result: DispatchResult) => void;
  readonly #tried: Instance[] = [];
  #destination: CompiledDestination | undefined;
  #drawn = false;
  #share: number | undefined;
  #attempt: Attempt | undefined;
  #deadlineTimer: Timer | undefined;
  #delayTimer: Timer | undefined;
  #parked: Parked | undefined;
  /** When it parked first; 0 before. */
  #parkedSinceMs = 0;
  #notStarted = 0;
  #lost = 0;
  #saidParked = false;
  #lastReply: InstanceReply | undefined;
  #ended = false;

  constructor(exchange: Exchange, ports: DispatchPorts, done: (result: DispatchResult) => void) {
    this.#exchange = exchange;
    this.#ports = ports;
    this.#done = done;
  }

  start(): void {
    const { clock, timers } = this.#ports;
    const remainingMs = this.#exchange.deadlineAtMs - clock.nowMs();
    if (remainingMs <= 0) {
      const text = "the deadline had passed before the call could be sent";
      this.#end(MeshError.of("deadline", text, { origin: "router" }), undefined);
      return;
    }
    this.#deadlineTimer = timers.schedule(remainingMs, () => this.#deadlinePassed());
    this.#ports.budgetOf(this.#exchange.targetService).countCall(clock.nowMs());
    this.#try();
  }

  /** The caller gave up, or this side shuts down. */
  cancel(error: MeshError): void {
    if (this.#ended) return;
    this.#abandonAttempt(error);
    this.#end(error, undefined);
  }

  attemptReplied(attempt: Attempt, reply: InstanceReply): void {
    const error = classify(reply, attempt.instance.kind);
    this.#attemptEnded(attempt, error);
    if (error === undefined) this.#end(undefined, reply);
    else {
      this.#lastReply = error.reason === "application" ? reply : undefined;
      this.#suspect(attempt.instance, error);
      this.#afterFailure(error);
    }
    this.#ports.parking?.placeFreed(attempt.instance.service);
  }

  attemptFailed(attempt: Attempt, error: MeshError, mayStillRun = false): void {
    // Its load has not gone with it, so that doing it elsewhere adds to the load: never free.
    if (mayStillRun) this.#lost = MAX_FREE_LOSSES;
    this.#attemptEnded(attempt, error);
    this.#lastReply = undefined;
    this.#suspect(attempt.instance, error);
    this.#afterFailure(error);
  }

  /** A nack carries the instance's word; the broker's 503, a lost request and a lost instance make it suspect. */
  #suspect(instance: Instance, { reason, origin }: MeshError): void {
    if (this.#ended || (reason !== "gone" && (reason !== "not-started" || origin === "instance"))) return;
    this.#ports.registry.suspect(instance, this.#ports.clock.nowMs());
  }

  #try(): void {
    const exchange = this.#exchange;
    const { clock, random, registry } = this.#ports;
    let refusal: MeshError;
    try {
      if (!this.#drawn) {
        // Drawn once: drawn anew after each wait, the share of a destination without instances would go to the others.
        this.#share ??= random();
        const share = this.#share;
        this.#destination = drawDestination(exchange, registry, () => share);
        this.#drawn = true;
      }
      const choice = chooseInstance(exchange, this.#destination, this.#tried, registry, clock.nowMs(), random);
      if (choice.instance !== undefined) {
        this.#send(choice.instance);
        return;
      }
      refusal = MeshError.of(choice.refusal, choice.message, { origin: "router" });
    } catch (thrown) {
      refusal = MeshError.from(thrown, "router");
    }
    if (!this.#park(refusal)) this.#end(refusal, undefined);
  }

  /**
   * Waits for an instance over a blip. False if it may not, or has waited long enough. All that waited go on in the same moment: who
   * finds every instance full then waits for a place, where a call that comes as one of many would be refused at once.
   */
  #park(refusal: MeshError): boolean {
    const { reason } = refusal;
    const { parking, registry, onWanted } = this.#ports;
    const service = this.#destination?.service ?? this.#exchange.targetService;
    const suspects = registry.service(service)?.suspects ?? 0;
    // Those that are full are all there is only until it has turned out whether the others are there.
    const mayWait =
      reason === "no-instance" || (reason === "overloaded" && (suspects > 0 || this.#parkedSinceMs !== 0));
    if (!mayWait) return false;
    const inDoubt = reason === "overloaded" || suspects > 0;
    const waitMs = this.#waitMs(inDoubt ? MAX_PARKED_IN_DOUBT_MS : MAX_PARKED_MS);
    if (waitMs <= 0) return false;
    if (parking === undefined) {
      this.#end(refusal, undefined, true);
      return true;
    }
    onWanted?.(service);
    const { principal, payload } = this.#exchange;
    const parked = parking.wait(service, principal, payload.length, waitMs, this.#resume);
    if (typeof parked === "string") this.#parkingFull(`${parked}; ${service} has none now`);
    else {
      this.#parked = parked;
      this.#sayParked();
    }
    return true;
  }

  /** The connection to the broker went while this call had to be sent: it is sent when that is back. */
  #parkForBroker(error: MeshError): void {
    const waitMs = this.#waitMs(MAX_PARKED_IN_DOUBT_MS);
    if (waitMs <= 0) {
      this.#end(error, undefined);
      return;
    }
    const { parking } = this.#ports;
    if (parking === undefined) {
      this.#end(error, undefined, true);
      return;
    }
    const { principal, payload } = this.#exchange;
    const parked = parking.waitForBroker(principal, payload.length, waitMs, this.#resume);
    if (typeof parked === "string") this.#parkingFull(`${parked}; the connection to the broker is down`);
    else this.#parked = parked;
  }

  /** Only where every attempt so far has proven that it did not start. */
  #sayParked(): void {
    const { onWaiting } = this.#ports;
    if (this.#saidParked || onWaiting === undefined || this.#exchange.attempts > this.#notStarted) return;
    this.#saidParked = true;
    onWaiting(this.#exchange, "parked");
  }

  /** Before the attempt is sent: whoever loses this router after that hears it first, and then its 503. */
  #sayDispatching(): void {
    if (!this.#saidParked) return;
    this.#saidParked = false;
    this.#ports.onWaiting?.(this.#exchange, "dispatching");
  }

  /** How much longer this call may wait, of `mostMs` in all since it first waited. */
  #waitMs(mostMs: number): number {
    const now = this.#ports.clock.nowMs();
    if (this.#parkedSinceMs === 0) this.#parkedSinceMs = now;
    return Math.min(this.#parkedSinceMs + mostMs, this.#exchange.deadlineAtMs) - now;
  }

  readonly #resume = (): void => {
    this.#parked = undefined;
    this.#try();
  };

  #parkingFull(message: string): void {
    this.#end(MeshError.of("parking-full", message, { origin: "router" }), undefined);
  }

  #send(instance: Instance): void {
    const exchange = this.#exchange;
    const { clock, timers, ids, attempts, sender, telemetry } = this.#ports;
    const now = clock.nowMs();
    exchange.attempts++;
    const attempt: Attempt = {
      id: ids.next(),
      number: exchange.attempts,
      exchange,
      instance,
      peer: instance.kind === "plain" ? undefined : instance,
      repeatable: exchange.idempotent,
      sentAtMs: now,
      span: startAttemptSpan(telemetry, exchange, instance),
      owner: this,
      perTryTimer: undefined,
      probedAtMs: 0,
      goneSinceMs: 0,
    };
    this.#tried.push(instance);
    this.#attempt = attempt;
    instance.load.started(now);
    attempts.add(attempt);
    const perTryMs = exchange.route?.perTryTimeoutMs;
    if (perTryMs !== undefined && now + perTryMs < exchange.deadlineAtMs) {
      attempt.perTryTimer = timers.schedule(perTryMs, () => this.#perTryPassed(attempt, perTryMs));
    }
    try {
      this.#sayDispatching();
      sender.send(attempt);
    } catch (thrown) {
      attempts.remove(attempt);
      this.#notSent(attempt, thrown);
    }
  }

  /** Nothing left this process, so nothing is learnt about the instance. */
  #notSent(attempt: Attempt, thrown: unknown): void {
    const known = thrown instanceof MeshError;
    const error = known
      ? thrown
      : MeshError.of("not-started", "the connection to the broker is down", { origin: "router", cause: thrown });
    this.#attemptEnded(attempt, error, "abandoned");
    this.#lastReply = undefined;
    if (known) this.#afterFailure(error);
    else this.#parkForBroker(error);
  }

  #attemptEnded(attempt: Attempt, error: MeshError | undefined, outcome?: Outcome): void {
    const { clock, timers, telemetry } = this.#ports;
    if (attempt.perTryTimer !== undefined) timers.cancel(attempt.perTryTimer);
    if (this.#attempt === attempt) this.#attempt = undefined;
    recordAttempt(telemetry, attempt, error, clock.nowMs(), outcome);
  }

  #afterFailure(error: MeshError): void {
    if (this.#ended) return;
    const exchange = this.#exchange;
    const { clock, random, timers, telemetry } = this.#ports;
    const now = clock.nowMs();
    if (error.reason === "not-started") this.#notStarted++;
    if (error.reason === "gone") this.#lost++;
    const decision = nextAttempt(
      exchange.settings.retries,
      {
        attempt: exchange.attempts,
        reason: error.reason,
        status: error.status,
        idempotent: exchange.idempotent,
        remainingMs: exchange.deadlineAtMs - now,
        retryAfterMs: error.retryAfterMs,
        notStartedCount: this.#notStarted,
        lostCount: this.#lost,
      },
      this.#ports.budgetOf(exchange.targetService),
      random(),
      now,
    );
    if (!decision.retry) {
      this.#end(error, this.#lastReply);
      return;
    }
    telemetry.retried(exchange.targetService, error.reason);
    exchange.span?.addEvent("retry", { [attribute.reason]: error.reason, delay_ms: decision.delayMs });
    if (decision.delayMs <= 0) this.#try();
    else {
      this.#delayTimer = timers.schedule(decision.delayMs, () => {
        this.#delayTimer = undefined;
        this.#try();
      });
    }
  }

  #perTryPassed(attempt: Attempt, perTryMs: number): void {
    if (this.#attempt !== attempt) return;
    const message = `instance ${attempt.instance.id} did not answer within ${perTryMs} ms (perTryTimeoutMs)`;
    this.#ports.attempts.remove(attempt);
    this.#ports.sender.cancel(attempt);
    this.attemptFailed(attempt, MeshError.of("deadline", message, { origin: "router" }));
  }

  #deadlinePassed(): void {
    const { targetService, targetMethod, deadlineAtMs, startedAtMs } = this.#exchange;
    const where = this.#attempt === undefined ? "while no instance had it" : `at instance ${this.#attempt.instance.id}`;
    const message = `${targetService}.${targetMethod} did not answer within ${Math.round(deadlineAtMs - startedAtMs)} ms, ${where}`;
    this.cancel(MeshError.of("deadline", message, { origin: "router" }));
  }

  #abandonAttempt(error: MeshError): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.#ports.attempts.remove(attempt);
    // The instance holds the call to the same deadline itself; a cancel would only race it for the reason its handler is told.
    if (error.reason !== "deadline") this.#ports.sender.cancel(attempt);
    this.#attemptEnded(attempt, error);
  }

  #end(error: MeshError | undefined, reply: InstanceReply | undefined, waits = false): void {
    if (this.#ended) return;
    this.#ended = true;
    const { timers, parking } = this.#ports;
    if (this.#deadlineTimer !== undefined) timers.cancel(this.#deadlineTimer);
    if (this.#delayTimer !== undefined) timers.cancel(this.#delayTimer);
    if (this.#parked !== undefined) parking?.leave(this.#parked);
    this.#done({ error, reply, waits });
  }
}
