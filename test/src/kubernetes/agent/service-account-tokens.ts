// Tokens of a pod's ServiceAccount, asked of the API server and kept until most of their time is over.
import type { ApiClient } from "./api-client.ts";
import type { Pod, TokenProjection } from "./objects.ts";

const DEFAULT_SECONDS = 3600;
/** The kubelet asks for another one when so much of its time is over. */
const RENEWED_AT = 0.8;

interface TokenRequest {
  readonly status: { readonly token: string };
}

export class ServiceAccountTokens {
  readonly #client: ApiClient;
  readonly #pod: Pod;
  readonly #now: () => number;
  readonly #kept = new Map<string, { readonly token: string; readonly renewAtMs: number }>();

  constructor(client: ApiClient, pod: Pod, now: () => number = Date.now) {
    this.#client = client;
    this.#pod = pod;
    this.#now = now;
  }

  async get({ audience, expirationSeconds = DEFAULT_SECONDS }: TokenProjection): Promise<string> {
    const key = `${audience ?? ""} ${expirationSeconds}`;
    const kept = this.#kept.get(key);
    const nowMs = this.#now();
    if (kept !== undefined && nowMs < kept.renewAtMs) return kept.token;
    const { metadata, spec } = this.#pod;
    const account = spec.serviceAccountName ?? "default";
    const { status } = await this.#client.create<TokenRequest>(
      `/api/v1/namespaces/${metadata.namespace}/serviceaccounts/${account}/token`,
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: {
          expirationSeconds,
          ...(audience === undefined ? {} : { audiences: [audience] }),
          boundObjectRef: { apiVersion: "v1", kind: "Pod", name: metadata.name, uid: metadata.uid },
        },
      },
    );
    this.#kept.set(key, { token: status.token, renewAtMs: nowMs + expirationSeconds * 1000 * RENEWED_AT });
    return status.token;
  }
}
