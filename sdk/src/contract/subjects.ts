// Every subject of the mesh is built and parsed here and nowhere else. Tokens are checked where they come from
// outside; builders trust their callers, parsers trust nobody.
import { isIdToken, isInstanceId, isMethodName, isServiceName } from "./names.ts";

/** Queue group in which routers share `mesh.call`. */
export const ROUTER_QUEUE = "router";
/** Method token of a probe of an instance. */
export const PROBE_METHOD = "_probe";
/** The router itself as a service. */
export const MESH_SERVICE = "mesh";
export const POLICY_LIVE_SUBJECT = "mesh.policy.live";

export function callSubject(principal: string, service: string, method: string): string {
  return `mesh.call.${principal}.${service}.${method}`;
}
export function viaSubject(router: string, principal: string, service: string, method: string): string {
  return `mesh.via.${router}.${principal}.${service}.${method}`;
}
export function runSubject(service: string, instance: string, principal: string, method: string): string {
  return `mesh.run.${service}.${instance}.${principal}.${method}`;
}
export function serveSubject(service: string, method: string): string {
  return `mesh.serve.${service}.${method}`;
}
export function directSubject(service: string, instance: string, principal: string, method: string): string {
  return `mesh.direct.${service}.${instance}.${principal}.${method}`;
}
export function replySubject(router: string, service: string, id: string): string {
  return `mesh.reply.${router}.${service}.${id}`;
}
export function inboxSubject(principal: string, connection: string, id: string): string {
  return `_INBOX.${principal}.${connection}.${id}`;
}
/** Where one service answers a principal itself, past the routers: the broker proves who it is. */
export function serviceInboxSubject(principal: string, service: string, connection: string, id: string): string {
  return `_INBOX.${principal}.${service}.${connection}.${id}`;
}
export function framesSubject(service: string, instance: string, principal: string, stream: string): string {
  return `mesh.frames.${service}.${instance}.${principal}.${stream}`;
}
export function cancelSubject(router: string, principal: string, call: string): string {
  return `mesh.cancel.${router}.${principal}.${call}`;
}
export function instanceSubject(service: string, instance: string): string {
  return `mesh.instance.${service}.${instance}`;
}
export function routerSubject(router: string): string {
  return `mesh.router.${router}`;
}

/** What one party subscribes to: wildcards with exact arity. */
export const subscriptions = {
  calls: "mesh.call.*.*.*",
  via: (router: string): string => `mesh.via.${router}.*.*.*`,
  cancels: (router: string): string => `mesh.cancel.${router}.*.*`,
  replies: (router: string): string => `mesh.reply.${router}.*.*`,
  instances: "mesh.instance.*.*",
  instancesOf: (service: string): string => `mesh.instance.${service}.*`,
  routers: "mesh.router.*",
  run: (service: string, instance: string): string => `mesh.run.${service}.${instance}.*.*`,
  direct: (service: string, instance: string): string => `mesh.direct.${service}.${instance}.*.*`,
  inbox: (principal: string, connection: string): string => `_INBOX.${principal}.${connection}.*`,
  serviceInbox: (principal: string, service: string, connection: string): string =>
    `_INBOX.${principal}.${service}.${connection}.*`,
  frames: (service: string, instance: string, principal: string): string =>
    `mesh.frames.${service}.${instance}.${principal}.*`,
} as const;

/** Subjects whose meaning is remembered; when there are as many, all are forgotten: a flood of made-up ones costs what parsing does. */
export const MAX_REMEMBERED_SUBJECTS = 4_096;

/** Parses each subject once: those of calls are few and come again with every call. */
function remembered<Parsed>(parse: (subject: string) => Parsed | undefined): (subject: string) => Parsed | undefined {
  const known = new Map<string, Parsed>();
  return (subject) => {
    const before = known.get(subject);
    if (before !== undefined) return before;
    const parsed = parse(subject);
    // What is refused is not worth a place.
    if (parsed === undefined) return undefined;
    if (known.size >= MAX_REMEMBERED_SUBJECTS) known.clear();
    known.set(subject, parsed);
    return parsed;
  };
}

