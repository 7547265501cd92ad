// What the operator asks of Kubernetes' API: a narrow port, so that everything behind it has tests without a server.

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** Counts the changes of `spec`. */
  readonly generation?: number;
  /** ISO instant. */
  readonly creationTimestamp?: string;
  /** Set: it is being deleted, and goes when its finalizers have gone. */
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Any object of Kubernetes; what else it has, its kind says. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** `metav1.Condition`. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly observedGeneration?: number;
  /** ISO instant at which `status` changed. */
  readonly lastTransitionTime: string;
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
}

export interface SecretObject extends KubernetesObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly type?: string;
}

/** A kind as the API serves it. All kinds the operator knows live in namespaces. */
export interface ResourceKind {
  /** `v1`, `malla.dev/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** As in its path. */
  readonly plural: string;
  /** What lists and watches give of an object; undefined: all of it. */
  readonly part?: <T extends KubernetesObject>(object: T) => T;
}

/** Where one object stands. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

export interface ObjectList<T extends KubernetesObject> {
  readonly items: readonly T[];
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
}

export interface WatchEvent<T extends KubernetesObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: T;
}

/**
 * A namespace is always named, except where `undefined` means all of them. Everything rejects with a KubernetesError that says
 * verb, resource, name and the API's reason.
 */
export interface KubernetesApi {
  list<T extends KubernetesObject>(kind: ResourceKind, namespace: string | undefined): Promise<ObjectList<T>>;
  /**
   * Calls `onEvent` for each change since `resourceVersion`, in order, until the server ends the watch (it does, after half a
   * minute) or `signal` does; resolves then. Rejects with status 410 when `resourceVersion` is too old: list again.
   */
  watch<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    resourceVersion: string,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Undefined: there is none. */
  get<T extends KubernetesObject>(kind: ResourceKind, key: ObjectKey): Promise<T | undefined>;
  create<T extends KubernetesObject>(kind: ResourceKind, object: T): Promise<T>;
  /** Rejects with status 409 if the object is not at `metadata.resourceVersion` any more. */
  replace<T extends KubernetesObject>(kind: ResourceKind, object: T): Promise<T>;
  /** Server-side apply of the fields given, as `FIELD_MANAGER`, by force: the operator owns what it applies. */
  apply<T extends KubernetesObject>(kind: ResourceKind, object: T): Promise<T>;
  /** Replaces the status. Rejects with status 409 if the object is not at `metadata.resourceVersion` any more. */
  replaceStatus<T extends KubernetesObject>(kind: ResourceKind, object: T, status: unknown): Promise<T>;
  /** Sets the finalizers. Rejects with status 409 if the object is not at `metadata.resourceVersion` any more. */
  setFinalizers<T extends KubernetesObject>(kind: ResourceKind, object: T, finalizers: readonly string[]): Promise<T>;
  /** Deletes it if it still has this uid, where one is given; fine if it is gone already. */
  delete(kind: ResourceKind, key: ObjectKey, uid?: string): Promise<void>;
}

/** The API's refusal, or that it could not be reached (`status` 0). */
export class KubernetesError extends Error {
  /** HTTP status. */
  readonly status: number;
  /** The API's word for it: `Conflict`, `Forbidden`, … */
  readonly reason: string;

  constructor(message: string, status: number, reason: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "KubernetesError";
    this.status = status;
    this.reason = reason;
  }
}

/** Somebody changed the object meanwhile; the next pass sees it as it is. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 409;
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 404;
}
