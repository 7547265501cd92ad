// What a test leaves behind in its own process: sockets, servers, children, timers. Everything counts from when the mesh was
// started, so that what the test runner itself has open is left alone.

const WATCHED: ReadonlySet<string> = new Set([
  "TCPSocketWrap",
  "TCPServerWrap",
  "TCPConnectWrap",
  "ProcessWrap",
  "PipeWrap",
  "FSReqPromise",
  // An interval that nobody cleared keeps a process alive for ever.
  "Timeout",
]);

export type Census = ReadonlyMap<string, number>;

/** How many handles of each watched kind keep this process alive now. */
export function takeCensus(): Census {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (WATCHED.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** Throws if there is more of anything than there was. */
export function assertNothingLeft(before: Census): void {
  const more = [...takeCensus()].filter(([kind, count]) => count > (before.get(kind) ?? 0));
  if (more.length === 0) return;
  throw new Error(`left open: ${more.map(([kind, count]) => `${count - (before.get(kind) ?? 0)} ${kind}`).join(", ")}`);
}
