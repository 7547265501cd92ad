// `malla call`: one call, as anybody credentials were issued for.
import { connect, MeshError } from "@malla/sdk";
import type { Command } from "commander";
import { parseDuration } from "../duration.ts";
import { Failure, misuse } from "../failure.ts";
import { requireHome } from "../home.ts";
import { checkNamespace, credentialsPath, type MeshFlags, natsUrl } from "../mesh/session.ts";
import { plainJson, plainLines, plainText } from "../print/plain-text.ts";
import { readStdin } from "../read-stdin.ts";
import { collect, example, meshFlags } from "./verb.ts";

interface CallFlags extends MeshFlags {
  readonly as: string;
  readonly header: readonly string[];
  readonly timeout?: string;
  readonly key?: string;
  readonly idempotencyKey?: string;
  readonly raw?: boolean;
  readonly output?: string;
}

export function addCall(program: Command): void {
  const command = program
    .command("call")
    .description("call a method and print its reply; a failed call prints status and reason and exits with 1")
    .argument("<service>")
    .argument("<method>")
    .argument("[json]", "the request; - reads standard input", "{}")
    .option("--as <principal>", "whose credentials to use", "guest")
    .option(
      "-H, --header <name=value>",
      "a header for the handler; may be given several times",
      collect,
      [] as string[],
    )
    .option("--timeout <time>", "as 2s or 500ms (default: 10s)")
    .option("--key <key>", "affinity key")
    .option("--idempotency-key <key>", "run once for this key")
    .option("--raw", "send the request as bytes, as it is, instead of JSON")
    .option("-o, --output <format>", "json: the reply or the error as one line of JSON");
  example(
    meshFlags(command),
    "malla call catalog list '{}'\nmalla call payments Get '{\"id\":\"p1\"}' --as orders\nmalla call images resize --raw - < photo.jpg",
  );
  command.action(async (service: string, method: string, json: string, flags: CallFlags) => {
    checkNamespace(flags);
    if (flags.output !== undefined && flags.output !== "json") throw misuse(`-o ${flags.output}: json is expected`);
    const request = await readRequest(json, flags.raw === true);
    const options = {
      headers: parseHeaders(flags.header),
      ...(flags.timeout === undefined ? {} : { timeoutMs: parseDuration("--timeout", flags.timeout) }),
      ...(flags.key === undefined ? {} : { key: flags.key }),
      ...(flags.idempotencyKey === undefined ? {} : { idempotencyKey: flags.idempotencyKey }),
    };
    const home = requireHome();
    const mesh = await connect({
      credentials: credentialsPath(home, flags.as),
      service: flags.as,
      servers: natsUrl(flags, home),
      drainOn: [],
    });
    try {
      printReply(await mesh.call(service, method, request, options), flags.output === "json");
    } catch (error) {
      if (!(error instanceof MeshError)) throw error instanceof TypeError ? misuse(error.message) : error;
      if (flags.output !== "json") throw new Failure(describeMeshError(error));
      process.stdout.write(`${plainJson(JSON.stringify({ error }))}\n`);
      process.exitCode = 1;
    } finally {
      await mesh.close();
    }
  });
}

async function readRequest(given: string, raw: boolean): Promise<unknown> {
  const bytes = given === "-" ? await readStdin() : undefined;
  if (raw) return bytes ?? new TextEncoder().encode(given);
  return parseRequest(bytes === undefined ? given : new TextDecoder().decode(bytes));
}

/** Misuse for what is no JSON. */
export function parseRequest(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw misuse(`the request is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseHeaders(pairs: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) throw misuse(`-H ${pair}: name=value is expected`);
    headers[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return headers;
}

function printReply(reply: unknown, oneLine: boolean): void {
  if (reply instanceof Uint8Array) process.stdout.write(printableBytes(reply, process.stdout.isTTY));
  else process.stdout.write(`${plainJson(JSON.stringify(reply ?? null, null, oneLine ? undefined : 2))}\n`);
}

/** Bytes go as they are where they are kept, and as plain text where a terminal would obey them. */
export function printableBytes(bytes: Uint8Array, isTerminal: boolean): Uint8Array | string {
  return isTerminal ? `${plainLines(Buffer.from(bytes).toString("utf8"))}\n` : bytes;
}

/** For people: what the mesh says of a failed call, in two lines. */
export function describeMeshError({ status, reason, message, origin, attempts }: MeshError): string {
  return `${status} (${reason}): ${plainText(message)}\n  origin ${origin}, ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
}
