// Burns CPU and touches no mesh: what any busy neighbour costs on the same cores. A line is how many ms of CPU; it is answered
// with what was burnt. Its priority is that of whoever started it.
import { createInterface } from "node:readline";

/** No line burns more, in ms. */
const MAX_BURN_MS = 60_000;

function burn(ms: number): number {
  const before = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(before);
    const burntMs = (user + system) / 1_000;
    if (burntMs >= ms) return burntMs;
    for (let i = 0, x = 1; i < 20_000; i++) x = Math.imul(x, 31) ^ i;
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => process.stdout.write(`${burn(Math.min(Number(line), MAX_BURN_MS))}\n`))
  .on("close", () => process.exit(0));
process.stdout.write("ready\n");
