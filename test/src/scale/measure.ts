// What size costs: deciding, compiling, hearing who is there, memory. Prints a table, and JSON as the last line.
//   node --conditions=@malla/source test/src/scale/measure.ts [--quick]
// The processes are those of the build (`npm run build`). --quick: a hundred services instead of a thousand in them.
import { startMesh } from "../harness/index.ts";
import { measureAnnouncements } from "./announcements.ts";
import { measureCompiling } from "./compile.ts";
import { measureDecisions } from "./decision.ts";
import { measureFollowing } from "./follow.ts";
import { measureRouter, measureService } from "./processes.ts";
import { LARGE } from "./world.ts";

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const row = (what: string, ...values: readonly string[]): void =>
  print(`| ${[what.padEnd(66), ...values.map((value) => value.padStart(12))].join(" | ")} |`);

const decisions = measureDecisions();
print("\nOne decision: Route, access, destination, instance");
for (const { what, microsPerCall, ratio } of decisions)
  row(what, `${microsPerCall.toFixed(2)} us`, `${ratio.toFixed(2)} x`);

const compiling = measureCompiling();
print("\nCompiling: first time, least, longest piece (CPU)");
for (const { what, firstMs, leastMs, longestPieceMs } of compiling)
  row(what, ...[firstMs, leastMs, longestPieceMs].map((ms) => `${ms.toFixed(1)} ms`));

const followingMs = await measureFollowing();
row("longest turn of the loop from the signed head to the swap", `${followingMs.toFixed(1)} ms`);

const announcements = measureAnnouncements();
print("\nOne announcement, gate to registry");
for (const { what, micros } of announcements) row(what, `${micros.toFixed(2)} us`);

const mesh = await startMesh({ routers: 0 });
try {
  const service = await measureService(mesh);
  print("\nResident memory of processes");
  row("a service on the NATS client alone", `${service.bareMib.toFixed(1)} MiB`);
  row("the same with the SDK", `${service.meshMib.toFixed(1)} MiB`);
  const size = process.argv.includes("--quick") ? { ...LARGE, services: 100 } : LARGE;
  const router = await measureRouter(mesh, size);
  row("a router alone", `${router.aloneMib.toFixed(1)} MiB`);
  row(`a router with ${size.instances} instances of ${size.services} services`, `${router.knowingMib.toFixed(1)} MiB`);
  row("and 10,000 rules", `${router.rulingMib.toFixed(1)} MiB`);
  row("CPU of that router for one announcement, all of it", `${router.microsPerAnnouncement.toFixed(1)} us`);
  print("\nTen thousand rules come into force: before, around");
  const { reload } = router;
  row(
    "longest delay of the router's loop",
    `${reload.loopBeforeMs.toFixed(1)} ms`,
    `${reload.loopAroundMs.toFixed(1)} ms`,
  );
  row("longest call", `${reload.callBeforeMs.toFixed(1)} ms`, `${reload.callAroundMs.toFixed(1)} ms`);
  row("failed calls", "", String(reload.failed));
  print(`\n${JSON.stringify({ decisions, compiling, followingMs, announcements, service, router })}`);
} finally {
  await mesh.stop();
}
