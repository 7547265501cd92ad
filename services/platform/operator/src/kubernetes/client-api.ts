// The port over @kubernetes/client-node: its configuration, credentials and transport; paths, bounds and errors are ours, since
// every request needs an end of its own and an error that says what was asked.
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import {
  HttpMethod,
  IsomorphicFetchHttpLibrary,
  KubeConfig,
  PatchStrategy,
  RequestContext,
  type ResponseContext,
} from "@kubernetes/client-node";
import { FIELD_MANAGER } from "../names.ts";
import {
  isNotFound,
  type KubernetesApi,
  KubernetesError,
  type KubernetesObject,
  type ObjectKey,
  type ObjectList,
  type ResourceKind,
  type WatchEvent,
} from "./api.ts";

/** A request that is not answered by then has failed, in ms. */
const REQUEST_MS = 10_000;
/** The server ends a watch after this, with a bookmark of how far it came, in seconds. */
const WATCH_SECONDS = 25;
/** A watch that the server has not ended by then is a dead connection, in ms. */
const WATCH_MS = 35_000;
/** Objects of a list that come at a time. */
const PAGE = 500;
const JSON_TYPE = "application/json";

interface Request {
  /** For messages: `patch status`. */
  readonly verb: string;
  readonly method: HttpMethod;
  readonly kind: ResourceKind;
  readonly namespace: string | undefined;
  readonly name?: string;
  readonly subresource?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly type?: string;
  readonly signal?: AbortSignal;
}

interface Listed<T extends KubernetesObject> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}

/** `metav1.Status`, the body of every refusal. */
interface Refusal {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

/** Inside a cluster the pod's ServiceAccount, else what KUBECONFIG or ~/.kube/config say. Throws if there is neither. */
export function connectKubernetes(): ClientApi {
  const config = new KubeConfig();
  config.loadFromDefault();
  if (config.getCurrentCluster() === null)
    throw new Error("there is no cluster to talk to: set KUBECONFIG, or run inside one with a ServiceAccount");
  return new ClientApi(config);
}

export class ClientApi implements KubernetesApi {
  readonly #config: KubeConfig;
  readonly #http = new IsomorphicFetchHttpLibrary();

  constructor(config: KubeConfig) {
    this.#config = config;
  }

  async list<T extends KubernetesObject>(kind: ResourceKind, namespace: string | undefined): Promise<ObjectList<T>> {
    const { apiVersion, kind: name, part = whole } = kind;
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const query = { limit: String(PAGE), ...(next === undefined ? {} : { continue: next }) };
      const page: Listed<T> = await this.#json({ verb: "list", method: HttpMethod.GET, kind, namespace, query });
      // Items of a list do not say what they are.
      for (const item of page.items) items.push(part({ ...item, apiVersion, kind: name }));
      next = page.metadata.continue;
      if (next === undefined || next === "") return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  async watch<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    resourceVersion: string,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const request: Request = {
      verb: "watch",
      method: HttpMethod.GET,
      kind,
      namespace,
      query: {
        watch: "true",
        resourceVersion,
        allowWatchBookmarks: "true",
        timeoutSeconds: String(WATCH_SECONDS),
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(WATCH_MS)]),
    };
    const { part = whole } = kind;
    try {
      const response = await this.#send(request);
      const body = response.body.stream();
      if (body === null) throw new KubernetesError(`${describe(request)}: the answer has no body`, 0, "NoBody");
      for await (const line of createInterface({ input: Readable.fromWeb(body as never), crlfDelay: Infinity })) {
        if (signal.aborted) return;
        const { type, object } = JSON.parse(line) as { type: string; object: unknown };
        if (type === "ERROR") throw refused(request, object as Refusal, 0);
        onEvent({ type, object: part(object as T) } as WatchEvent<T>);
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof KubernetesError ? error : unreachable(request, error);
    }
  }

