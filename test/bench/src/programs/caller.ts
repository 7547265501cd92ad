// The calling process: makes the load of a cell and reads the CPU time of everybody on the way at the edges of the window.
import { availableParallelism } from "node:os";
import { runClosedLoop, runOpenLoop, summarise } from "@malla/cli/bench";
import type { Measurement } from "../cell.ts";
import { readBusyMicros, readCpuMicros } from "../cpu.ts";
import type { CallerSettings, RunOrder } from "../orders.ts";
import { type Body, type Client, errorText, type Transport } from "../transport.ts";
import { answerOrders, readSettings } from "./answer-orders.ts";

const { transport, connection } = readSettings<CallerSettings>();
let client: Client<Body>;

async function run({ cell, warmUpMs, durationMs, others }: RunOrder): Promise<Measurement> {
  const body = client.body(cell.payloadBytes);
  const onTheWay = [{ name: "caller", pid: process.pid }, ...others];
  let usedMicros = onTheWay.map(() => 0);
  let busyMicros = 0;
  const load = {
    warmUpMs,
    durationMs,
    call: (done: (error?: unknown) => void): void =>
      client.call(body, (error, reply) => {
        if (error !== undefined && error !== null) done(error);
        else if (reply?.length !== body.length) done(new Error(`${reply?.length} bytes came back for ${body.length}`));
        else done();
      }),
    onWindow: (edge: "begin" | "end"): void => {
      const before = edge === "begin" ? [] : usedMicros;
      busyMicros = readBusyMicros() - (edge === "begin" ? 0 : busyMicros);
      usedMicros = onTheWay.map(({ pid }, i) => readCpuMicros(pid) - (before[i] ?? 0));
    },
  };
  const result =
    cell.mode === "closed"
      ? await runClosedLoop({ ...load, concurrency: cell.concurrency })
      : await runOpenLoop({ ...load, rate: cell.rate });
  const { calls, failed, callsPerSecond, p50Ms, p99Ms, p999Ms } = summarise(result);
  const ownMicros = usedMicros.reduce((sum, micros) => sum + micros, 0);
  const machineMicros = result.elapsedMs * 1000 * availableParallelism();
  return {
    calls,
    failed,
    ...(result.firstError === undefined ? {} : { firstError: errorText(result.firstError) }),
    callsPerSecond,
    p50Ms,
    p99Ms,
    p999Ms,
    cpuMicrosPerCall: ownMicros / Math.max(calls, 1),
    cpuMicrosByProcess: Object.fromEntries(
      onTheWay.map(({ name }, i) => [name, (usedMicros[i] as number) / Math.max(calls, 1)]),
    ),
    othersPercent: Math.max(0, (100 * (busyMicros - ownMicros)) / machineMicros),
  };
}

await answerOrders(
  async () => {
    client = await ((await import(transport)) as Transport).connect(connection);
  },
  async (order) => await run(order as RunOrder),
);
