// An instance in a process of its own that can be made to do nothing else: it serves `block`, which keeps the event loop for so
// long as it is told.
import { connect } from "@malla/sdk";
import { patiently } from "../harness/patiently.ts";

const mesh = await patiently(async () => await connect());

await mesh.serve({
  block: ({ ms }: { readonly ms: number }) => {
    const until = performance.now() + ms;
    while (performance.now() < until);
    return {};
  },
});
process.stdout.write(`${JSON.stringify({ instance: mesh.instance })}\n`);
// Whoever started this is gone when his end of the pipe is.
process.stdin.on("end", () => process.exit(1)).resume();
