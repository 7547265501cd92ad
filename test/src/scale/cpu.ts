// CPU time of this thread rather than time on the wall: others may work on this machine.

/** CPU for one round of `work`, in ms: the least of several, which is what the work itself needs. */
export function leastCpuMs(rounds: number, work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = threadCpuMs();
    work();
    least = Math.min(least, threadCpuMs() - before);
  }
  return least;
}

export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
