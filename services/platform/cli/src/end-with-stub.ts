// On a Node that is too old, `bin/malla.js` starts this program on another one and waits for it. The channel between the two
// closes when the stub is gone, however it ended; this program then ends as by SIGTERM, and with it what it has started.

/** Does nothing for a program that was started directly. */
export function endWithStub(): void {
  if (process.channel === undefined || process.channel === null) return;
  process.channel.unref();
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
}
