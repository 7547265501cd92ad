// Malla by its SDK, as an application uses it; bytes in, bytes out.
import { connect as connectMesh, type Mesh } from "@malla/sdk";
import { bytesBody, type Client, type Connection, type Handler } from "../transport.ts";

const joined = new Map<string, Promise<Mesh>>();

/** One connection a principal, for what it serves and what it calls. */
async function joinOnce(connection: Connection): Promise<Mesh> {
  const { service = "" } = connection;
  const mesh = joined.get(service) ?? join(connection);
  joined.set(service, mesh);
  return await mesh;
}

async function join({ servers, credentials, service }: Connection): Promise<Mesh> {
  const options = { servers: servers as string, credentials: credentials as string, service: service as string };
  return await connectMesh({ ...options, maxInFlight: 10_000, drainOn: [] });
}

export async function connect(connection: Connection): Promise<Client<Uint8Array>> {
  const mesh = await joinOnce(connection);
  const target = connection.target as string;
  return {
    body: bytesBody,
    call: (body, done) => {
      mesh.call<Uint8Array>(target, "echo", body).then((reply) => done(undefined, reply), done);
    },
  };
}

export async function serve(connection: Connection, handler: Handler<Uint8Array>): Promise<Connection> {
  const mesh = await joinOnce(connection);
  await mesh.serve({ echo: handler });
  return {};
}