/** A call as its subject tells it: the broker has proven `principal`. `router` is set when the caller chose one. */
export interface CallTarget {
  readonly principal: string;
  readonly service: string;
  readonly method: string;
}

/**
 * Parses `mesh.call.<principal>.<service>.<method>` and `mesh.via.<router>.<principal>.<service>.<method>`.
 * Returns undefined for anything else: wrong arity, wrong tokens, names that could not have been issued.
 */
export const parseCallSubject = remembered((subject: string): CallTarget | undefined => {
  const tokens = subject.split(".");
  const first = tokens[1] === "call" ? 2 : tokens[1] === "via" ? 3 : -1;
  if (first < 0 || tokens[0] !== "mesh" || tokens.length !== first + 3) return undefined;
  const principal = tokens[first] as string;
  const service = tokens[first + 1] as string;
  const method = tokens[first + 2] as string;
  if (!isServiceName(principal) || !isServiceName(service) || !isMethodName(method)) return undefined;
  return { principal, service, method };
});

/** An attempt as an instance sees it. `kind` tells whether a router or the caller itself sent it. */
export interface AttemptTarget extends CallTarget {
  readonly kind: "run" | "direct";
  readonly instance: string;
}

/** Parses `mesh.run|direct.<service>.<instance>.<principal>.<method>`; the method may be a probe's. */
export const parseAttemptSubject = remembered((subject: string): AttemptTarget | undefined => {
  const tokens = subject.split(".");
  if (tokens.length !== 6 || tokens[0] !== "mesh") return undefined;
  const kind = tokens[1];
  if (kind !== "run" && kind !== "direct") return undefined;
  const [, , service, instance, principal, method] = tokens as [string, string, string, string, string, string];
  if (!isServiceName(service) || !isInstanceId(instance) || !isServiceName(principal)) return undefined;
  if (method !== PROBE_METHOD && !isMethodName(method)) return undefined;
  return { kind, service, instance, principal, method };
});

/** Parses `mesh.reply.<router>.<service>.<id>`: the service is proven by the broker. */
export function parseReplySubject(subject: string): { router: string; service: string; id: string } | undefined {
  const dot = subject.lastIndexOf(".");
  const ends = parseReplyEnds(subject.slice(0, dot));
  const id = subject.slice(dot + 1);
  return ends !== undefined && isIdToken(id) ? { router: ends.router, service: ends.service, id } : undefined;
}

/** All but the id, which is another one each time. */
const parseReplyEnds = remembered((ends: string): { router: string; service: string } | undefined => {
  const tokens = ends.split(".");
  if (tokens.length !== 4 || tokens[0] !== "mesh" || tokens[1] !== "reply") return undefined;
  const [, , router, service] = tokens as [string, string, string, string];
  return isServiceName(router) && isServiceName(service) ? { router, service } : undefined;
});

/** The id in a reply subject, unchecked: enough to see whether anybody waits for it. */
export function replyIdOf(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}

/** Parses `mesh.instance.<service>.<instance>`. */
export function parseInstanceSubject(subject: string): { service: string; instance: string } | undefined {
  const tokens = subject.split(".");
  if (tokens.length !== 4 || tokens[0] !== "mesh" || tokens[1] !== "instance") return undefined;
  const [, , service, instance] = tokens as [string, string, string, string];
  return isServiceName(service) && isInstanceId(instance) ? { service, instance } : undefined;
}

/** Parses `mesh.router.<router>`. */
export function parseRouterSubject(subject: string): string | undefined {
  const tokens = subject.split(".");
  if (tokens.length !== 3 || tokens[0] !== "mesh" || tokens[1] !== "router") return undefined;
  return isServiceName(tokens[2] as string) ? tokens[2] : undefined;
}

/** Parses `mesh.cancel.<router>.<principal>.<call>`. */
export function parseCancelSubject(subject: string): { principal: string; call: string } | undefined {
  const tokens = subject.split(".");
  if (tokens.length !== 5 || tokens[0] !== "mesh" || tokens[1] !== "cancel") return undefined;
  const [, , , principal, call] = tokens as [string, string, string, string, string];
  return isServiceName(principal) && isIdToken(call) ? { principal, call } : undefined;
}

