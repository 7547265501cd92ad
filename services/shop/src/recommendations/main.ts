// A plain NATS micro service, without our SDK: what any client in any language can do. It listens where the mesh sends what
// is for a service without the SDK, and knows its caller by a header only the router can have written.
import { readFileSync } from "node:fs";
import { Svcm } from "@nats-io/services";
import { connect, credsAuthenticator } from "nats";
import { endWithParent } from "../serve.ts";
import { suggestFor } from "./suggest.ts";

const connection = await connect({
  servers: (process.env["NATS_URL"] ?? "nats://127.0.0.1:4222").split(","),
  authenticator: credsAuthenticator(readFileSync(process.env["NATS_CREDS"] ?? "")),
  name: "recommendations",
  inboxPrefix: "_INBOX.recommendations",
  maxReconnectAttempts: -1,
});
// The micro package is typed against an older core; the connection itself is the same.
const service = await new Svcm(connection as never).add({
  name: "recommendations",
  version: process.env["MALLA_VERSION"] ?? "1.0.0",
  description: "what goes well with a product",
});

service.addEndpoint("suggest", {
  subject: "mesh.serve.recommendations.suggest",
  handler: (error, message) => {
    if (error !== null) return;
    const { productId, count } = message.json<{ productId?: unknown; count?: unknown }>();
    const suggested =
      typeof productId === "string" ? suggestFor(productId, typeof count === "number" ? count : 3) : undefined;
    if (suggested === undefined) message.respondError(404, `there is no product ${String(productId)}`);
    else message.respond(JSON.stringify({ productIds: suggested }));
  },
});

endWithParent();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => void connection.drain().finally(() => process.kill(process.pid, signal)));
}