  async get<T extends KubernetesObject>(kind: ResourceKind, { namespace, name }: ObjectKey): Promise<T | undefined> {
    try {
      return await this.#json<T>({ verb: "get", method: HttpMethod.GET, kind, namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async create<T extends KubernetesObject>(kind: ResourceKind, object: T): Promise<T> {
    const { namespace } = object.metadata;
    const query = { fieldManager: FIELD_MANAGER };
    return await this.#json<T>({ verb: "create", method: HttpMethod.POST, kind, namespace, query, body: object });
  }

  async replace<T extends KubernetesObject>(kind: ResourceKind, object: T): Promise<T> {
    return await this.#put(kind, object, object, "update");
  }

  async apply<T extends KubernetesObject>(kind: ResourceKind, object: T): Promise<T> {
    const query = { fieldManager: FIELD_MANAGER, force: "true" };
    return await this.#patch(kind, object, object, PatchStrategy.ServerSideApply, query);
  }

  async replaceStatus<T extends KubernetesObject>(kind: ResourceKind, object: T, status: unknown): Promise<T> {
    return await this.#put(kind, object, { ...object, status }, "update status of", "status");
  }

  async setFinalizers<T extends KubernetesObject>(
    kind: ResourceKind,
    object: T,
    finalizers: readonly string[],
  ): Promise<T> {
    const { resourceVersion } = object.metadata;
    const body = { metadata: { resourceVersion, finalizers } };
    return await this.#patch(kind, object, body, PatchStrategy.MergePatch, { fieldManager: FIELD_MANAGER });
  }

  async delete(kind: ResourceKind, { namespace, name }: ObjectKey, uid?: string): Promise<void> {
    const body = uid === undefined ? {} : { preconditions: { uid } };
    try {
      await this.#json({ verb: "delete", method: HttpMethod.DELETE, kind, namespace, name, body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #put<T extends KubernetesObject>(
    kind: ResourceKind,
    { metadata: { name, namespace } }: T,
    body: unknown,
    verb: string,
    subresource?: string,
  ): Promise<T> {
    const below = subresource === undefined ? {} : { subresource };
    const query = { fieldManager: FIELD_MANAGER };
    return await this.#json<T>({ verb, method: HttpMethod.PUT, kind, namespace, name, ...below, query, body });
  }

  async #patch<T extends KubernetesObject>(
    kind: ResourceKind,
    { metadata: { name, namespace } }: T,
    body: unknown,
    type: string,
    query: Readonly<Record<string, string>>,
  ): Promise<T> {
    return await this.#json<T>({ verb: "patch", method: HttpMethod.PATCH, kind, namespace, name, body, type, query });
  }

  async #json<T>(request: Request): Promise<T> {
    const response = await this.#send(request);
    try {
      return JSON.parse(await response.body.text()) as T;
    } catch (error) {
      throw unreachable(request, error);
    }
  }

  /** Resolves to an answer of success only. */
  async #send(request: Request): Promise<ResponseContext> {
    let response: ResponseContext;
    let text = "";
    try {
      const context = new RequestContext(`${this.#server()}${pathOf(request)}`, request.method);
      context.setHeaderParam("Accept", JSON_TYPE);
      if (request.body !== undefined) {
        context.setHeaderParam("Content-Type", request.type ?? JSON_TYPE);
        context.setBody(JSON.stringify(request.body));
      }
      context.setSignal(request.signal ?? AbortSignal.timeout(REQUEST_MS));
      await this.#config.applySecurityAuthentication(context);
      response = await this.#http.send(context).toPromise();
      if (response.httpStatusCode < 300) return response;
      text = await response.body.text();
    } catch (error) {
      throw unreachable(request, error);
    }
    throw refused(request, parseRefusal(text), response.httpStatusCode);
  }

  #server(): string {
    return (this.#config.getCurrentCluster()?.server ?? "").replace(/\/$/, "");
  }
}

function whole<T extends KubernetesObject>(object: T): T {
  return object;
}

function pathOf({ kind: { apiVersion, plural }, namespace, name, subresource, query = {} }: Request): string {
  const root = apiVersion.includes("/") ? "apis" : "api";
  const parts = [
    root,
    apiVersion,
    ...(namespace === undefined ? [] : ["namespaces", encodeURIComponent(namespace)]),
    plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  const asked = new URLSearchParams(query).toString();
  return `/${parts.join("/")}${asked === "" ? "" : `?${asked}`}`;
}

/** `update status of routes.malla.dev mesh/catalog`. */
function describe({ verb, kind: { apiVersion, plural }, namespace, name }: Request): string {
  const group = apiVersion.includes("/") ? `.${apiVersion.split("/")[0]}` : "";
  const place = [namespace, name].filter((part) => part !== undefined).join("/");
  return `${verb} ${plural}${group}${place === "" ? "" : ` ${place}`}`;
}

function parseRefusal(text: string): Refusal {
  try {
    return JSON.parse(text) as Refusal;
  } catch {
    // A proxy before the API server speaks as it likes.
    return { message: text.slice(0, 200) };
  }
}

function refused(
  request: Request,
  { code, reason = "Unknown", message = "" }: Refusal,
  status: number,
): KubernetesError {
  return new KubernetesError(`${describe(request)}: ${reason}: ${message}`, code ?? status, reason);
}

function unreachable(request: Request, error: unknown): KubernetesError {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  const why = [message, cause?.message].filter((part) => part !== undefined && part !== "").join(": ");
  return new KubernetesError(`${describe(request)}: the API server did not answer: ${why}`, 0, "Unreachable", error);
}
