// A mesh that is attacked: honest calls go on all the while, each must be answered, and what routers refuse is read from their
// metrics and their log.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Mesh } from "@malla/sdk";
import type { NatsBroker } from "@malla/sdk/broker";
import type { CredentialRole, Reason } from "@malla/sdk/contract";
import type { RefusalStage } from "@malla/sdk/telemetry";
import { eventually, startLoad, startMesh, type TestMesh, type TestMeshOptions } from "../harness/index.ts";

/** Honest calls that must end after an attack, and the pause between those of one worker, in ms. */
const CALLS_AFTER = 20;
const PAUSE_MS = 5;
const WORKERS = 2;
/** What a machine that is busy with an attack may take. */
const PATIENCE_MS = 20_000;

/** A refusal a router must count and write down. */
export interface ExpectedRefusal {
  readonly stage: RefusalStage;
  readonly reason: Reason;
  readonly principal: string;
  /** Default 1. */
  readonly count?: number;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly stage?: string;
  readonly reason?: string;
  readonly principal?: string;
  readonly caller?: string;
  readonly leftOut?: number;
}

/** What the broker refused to one client. */
export interface Denied {
  readonly operation: string;
  readonly subject: string;
}

export class BesiegedMesh {
  readonly mesh: TestMesh;
  readonly #patron: Mesh;
  #greetings = 0;

  private constructor(mesh: TestMesh, patron: Mesh) {
    this.mesh = mesh;
    this.#patron = patron;
  }

  /** One router in a process of its own, a service `greeter` and its caller `patron`, who are honest. */
  static async start(options: TestMeshOptions = {}): Promise<BesiegedMesh> {
    const mesh = await startMesh({ routerProcesses: true, ...options });
    try {
      await mesh.service("greeter", { greet: ({ n }: { n: number }) => ({ n }) });
      const patron = await mesh.caller("patron");
      await mesh.routersHeard();
      return new BesiegedMesh(mesh, patron);
    } catch (error) {
      await mesh.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.mesh.stop();
  }

  /** Lines the routers have logged so far. */
  get lines(): readonly LogLine[] {
    return this.mesh.routers.flatMap(({ log }) => {
      const whole = log.slice(0, log.lastIndexOf("\n") + 1);
      return whole
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as LogLine);
    });
  }

  /** A hostile client: valid credentials, its own subjects and bytes. `denied` is what the broker refused it. */
  async hostile(
    name: string,
    role: CredentialRole,
    account?: string,
  ): Promise<{ client: NatsBroker; denied: Denied[] }> {
    const client = await this.mesh.raw(name, role, account);
    const denied: Denied[] = [];
    client.onStatus((status) => {
      if (status.type === "denied") denied.push({ operation: status.operation, subject: status.subject });
    });
    return { client, denied };
  }

  /** Runs an attack. Honest calls go on meanwhile and after; every one must be answered. */
  async underAttack<Result>(attack: () => Promise<Result>): Promise<Result> {
    const load = startLoad(WORKERS, async () => {
      const n = ++this.#greetings;
      assert.deepEqual(await this.#patron.call("greeter", "greet", { n }), { n });
      await sleep(PAUSE_MS);
    });
    try {
      const result = await attack();
      const before = load.calls;
      await eventually(() => assert.ok(load.calls >= before + CALLS_AFTER, "honest calls do not go on"), {
        withinMs: PATIENCE_MS,
      });
      return result;
    } finally {
      const { failures } = await load.stop();
      assert.deepEqual(failures.map(String).slice(0, 3), [], `${failures.length} honest calls failed`);
    }
  }

  /** Runs an attack as above; the routers must count and log exactly these refusals, each of which is told apart. */
  async refuses<Result>(expected: readonly ExpectedRefusal[], attack: () => Promise<Result>): Promise<Result> {
    const before = await Promise.all(expected.map(async (one) => await this.#counted(one)));
    const linesBefore = this.lines.length;
    const result = await this.underAttack(attack);
    await eventually(async () => {
      for (const [i, one] of expected.entries()) {
        const want = expected
          .filter(({ stage, reason }) => stage === one.stage && reason === one.reason)
          .reduce((sum, { count = 1 }) => sum + count, 0);
        const counted = (await this.#counted(one)) - (before[i] as number);
        assert.equal(counted, want, `mesh_rejected_total of ${one.stage} (${one.reason})`);
        const written = this.lines.slice(linesBefore).filter((line) => isAbout(line, one));
        assert.equal(written.length, one.count ?? 1, `lines about ${one.principal} at ${one.stage} (${one.reason})`);
      }
    });
    return result;
  }

  async #counted({ stage, reason }: ExpectedRefusal): Promise<number> {
    const counts = this.mesh.routers.map(
      async (router) => await this.mesh.metric(router, "mesh_rejected_total", { stage, reason }),
    );
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }
}

/** The line of a call that was opened names its caller and no stage. */
function isAbout(line: LogLine, { stage, reason, principal }: ExpectedRefusal): boolean {
  if (line.reason !== reason || (line.principal ?? line.caller) !== principal) return false;
  return line.stage === undefined ? stage === "authorize" || stage === "route" : line.stage === stage;
}
