// What each abuse costs honest callers of another service, as the ratio of their p99 with it and without it:
//
//   npx node --conditions=@malla/source test/src/abuse/measure.ts --seconds 10
//
// The honest service and its caller are one process, the router another, the broker a third; what misuses is in this one. On few
// cores all of them share, so the work of the attacker itself is part of what is measured. Each abuse is measured beside a window
// without it, right before. The last line is JSON.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { eventually, startMesh, type TestMesh } from "../harness/index.ts";
import type { Abuse } from "./abuse.ts";
import { ABUSES } from "./abuses.ts";
import type { Measured } from "./honest-process.ts";

interface Row {
  readonly name: string;
  readonly outcome: string;
  readonly attacks: number;
  readonly before: Measured;
  readonly during: Measured;
  readonly ratio: number;
}

/** The honest process: windows are begun and ended by lines. */
class Honest {
  readonly #child;
  readonly #lines: Interface;

  constructor(environment: Readonly<Record<string, string>>) {
    const module = fileURLToPath(new URL("honest-process.ts", import.meta.url));
    const conditions = process.execArgv.filter((argument) => argument.startsWith("--conditions"));
    this.#child = spawn(process.execPath, [...conditions, module], {
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout });
  }

  async ready(): Promise<void> {
    await once(this.#lines, "line");
  }

  async measure(during: () => Promise<void>): Promise<Measured> {
    this.#child.stdin.write("start\n");
    await during();
    this.#child.stdin.write("stop\n");
    const [line] = (await once(this.#lines, "line")) as [string];
    return JSON.parse(line) as Measured;
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, "exit");
    this.#child.stdin.end();
    await gone;
  }
}

async function measureOne(mesh: TestMesh, honest: Honest, abuse: Abuse, windowMs: number): Promise<Row> {
  const attacker = await abuse.prepare(mesh);
  const before = await honest.measure(async () => void (await sleep(windowMs)));
  const outcomes = new Set<string>();
  let attacks = 0;
  const during = await honest.measure(async () => {
    const until = performance.now() + windowMs;
    do {
      outcomes.add(await attacker.attack());
      attacks++;
    } while (performance.now() < until);
  });
  await attacker.close?.();
  const ratio = Math.round((during.p99Ms / before.p99Ms) * 100) / 100;
  return { name: abuse.name, outcome: [...outcomes].join("; "), attacks, before, during, ratio };
}

function line({ name, attacks, before, during, ratio, outcome }: Row): string {
  const times = `p50 ${before.p50Ms} → ${during.p50Ms}, p99 ${before.p99Ms} → ${during.p99Ms} ms`;
  return `${String(ratio).padStart(6)} x  ${name}: ${times}, ${during.failed} of ${during.calls} failed; ${attacks} times ${outcome}\n`;
}

const { values } = parseArgs({ options: { seconds: { type: "string" }, only: { type: "string" } } });
const windowMs = Number(values.seconds ?? 10) * 1000;
const mesh = await startMesh({ routerProcesses: true });
const honest = new Honest({
  NATS_URL: mesh.url,
  NATS_CREDS: await mesh.credentials("calm"),
  MALLA_SERVICE: "calm",
});
try {
  await honest.ready();
  await mesh.routersHeard();
  const probe = await mesh.caller("probe");
  await eventually(async () => await probe.call("calm", "echo", {}));
  await honest.measure(async () => void (await sleep(3_000)));
  const rows: Row[] = [];
  for (const abuse of ABUSES.filter(({ name }) => name.includes(values.only ?? ""))) {
    const row = await measureOne(mesh, honest, abuse, windowMs);
    rows.push(row);
    process.stdout.write(line(row));
    // What the last one left behind is not the next one's.
    await sleep(2_000);
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  await honest.stop();
  await mesh.stop();
}
