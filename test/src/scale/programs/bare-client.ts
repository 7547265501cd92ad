// A service as it would be without us: Node, the NATS client, one subscription.
import { readFile } from "node:fs/promises";
import { connect, credsAuthenticator } from "nats";

const creds = await readFile(process.env["NATS_CREDS"] ?? "");
const connection = await connect({
  servers: process.env["NATS_URL"] ?? "",
  authenticator: credsAuthenticator(creds),
  inboxPrefix: "_INBOX.bare",
});
connection.subscribe("mesh.run.bare.one.*.*", { callback: (_error, message) => void message.respond("{}") });
await connection.flush();
process.stdout.write(`${JSON.stringify({ pid: process.pid })}\n`);
process.stdin.on("end", () => process.exit(0)).resume();
