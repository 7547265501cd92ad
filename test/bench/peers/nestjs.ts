// NestJS's microservice over NATS, with what it does by itself; without its log. Its decorators are called as the functions they are.
import "reflect-metadata";
import { Controller, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ClientProxyFactory, MessagePattern, type NatsOptions, Transport } from "@nestjs/microservices";
import { type Client, type Connection, type Handler, textBody } from "../src/transport.ts";

interface Message {
  readonly text: string;
}

function natsOptions({ servers, tls }: Connection): NatsOptions {
  const options = { servers: [servers as string], noAsyncTraces: true, ...(tls === "yes" ? { tls: {} } : {}) };
  return { transport: Transport.NATS, options };
}

export async function connect(connection: Connection): Promise<Client<string>> {
  const client = ClientProxyFactory.create(natsOptions(connection));
  await client.connect();
  const pattern = connection.subject as string;
  return {
    body: textBody,
    call: (body, done) => {
      client
        .send<Message, Message>(pattern, { text: body })
        .subscribe({ next: ({ text }) => done(undefined, text), error: done });
    },
  };
}

export async function serve(connection: Connection, handler: Handler<string>): Promise<Connection> {
  class Bench {
    echo({ text }: Message): Message | Promise<Message> {
      const reply = handler(text);
      return reply instanceof Promise ? reply.then((answer) => ({ text: answer })) : { text: reply };
    }
  }
  const method = Object.getOwnPropertyDescriptor(Bench.prototype, "echo") as TypedPropertyDescriptor<unknown>;
  MessagePattern(connection.serves as string)(Bench.prototype, "echo", method);
  Controller()(Bench);
  class App {}
  Module({ controllers: [Bench] })(App);
  const app = await NestFactory.createMicroservice(App, { ...natsOptions(connection), logger: false });
  await app.listen();
  return {};
}
