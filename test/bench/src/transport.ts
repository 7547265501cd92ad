// What a contender is to its caller and its callee: a module in `transports/` or `../peers/` that exports `connect` and `serve`.

/** What is sent and echoed: bytes, or text where a contender knows nothing else. */
export interface Body {
  readonly length: number;
}

export type Done<B extends Body> = (error: unknown, reply?: B) => void;

/** Addresses, files, names: what `start` of the contender hands to its processes, as JSON. */
export type Connection = Readonly<Record<string, string>>;

export interface Client<B extends Body> {
  /** A body of so many bytes on the wire, not counting what the contender puts around it. */
  body(bytes: number): B;
  /** Begins one call; `done` comes once, and never before this returns. */
  call(body: B, done: Done<B>): void;
}

export type Handler<B extends Body> = (body: B) => B | Promise<B>;

export interface Transport<B extends Body = Body> {
  connect(connection: Connection): Promise<Client<B>>;
  /** Resolves when calls are answered, to what callers must know besides: a port, for one that listens. */
  serve(connection: Connection, handler: Handler<B>): Promise<Connection>;
}

/** Bytes that are text too, so that every contender sends the same. */
export function bytesBody(bytes: number): Buffer {
  return Buffer.from(textBody(bytes), "latin1");
}

export function textBody(bytes: number): string {
  return "malla-bench-".repeat(Math.ceil(bytes / 12)).slice(0, bytes);
}

/** An error as it can be sent to another process. */
export function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
