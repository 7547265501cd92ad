// When a run must end before it is done: on Ctrl-C, when it is told to, or when whoever started it is gone.

const SIGNALS: readonly NodeJS.Signals[] = ["SIGHUP", "SIGINT", "SIGTERM"];
const LOOK_MS = 500;

/** Aborted with the reason as an Error. A second signal ends the process as it would any other. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of SIGNALS) process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stop.abort(new Error("whoever started this is gone"));
  }, LOOK_MS).unref();
  return stop.signal;
}

/** What `work` comes to; rejects with the reason as soon as the signal is aborted, whatever becomes of the work. */
export async function orAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
