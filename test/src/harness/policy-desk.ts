// What an operator does with policy: reads files, checks them, writes them signed. Through the same store as the CLI.
import type { Keys } from "@malla/broker-config";
import { issueCredentials, policyPublicKey, policySigningKey } from "@malla/broker-config";
import { connectNats, type KeyValue, type NatsBroker, openKeyValue } from "@malla/sdk/broker";
import type { MeshDocument } from "@malla/sdk/contract";
import {
  PatientKeyValue,
  POLICY_BUCKET,
  type PolicyChange,
  type PolicyHead,
  type PolicySnapshot,
  PolicyStore,
  type StoredDocument,
} from "@malla/sdk/discovery";
import { compile } from "@malla/sdk/engine";
import { canonicalBytes, contentHash, formatProblem, parseDocuments } from "@malla/sdk/resources";
import { patiently } from "./patiently.ts";

export class PolicyDesk {
  readonly store: PolicyStore;
  readonly bucket: KeyValue;
  readonly seed: Uint8Array;
  readonly #broker: NatsBroker;
  readonly #author: string;

  private constructor(broker: NatsBroker, bucket: KeyValue, keys: Keys, author: string) {
    this.#broker = broker;
    this.bucket = bucket;
    this.#author = author;
    this.store = new PolicyStore(new PatientKeyValue(bucket), policyPublicKey(keys));
    this.seed = new TextEncoder().encode(policySigningKey(keys).reveal());
  }

  /** An operator's connection to account CTRL. */
  static async open(server: string | readonly string[], keys: Keys, author = "operator"): Promise<PolicyDesk> {
    const options = {
      servers: server,
      credentials: await issueCredentials(keys, { name: "operator", role: "operator", account: "CTRL" }),
      name: `policy desk of ${author}`,
      inboxPrefix: "_INBOX.operator",
    };
    const broker = await patiently(async () => await connectNats(options));
    return new PolicyDesk(broker, await openKeyValue(broker, POLICY_BUCKET), keys, author);
  }

  /** What holds now, as the base of a change. */
  async read(): Promise<PolicySnapshot> {
    return await this.store.read();
  }

  /** Adds and replaces documents. Rejects with every problem in the file, or in what would hold then; nothing is written. */
  async apply(yaml: string, base?: PolicySnapshot): Promise<PolicyHead> {
    const put = readDocuments(yaml);
    const current = base ?? (await this.read());
    const names = new Set(put.map(({ document }) => nameOf(document)));
    const kept = current.documents.map(({ document }) => document).filter((document) => !names.has(nameOf(document)));
    refuseProblems([...kept, ...put.map(({ document }) => document)]);
    return await this.write(current, { put, remove: [], action: "apply" });
  }

  /** Takes documents away, by `Kind/name`. */
  async remove(...names: readonly string[]): Promise<PolicyHead> {
    return await this.write(await this.read(), { put: [], remove: names, action: "delete" });
  }

  async write(base: PolicySnapshot, change: PolicyChange): Promise<PolicyHead> {
    return await this.store.write(base, change, this.#author, this.seed);
  }

  async close(): Promise<void> {
    await this.#broker.close();
  }
}

/** The documents of a file as they are stored. Throws one Error with a line for each problem. */
export function readDocuments(yaml: string, file = "policy.yaml"): readonly StoredDocument[] {
  const { documents, problems } = parseDocuments(yaml, { file });
  if (problems.length > 0) throw new Error(problems.map((problem) => formatProblem(problem)).join("\n"));
  return documents.map((document) => ({ document, bytes: canonicalBytes(document), hash: contentHash(document) }));
}

function nameOf(document: MeshDocument): string {
  return `${document.kind}/${document.metadata.name}`;
}

function refuseProblems(documents: readonly MeshDocument[]): void {
  const errors = compile(documents, 1).problems.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  throw new Error(errors.map(({ document, path, message }) => `${document}: ${path}: ${message}`).join("\n"));
}
