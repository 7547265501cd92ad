// gRPC by grpc-js, with bytes as messages: no codec's time is counted.
import { credentials, Client as GrpcClient, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { bytesBody, type Client, type Connection, type Handler } from "../src/transport.ts";

const PATH = "/bench.Bench/Echo";
const MAX_BYTES = 64 * 2 ** 20;
const LIMITS = { "grpc.max_receive_message_length": MAX_BYTES, "grpc.max_send_message_length": MAX_BYTES };

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asBytes(buffer: Buffer): Uint8Array {
  return buffer;
}

export async function connect({ host, port }: Connection): Promise<Client<Uint8Array>> {
  const client = new GrpcClient(`${host}:${port}`, credentials.createInsecure(), LIMITS);
  return {
    body: bytesBody,
    call: (body, done) =>
      void client.makeUnaryRequest<Uint8Array, Uint8Array>(PATH, asBuffer, asBytes, body, (error, reply) =>
        error === null ? done(undefined, reply) : done(error),
      ),
  };
}

export async function serve(_connection: Connection, handler: Handler<Uint8Array>): Promise<Connection> {
  const server = new Server(LIMITS);
  const service: ServiceDefinition = {
    Echo: {
      path: PATH,
      requestStream: false,
      responseStream: false,
      requestSerialize: asBuffer,
      requestDeserialize: asBytes,
      responseSerialize: asBuffer,
      responseDeserialize: asBytes,
    },
  };
  server.addService(service, {
    Echo: ({ request }: { request: Uint8Array }, answer: (error: null, reply: Uint8Array) => void) => {
      const reply = handler(request);
      if (reply instanceof Promise) void reply.then((bytes) => answer(null, bytes));
      else answer(null, reply);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port: String(port) };
}
