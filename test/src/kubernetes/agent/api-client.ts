// The few requests a node agent makes of the API server, over one pool of connections.
import { Agent, type RequestOptions, request } from "node:https";
import { createInterface } from "node:readline";

const REQUEST_TIMEOUT_MS = 30_000;

export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ApiAccess {
  /** `https://host:port`. */
  readonly url: string;
  readonly token: string;
  /** PEM of who signed the server's certificate. */
  readonly ca: string;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: unknown;
}

export type PatchKind = "merge" | "strategic-merge";

export class ApiClient {
  readonly access: ApiAccess;
  readonly #agent: Agent;

  constructor(access: ApiAccess) {
    this.access = access;
    this.#agent = new Agent({ keepAlive: true, ca: access.ca });
  }

  async get<Result>(path: string): Promise<Result> {
    return await this.#send<Result>("GET", path);
  }

  async create<Result>(path: string, body: unknown): Promise<Result> {
    return await this.#send<Result>("POST", path, body);
  }

  async replace<Result>(path: string, body: unknown): Promise<Result> {
    return await this.#send<Result>("PUT", path, body);
  }

  async patch<Result>(path: string, body: unknown, kind: PatchKind = "strategic-merge"): Promise<Result> {
    return await this.#send<Result>("PATCH", path, body, `application/${kind}-patch+json`);
  }

  async delete(path: string, body?: unknown): Promise<void> {
    await this.#send("DELETE", path, body);
  }

  /** Tells every event until the server ends the watch or `signal` does; rejects if it could not begin. */
  async watch(path: string, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const sent = request(this.#options("GET", path, { signal }), (response) => {
        if (response.statusCode !== 200) {
          response.resume();
          reject(new ApiError(response.statusCode ?? 0, `GET ${path}: ${response.statusCode}`));
          return;
        }
        const lines = createInterface({ input: response });
        lines.on("line", (line) => onEvent(JSON.parse(line) as WatchEvent));
        lines.once("close", resolve);
        // A watch that was cut off is over: whoever follows begins another.
        lines.on("error", () => lines.close());
        response.on("error", () => lines.close());
      });
      sent.once("error", (error) => (signal.aborted ? resolve() : reject(error)));
      sent.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send<Result>(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<Result> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      text === undefined ? {} : { "content-type": contentType, "content-length": Buffer.byteLength(text) };
    return await new Promise((resolve, reject) => {
      const sent = request(this.#options(method, path, { headers, timeout: REQUEST_TIMEOUT_MS }), (response) => {
        let answer = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
        response.once("error", reject);
        response.once("end", () => {
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(JSON.parse(answer) as Result);
          else reject(new ApiError(status, `${method} ${path}: ${status} ${messageOf(answer)}`));
        });
      });
      sent.once("timeout", () => sent.destroy(new Error(`${method} ${path}: no answer in ${REQUEST_TIMEOUT_MS} ms`)));
      sent.once("error", reject);
      sent.end(text);
    });
  }

  #options(method: string, path: string, more: RequestOptions): RequestOptions {
    const { hostname, port } = new URL(this.access.url);
    return {
      method,
      host: hostname,
      port,
      path,
      agent: this.#agent,
      ...more,
      headers: { authorization: `Bearer ${this.access.token}`, accept: "application/json", ...more.headers },
    };
  }
}

function messageOf(answer: string): string {
  try {
    return (JSON.parse(answer) as { message?: string }).message ?? answer;
  } catch {
    return answer;
  }
}
