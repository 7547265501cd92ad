// A receiver of spans by OTLP over HTTP as JSON: what any tracing backend takes in.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined for a root. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "other";
  /** `service.name` of whoever sent it. */
  readonly service: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly isError: boolean;
  readonly startedAtNs: bigint;
  readonly endedAtNs: bigint;
}

interface WireValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}
interface WireAttribute {
  readonly key: string;
  readonly value: WireValue;
}
interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes?: readonly WireAttribute[];
  readonly status?: { readonly code?: number };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}
interface WireRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

const KINDS = ["other", "internal", "server", "client"] as const;
const STATUS_ERROR = 2;

export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Everything that was sent, as it was. */
  readonly bodies: string[] = [];
  readonly endpoint: string;
  readonly #close: () => Promise<void>;

  private constructor(endpoint: string, close: () => Promise<void>) {
    this.endpoint = endpoint;
    this.#close = close;
  }

  static async start(): Promise<OtlpReceiver> {
    const server = createServer((request, response) => {
      void readBody(request).then((body) => {
        receiver.bodies.push(body);
        receiver.#take(JSON.parse(body) as WireRequest);
        response.writeHead(200, { "content-type": "application/json", connection: "close" }).end("{}");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const close = async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    const receiver = new OtlpReceiver(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, close);
    return receiver;
  }

  /** The spans of one trace so far. */
  trace(traceId: string): readonly ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  async stop(): Promise<void> {
    await this.#close();
  }

  #take(request: WireRequest): void {
    for (const { resource, scopeSpans } of request.resourceSpans) {
      const service = String(valuesOf(resource.attributes)["service.name"]);
      for (const { spans } of scopeSpans) this.spans.push(...spans.map((span) => readSpan(span, service)));
    }
  }
}

function readSpan(span: WireSpan, service: string): ReceivedSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId === "" ? undefined : span.parentSpanId,
    name: span.name,
    kind: KINDS[span.kind] ?? "other",
    service,
    attributes: valuesOf(span.attributes ?? []),
    isError: span.status?.code === STATUS_ERROR,
    startedAtNs: BigInt(span.startTimeUnixNano),
    endedAtNs: BigInt(span.endTimeUnixNano),
  };
}

function valuesOf(attributes: readonly WireAttribute[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue),
    ]),
  );
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
