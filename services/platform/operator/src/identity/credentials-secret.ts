// The Secret with the credentials of a service: whether it is ours, what is in it, and how it is written.
import {
  APPLICATION_KEY,
  CA_KEY,
  CREDENTIALS_KEY,
  credentialsSecretName,
  FIELD_MANAGER,
  SERVICE_ANNOTATION,
  URL_KEY,
} from "../names.ts";
import type { ClaimingObject } from "./claims.ts";
import type { WantedIdentity } from "./wanted-identities.ts";

const MANAGED_BY = "app.kubernetes.io/managed-by";
/** Label of a Secret of the operator's: the service it is for. */
const SERVICE_LABEL = SERVICE_ANNOTATION;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface CredentialsSecret {
  readonly apiVersion: "v1";
  readonly kind: "Secret";
  readonly type?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly OwnerReference[];
  };
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** What a Secret holds, as text; a key that is missing or no text is undefined. */
export interface SecretTexts {
  readonly credentials: string | undefined;
  readonly application: string | undefined;
  readonly url: string | undefined;
  readonly ca: string | undefined;
}

/** Whether the operator has made a Secret for this service. Somebody else's is never touched. */
export function isOurs({ metadata: { labels } }: CredentialsSecret, service: string): boolean {
  return labels?.[MANAGED_BY] === FIELD_MANAGER && labels[SERVICE_LABEL] === service;
}

export function textsOf({ data = {} }: CredentialsSecret): SecretTexts {
  const text = (key: string): string | undefined => {
    const value = data[key];
    return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8");
  };
  return {
    credentials: text(CREDENTIALS_KEY),
    application: text(APPLICATION_KEY),
    url: text(URL_KEY),
    ca: text(CA_KEY),
  };
}

/** Labels and annotations that others have put there stay. */
export function secretOf(
  { namespace, service, owners }: WantedIdentity,
  { credentials, application, url, ca }: SecretTexts,
  before: CredentialsSecret | undefined,
): CredentialsSecret {
  const { name: _name, namespace: _namespace, labels, ownerReferences: _owners, ...kept } = before?.metadata ?? NOTHING;
  const data: [string, string | undefined][] = [
    [APPLICATION_KEY, application],
    [CA_KEY, ca],
    [CREDENTIALS_KEY, credentials],
    [URL_KEY, url],
  ];
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: before?.type ?? "Opaque",
    metadata: {
      ...kept,
      name: credentialsSecretName(service),
      namespace,
      labels: { ...labels, [MANAGED_BY]: FIELD_MANAGER, [SERVICE_LABEL]: service },
      ownerReferences: referencesTo(owners),
    },
    data: Object.fromEntries(
      data.flatMap(([key, text]) => (text === undefined ? [] : [[key, Buffer.from(text).toString("base64")]])),
    ),
  };
}

const NOTHING: Partial<CredentialsSecret["metadata"]> = {};

/** In one order, so that a pass without news writes nothing. When the last owner goes, Kubernetes takes the Secret away. */
export function referencesTo(owners: readonly ClaimingObject[]): readonly OwnerReference[] {
  const references = owners.flatMap(({ apiVersion, kind, metadata: { name, uid } }) =>
    uid === undefined ? [] : [{ apiVersion, kind, name, uid }],
  );
  return references.sort((a, b) => (a.uid < b.uid ? -1 : 1));
}
