// The rules for names that become subject tokens. Every name that reaches a subject passes here first.

/** A DNS label: what services, principals, routers and instances are called. At most 63 characters. */
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const METHOD = /^[A-Za-z][A-Za-z0-9_]{0,127}$/;
/** What a random id may look like: unguessable ids are base64url, with `-` between parts. */
const ID_TOKEN = /^[A-Za-z0-9_-]{1,128}$/;

/** What a credential may be used for; `broker-config` holds the grants of each. */
export const ROLES = [
  "service",
  "direct",
  "micro",
  "guest",
  "gateway",
  "router",
  "observer",
  "operator",
  "scaler",
  "runner",
  "identity",
  "leaf",
] as const;
export type Role = (typeof ROLES)[number];

/** Names no service may carry: the mesh itself, the roles, and tokens that stand for something else in a subject. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(["mesh", "srv", "application", ...ROLES]);

/** Routers name themselves with this prefix, so that no service can be issued credentials in a router's name. */
export const ROUTER_ID_PREFIX = "router-";

export function isServiceName(name: string): boolean {
  return DNS_LABEL.test(name);
}

/**
 * Whether credentials of a role may be issued in this name. A role's own name is free for that role alone (`guest` for a
 * guest), routers start with `router-` and nobody else does, everything else is any DNS label that is not reserved.
 */
export function isIssuableName(name: string, role: Role): boolean {
  if (!DNS_LABEL.test(name)) return false;
  if (role === "router") return name.startsWith(ROUTER_ID_PREFIX);
  if (name.startsWith(ROUTER_ID_PREFIX)) return false;
  return name === role ? role !== "service" && role !== "direct" && role !== "micro" : !RESERVED_NAMES.has(name);
}

export function isMethodName(name: string): boolean {
  return METHOD.test(name);
}

export function isInstanceId(id: string): boolean {
  return DNS_LABEL.test(id);
}

export function isIdToken(id: string): boolean {
  return ID_TOKEN.test(id);
}
