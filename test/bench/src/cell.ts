// What is measured at a time, and what comes out of it.

export interface Cell {
  readonly mode: "closed" | "open";
  readonly payloadBytes: number;
  /** Calls at a time; of an open loop, as many as it takes: 0. */
  readonly concurrency: number;
  /** Calls a second of an open loop; of a closed one 0. */
  readonly rate: number;
  /** Services a call goes through. */
  readonly depth: number;
}

export interface Measurement {
  readonly calls: number;
  readonly failed: number;
  readonly firstError?: string;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Of all processes on the way, callers and callees too. */
  readonly cpuMicrosPerCall: number;
  /** The same, by process; their sum is the one above. */
  readonly cpuMicrosByProcess: Readonly<Record<string, number>>;
  /** Of the machine's cores, what everybody else used meanwhile. Where it is much, the rest is noise. */
  readonly othersPercent: number;
}

/** A line of the result: a contender in a cell, medians over the rounds. */
export interface Row extends Cell, Measurement {
  readonly contender: string;
  readonly tls: boolean;
  readonly rounds: number;
}

export interface Skipped {
  readonly contender: string;
  readonly tls: boolean;
  readonly why: string;
  /** It should have run: it could not be started, or one of its processes ended. Else it cannot be had on this machine. */
  readonly failed: boolean;
}

/** Where rows stand side by side: everything but the contender. */
export function cellKey({ mode, payloadBytes, concurrency, rate, depth }: Cell, tls: boolean): string {
  return `${mode} ${payloadBytes} ${concurrency} ${rate} ${depth} ${tls}`;
}

export function describeCell({ mode, payloadBytes, concurrency, rate, depth }: Cell): string {
  const load = mode === "closed" ? `concurrency ${concurrency}` : `${rate} calls/s`;
  return `${describeBytes(payloadBytes)}, ${load}${depth === 1 ? "" : `, chain of ${depth}`}`;
}

export function describeBytes(bytes: number): string {
  if (bytes >= 2 ** 20) return `${bytes / 2 ** 20} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
}
