// One row from the rounds of a contender in a cell.
import type { Cell, Measurement, Row } from "./cell.ts";
import { median } from "./median.ts";

/** Medians of what was measured; calls and failures are sums. Throws for no round. */
export function combine(contender: string, tls: boolean, cell: Cell, rounds: readonly Measurement[]): Row {
  if (rounds.length === 0) throw new Error(`${contender} was not measured`);
  const middle = (read: (round: Measurement) => number): number => median(rounds.map(read));
  const sum = (read: (round: Measurement) => number): number => rounds.reduce((total, round) => total + read(round), 0);
  const firstError = rounds.find((round) => round.firstError !== undefined)?.firstError;
  const names = Object.keys(rounds[0]?.cpuMicrosByProcess ?? {});
  return {
    contender,
    ...cell,
    tls,
    callsPerSecond: middle((round) => round.callsPerSecond),
    p50Ms: middle((round) => round.p50Ms),
    p99Ms: middle((round) => round.p99Ms),
    p999Ms: middle((round) => round.p999Ms),
    cpuMicrosPerCall: middle((round) => round.cpuMicrosPerCall),
    cpuMicrosByProcess: Object.fromEntries(
      names.map((name) => [name, middle((round) => round.cpuMicrosByProcess[name] ?? 0)]),
    ),
    othersPercent: middle((round) => round.othersPercent),
    calls: sum((round) => round.calls),
    failed: sum((round) => round.failed),
    ...(firstError === undefined ? {} : { firstError }),
    rounds: rounds.length,
  };
}
