// CPU time rather than time on the wall: others may work on this machine.

/** CPU of this process for one round of `work`, in ms: the least of several, which is what the work itself needs. */
export function leastCpuMs(rounds: number, work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}
