// The shop seen from outside: one joined trace of a checkout at an OTLP receiver, and metrics that promtool accepts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { findPromtool, runTool, ToolMissing } from "../conformance/tools/index.ts";
import { CommandLine } from "./command-line.ts";

interface SeenSpan {
  readonly process: string;
  readonly name: string;
  readonly kind: "server" | "client" | "internal";
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
}

interface OtlpSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue?: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const KINDS = ["internal", "internal", "server", "client"] as const;
const spans: SeenSpan[] = [];

const receiver = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    for (const { resource, scopeSpans } of (JSON.parse(Buffer.concat(chunks).toString()) as OtlpBody).resourceSpans) {
      const name = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? "";
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
        const kind = KINDS[span.kind] ?? "internal";
        spans.push({ ...span, kind, process: name, parentSpanId: span.parentSpanId ?? "" });
      }
    }
    response.end("{}");
  });
});
await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
const line = new CommandLine({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, SHOP_SHOPPERS: "4" });
after(async () => {
  await line.close();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});

test("a checkout is one joined trace, and the metrics pass promtool", async (context) => {
  const shop = line.start(["start", "--for", "10s", "--json", "--port", "-1", "--metrics-port", "0"]);
  await shop.until("the shop is open", 120_000);
  await shop.until(/ 6 s .*calls\/s/, 60_000);
  const run = JSON.parse(readFileSync(join(line.folder, ".malla/run.json"), "utf8")) as {
    routers: { metricsPort: number }[];
  };
  const metrics = await (await fetch(`http://127.0.0.1:${run.routers[0]?.metricsPort}/metrics`)).text();
  assert.match(metrics, /^mesh_requests_total\{.*reporter="router".*\} \d+$/m);
  await shop.ended;

  const traces = new Map<string, SeenSpan[]>();
  for (const span of spans) traces.set(span.traceId, [...(traces.get(span.traceId) ?? []), span]);
  const whole = [...traces.values()].find(
    (trace) =>
      trace.some(({ name, process }) => name === "storefront/checkout" && process === "shoppers") &&
      trace.some(({ name, process }) => name === "shipping/label" && process === "shipping"),
  );
  assert.ok(whole !== undefined, `no checkout among ${traces.size} traces`);
  const byId = new Map(whole.map((span) => [span.spanId, span]));
  assert.deepEqual(
    whole.filter(({ parentSpanId }) => parentSpanId !== "" && !byId.has(parentSpanId)),
    [],
    "every span but the first has its parent in the trace",
  );
  // Upwards from where the parcel gets its label: instance, attempt, router, caller, hop by hop to the shopper.
  const label = whole.find(
    ({ name, process, kind }) => name === "shipping/label" && process === "shipping" && kind === "server",
  );
  const path: string[] = [];
  for (let span = label; span !== undefined; span = byId.get(span.parentSpanId))
    path.push(`${span.process} ${span.name} ${span.kind}`);
  assert.deepEqual(path, [
    "shipping shipping/label server",
    "malla-router shipping/label client",
    "malla-router shipping/label server",
    "orders shipping/label client",
    "orders orders/create server",
    "malla-router orders/create client",
    "malla-router orders/create server",
    "storefront orders/create client",
    "storefront storefront/checkout server",
    "malla-router storefront/checkout client",
    "malla-router storefront/checkout server",
    "shoppers storefront/checkout client",
  ]);

  await checkMetrics(context, metrics);
});

/** `promtool check metrics` has nothing to say of them; where there is no promtool it is said that this was left out. */
async function checkMetrics(context: TestContext, metrics: string): Promise<void> {
  let promtool: string;
  try {
    promtool = await findPromtool();
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    return context.diagnostic(`the check of the metrics was left out: ${error.message}`);
  }
  const { code, stdout, stderr } = await runTool(promtool, ["check", "metrics"], { input: metrics });
  assert.deepEqual({ code, said: stdout + stderr }, { code: 0, said: "" });
}
