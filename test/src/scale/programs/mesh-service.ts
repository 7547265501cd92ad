// The same service on the mesh.
import { connect } from "@malla/sdk";

const mesh = await connect({ service: process.env["MALLA_SERVICE"] ?? "", drainOn: [] });
await mesh.serve({ get: async () => "{}" });
process.stdout.write(`${JSON.stringify({ pid: process.pid })}\n`);
process.stdin.on("end", () => process.exit(0)).resume();