/** A stream as a frame's subject tells it: the broker has proven `principal`. */
export interface FramesTarget {
  readonly service: string;
  readonly instance: string;
  readonly principal: string;
  readonly stream: string;
}

/** Parses `mesh.frames.<service>.<instance>.<principal>.<stream>`. */
export function parseFramesSubject(subject: string): FramesTarget | undefined {
  const tokens = subject.split(".");
  if (tokens.length !== 6 || tokens[0] !== "mesh" || tokens[1] !== "frames") return undefined;
  const [, , service, instance, principal, stream] = tokens as [string, string, string, string, string, string];
  if (!isServiceName(service) || !isInstanceId(instance) || !isServiceName(principal)) return undefined;
  return isStreamName(stream) ? { service, instance, principal, stream } : undefined;
}

/** A connection's token and an id drawn by `IdSource`, both of base64url, in which `-` may stand: the id has 16 characters. */
const STREAM = /^([A-Za-z0-9_-]{1,64})-([A-Za-z0-9_-]{16})$/;

export function streamName(connection: string, id: string): string {
  return `${connection}-${id}`;
}

export function isStreamName(stream: string): boolean {
  return STREAM.test(stream);
}

export function parseStream(stream: string): { readonly connection: string; readonly id: string } | undefined {
  const match = STREAM.exec(stream);
  return match === null ? undefined : { connection: match[1] as string, id: match[2] as string };
}

/** Which token of a subject the grants bind to its publisher, or on `run` and `direct` to the caller it was sent for. */
const PROVEN_TOKEN: Readonly<Record<string, number>> = {
  call: 2,
  via: 3,
  cancel: 3,
  reply: 3,
  instance: 2,
  router: 2,
  run: 4,
  direct: 4,
  frames: 4,
};

/** Who a subject proves to be behind a message, however malformed the rest of it is; empty if nobody. */
export function provenPrincipal(subject: string): string {
  const tokens = subject.split(".", 6);
  const name = tokens[0] === "mesh" ? tokens[PROVEN_TOKEN[tokens[1] ?? ""] ?? tokens.length] : undefined;
  return name !== undefined && isServiceName(name) ? name : "";
}

/**
 * Whether a reply subject belongs to the principal who sent the request. A caller chooses its reply subject freely, so
 * whoever answers checks it: only `_INBOX.<principal>.` with at least one more plain token passes.
 */
export function isReplyOf(principal: string, reply: string): boolean {
  const prefix = `_INBOX.${principal}.`;
  return reply.length > prefix.length && reply.length <= 512 && reply.startsWith(prefix) && isPlainSubject(reply);
}

/**
 * The id in a direct call's reply subject, `_INBOX.<principal>.<service>.<connection>.<id>`; undefined for any other: the instance that
 * was asked would answer somebody else, or under the name of another service.
 */
export function parseServiceInbox(principal: string, service: string, reply: string): string | undefined {
  const prefix = `_INBOX.${principal}.${service}.`;
  if (!reply.startsWith(prefix)) return undefined;
  const dot = reply.indexOf(".", prefix.length);
  if (dot < 0 || !isIdToken(reply.slice(prefix.length, dot))) return undefined;
  const id = reply.slice(dot + 1);
  return isIdToken(id) ? id : undefined;
}

/** No wildcard, blank or empty token. */
export function isPlainSubject(subject: string): boolean {
  return /^[^\s.*>]+(\.[^\s.*>]+)*$/.test(subject);
}

/** Verbs of the NATS micro protocol, ADR-32. */
export type MicroVerb = "PING" | "INFO" | "STATS";

/** The subjects on which one instance of a service hears a verb: everybody's, the service's, its own. */
export function serviceSubjects(verb: MicroVerb, service: string, instance: string): readonly string[] {
  return [`$SRV.${verb}`, `$SRV.${verb}.${service}`, `$SRV.${verb}.${service}.${instance}`];
}

/** Where a question goes: to every service, or to one. */
export function serviceQuestion(verb: MicroVerb, service?: string): string {
  return service === undefined ? `$SRV.${verb}` : `$SRV.${verb}.${service}`;
}
