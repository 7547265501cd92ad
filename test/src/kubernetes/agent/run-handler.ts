// One probe or hook of a container: a program, a request, a connection, or waiting.
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerProcess } from "./container-process.ts";
import type { Container, Handler, HttpGet } from "./objects.ts";

export interface HandlerTarget {
  readonly container: Container;
  readonly process: ContainerProcess;
  /** Of the pod. */
  readonly address: string;
}

/** Nothing if it went well, else why not. Never rejects, and never takes longer than `timeoutMs`. */
export async function runHandler(
  handler: Handler,
  target: HandlerTarget,
  timeoutMs: number,
): Promise<string | undefined> {
  if (handler.exec !== undefined) {
    const command = handler.exec.command ?? [];
    const { code, output } = await target.process.exec(command, timeoutMs);
    return code === 0 ? undefined : `${command.join(" ")} ended with ${code ?? "a signal"}: ${output.slice(-500)}`;
  }
  if (handler.httpGet !== undefined) return await httpGet(handler.httpGet, target, timeoutMs);
  if (handler.tcpSocket !== undefined)
    return await open(portOf(handler.tcpSocket.port, target), target.address, timeoutMs);
  if (handler.sleep !== undefined) await sleep(Math.min(handler.sleep.seconds * 1000, timeoutMs));
  return undefined;
}

function portOf(port: number | string, { container }: HandlerTarget): number {
  if (typeof port === "number") return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
}

async function httpGet(get: HttpGet, target: HandlerTarget, timeoutMs: number): Promise<string | undefined> {
  const { path = "/", scheme = "HTTP", httpHeaders = [] } = get;
  const port = portOf(get.port, target);
  const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]));
  const options = { host: target.address, port, path, headers, signal: AbortSignal.timeout(timeoutMs), agent: false };
  // The kubelet checks no certificate either: a probe asks whether somebody is there.
  const send = scheme === "HTTPS" ? requestHttps : requestHttp;
  return await new Promise((resolve) => {
    const sent = send({ ...options, ...(scheme === "HTTPS" ? { rejectUnauthorized: false } : {}) }, (response) => {
      const { statusCode = 0 } = response;
      response.destroy();
      resolve(statusCode >= 200 && statusCode < 400 ? undefined : `GET :${port}${path}: ${statusCode}`);
    });
    sent.once("error", (error) => resolve(`GET :${port}${path}: ${error.message}`));
    sent.end();
  });
}

async function open(port: number, host: string, timeoutMs: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (reason: string | undefined): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.once("connect", () => end(undefined));
    socket.once("timeout", () => end(`:${port}: no connection within ${timeoutMs} ms`));
    socket.once("error", (error) => end(`:${port}: ${error.message}`));
  });
}
