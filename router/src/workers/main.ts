// A worker: one router, without an endpoint of its own. It ends when its supervisor says so, or is gone.
import { type RunningRouter, startRouter } from "../lifecycle.ts";
import { type FromWorker, HEALTH_MS, type ToWorker } from "./worker-messages.ts";

let router: RunningRouter | undefined;

function say(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

async function start(options: ToWorker & { readonly type: "start" }): Promise<void> {
  try {
    router = await startRouter(options.options, { endpoint: false });
  } catch (error) {
    say({ type: "failed", message: error instanceof Error ? error.message : String(error) });
    process.off("disconnect", stop);
    process.exitCode = 1;
    process.disconnect();
    return;
  }
  const { id, checks } = router;
  const tell = (): void => say({ type: "health", checks: checks() });
  tell();
  say({ type: "ready", router: id });
  setInterval(tell, HEALTH_MS).unref();
}

async function answer(ask: number): Promise<void> {
  const text = (await router?.metrics()) ?? "";
  say({ type: "metrics", ask, text });
}

function stop(): void {
  // One that has not started carries nothing, and may wait long for a policy.
  if (router === undefined) process.exit(0);
  void router.drain().then(() => process.exit(0));
}

process.on("message", (message: ToWorker) => {
  if (message.type === "start") void start(message);
  else if (message.type === "metrics") void answer(message.ask);
  else stop();
});
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
process.once("disconnect", stop);
