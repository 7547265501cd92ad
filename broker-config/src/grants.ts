// Who may publish and subscribe what: the whole authority of the mesh as data. The server gets it as templates of scoped
// signing keys, the README shows it as a table, and a test proves every cell of it against a real server.
import {
  type CredentialRole,
  callSubject,
  cancelSubject,
  directSubject,
  instanceSubject,
  POLICY_LIVE_SUBJECT,
  replySubject,
  routerSubject,
  runSubject,
  serveSubject,
  subscriptions,
  viaSubject,
} from "@malla/sdk/contract";
import { covers } from "./subject-cover.ts";

/** Accounts of the mesh itself, one per trust domain; `APPLICATION` stands for each account of an application. */
export type AccountKind = "MESH" | "CTRL" | "LEASE" | "DURABLE" | "FUNC" | "AUTH" | "APPLICATION";

/** One row of the table: what a role may do in an account. Subjects are allow-lists; nothing else is allowed. */
export interface Grant {
  readonly role: CredentialRole;
  readonly account: AccountKind;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Subscriptions a connection may hold at a time; absent: unlimited. */
  readonly maxSubscriptions?: number;
  /** As what the holder connects. Default: as a client. */
  readonly connection?: "client" | "leaf";
}

/** Filled in by the server with the name in the credentials. */
const N = "{{name()}}";
/** Filled in once per tag `direct:<service>`; without such a tag the whole entry falls away. */
const TARGET = "{{tag(direct)}}";
/** Filled in once per tag `edge:<service>`: a leaf node is all of the services that live behind it. */
const EDGE = "{{tag(edge)}}";
const ANY = "*";

const INBOX = `_INBOX.${N}.>`;
const SRV_INBOX = "_INBOX.srv.>";
const SRV_VERBS = ["$SRV.PING", "$SRV.INFO", "$SRV.STATS"];
/** Asking: everybody, everybody of a name, one of them. */
const SRVQ = [...SRV_VERBS, "$SRV.*.*", "$SRV.*.*.*"];
/** Answering: in one's own name only. */
const SRVA = [...SRV_VERBS, `$SRV.*.${N}`, `$SRV.*.${N}.*`];
const SEE = [subscriptions.instances, subscriptions.routers];
const PEERS = "mesh.peer.*.*";
const OWN_PEER = `mesh.peer.${N}.*`;

/** The caller's side of a call. */
const CALL = [callSubject(N, ANY, ANY)];
const VIA = [viaSubject(ANY, N, ANY, ANY)];
const SEND = [...CALL, ...VIA, cancelSubject(ANY, N, ANY)];
const FRAMES_OUT = `mesh.frames.*.*.${N}.*`;

const SERVICE_PUBLISH = [
  ...SEND,
  replySubject(ANY, N, ANY),
  instanceSubject(N, ANY),
  FRAMES_OUT,
  `_INBOX.*.${N}.*.*`,
  SRV_INBOX,
];
const SERVICE_SUBSCRIBE = [
  INBOX,
  `mesh.run.${N}.>`,
  serveSubject(N, ANY),
  directSubject(N, ANY, ANY, ANY),
  `mesh.frames.${N}.*.*.*`,
  subscriptions.routers,
  POLICY_LIVE_SUBJECT,
  ...SRVA,
];
/** What a service may, for each service behind a leaf node: nothing else crosses the link. */
const atEdge = (entries: readonly string[]): string[] => entries.map((entry) => entry.replaceAll(N, EDGE));
/**
 * The hub tells a leaf node of a subscription such as `mesh.call.*.*.*` only if some entry lies within it, and (2.15.2) it
 * overlooks entries whose last token is `*`. So each of them has a literal beside it that allows nothing more.
 */
const withLiterals = (entries: readonly string[]): string[] =>
  entries.flatMap((entry) => (entry.endsWith(".*") ? [entry, entry.replace(/\*$/, "_")] : [entry]));
const OBSERVER_SUBSCRIBE = [INBOX, SRV_INBOX, ...SEE];

/** All of JetStream within one account. */
const JETSTREAM_PUBLISH = ["$JS.API.>", "$KV.>", "$O.>", "$JS.ACK.>", "$JS.FC.>"];
const OPERATOR_STORE = { publish: JETSTREAM_PUBLISH, subscribe: [INBOX, "$JS.EVENT.>"] };
const READ_BUCKET = (bucket: string): string[] => [
  `$JS.API.STREAM.INFO.KV_${bucket}`,
  `$JS.API.STREAM.MSG.GET.KV_${bucket}`,
];

/** A guest needs an inbox and little else; the cap keeps one of them from filling the server's memory. */
const GUEST_MAX_SUBSCRIPTIONS = 32;
/** Of all instances behind a leaf node together, about ten each. */
const LEAF_MAX_SUBSCRIPTIONS = 16_384;

/** The table. Arity is exact but where `.>` stands, and no list is empty: an empty list would allow everything. */
export const GRANTS: readonly Grant[] = [
  { role: "service", account: "MESH", publish: SERVICE_PUBLISH, subscribe: SERVICE_SUBSCRIBE },
  {
    role: "direct",
    account: "MESH",
    publish: [...SERVICE_PUBLISH, directSubject(TARGET, ANY, N, ANY)],
    subscribe: [...SERVICE_SUBSCRIBE, subscriptions.instances],
  },
  {
    role: "micro",
    account: "MESH",
    publish: [replySubject(ANY, N, ANY), SRV_INBOX],
    subscribe: [serveSubject(N, ANY), ...SRVA],
  },
  { role: "guest", account: "MESH", publish: CALL, subscribe: [INBOX], maxSubscriptions: GUEST_MAX_SUBSCRIPTIONS },
  {
    role: "gateway",
    account: "MESH",
    publish: [...SEND, FRAMES_OUT],
    subscribe: [INBOX, subscriptions.routers, POLICY_LIVE_SUBJECT],
  },
  {
    role: "router",
    account: "MESH",
    publish: [
      runSubject(ANY, ANY, ANY, ANY),
      serveSubject(ANY, ANY),
      "_INBOX.>",
      ...SRVQ,
      `mesh.tap.${N}.*.*.*`,
      routerSubject(N),
      POLICY_LIVE_SUBJECT,
      OWN_PEER,
    ],
    subscribe: [
      subscriptions.calls,
      subscriptions.via(N),
      subscriptions.cancels(N),
      subscriptions.replies(N),
      ...SEE,
      PEERS,
      SRV_INBOX,
    ],
  },
  {
    role: "router",
    account: "CTRL",
    publish: [
      ...READ_BUCKET("mesh-policy"),
      "$JS.API.CONSUMER.CREATE.KV_mesh-policy.>",
      "$JS.API.CONSUMER.INFO.KV_mesh-policy.*",
      "$JS.API.CONSUMER.DELETE.KV_mesh-policy.*",
      "$JS.FC.>",
    ],
    subscribe: [INBOX],
  },
  {
    role: "router",
    account: "DURABLE",
    publish: [
      "mesh.durable.*.*.*",
      "$JS.API.CONSUMER.INFO.DURABLE.*",
      "$JS.API.CONSUMER.MSG.NEXT.DURABLE.>",
      "$JS.ACK.>",
      "$KV.mesh-idempotency.>",
      ...READ_BUCKET("mesh-idempotency"),
    ],
    subscribe: [INBOX],
  },
  { role: "observer", account: "MESH", publish: SRVQ, subscribe: OBSERVER_SUBSCRIBE },
  {
    role: "operator",
    account: "MESH",
    publish: [...CALL, ...VIA, ...SRVQ],
    subscribe: [...OBSERVER_SUBSCRIBE, "mesh.tap.>", PEERS],
  },
  { role: "operator", account: "CTRL", ...OPERATOR_STORE },
  { role: "operator", account: "DURABLE", ...OPERATOR_STORE },
  { role: "operator", account: "FUNC", ...OPERATOR_STORE },
  {
    role: "scaler",
    account: "MESH",
    publish: [OWN_PEER, callSubject(N, "mesh", "policy")],
    subscribe: [INBOX, ...SEE, PEERS, POLICY_LIVE_SUBJECT],
  },
  {
    role: "scaler",
    account: "LEASE",
    publish: ["$KV.mesh-leases.>", ...READ_BUCKET("mesh-leases")],
    subscribe: [INBOX],
  },
  {
    role: "runner",
    account: "FUNC",
    publish: [
      "$JS.API.STREAM.INFO.OBJ_functions",
      "$JS.API.STREAM.MSG.GET.OBJ_functions",
      "$JS.API.CONSUMER.CREATE.OBJ_functions.>",
      "$JS.FC.>",
    ],
    subscribe: [INBOX],
  },
  { role: "identity", account: "AUTH", publish: ["$SYS._INBOX.>"], subscribe: ["$SYS.REQ.USER.AUTH"] },
  {
    role: "leaf",
    account: "MESH",
    publish: withLiterals(atEdge(SERVICE_PUBLISH)),
    subscribe: atEdge(SERVICE_SUBSCRIBE),
    maxSubscriptions: LEAF_MAX_SUBSCRIPTIONS,
    connection: "leaf",
  },
  { role: "application", account: "APPLICATION", publish: JETSTREAM_PUBLISH, subscribe: [INBOX] },
];

/** The rows of a role, `MESH` first where it has one. */
export function grantsOf(role: CredentialRole): readonly Grant[] {
  return GRANTS.filter((grant) => grant.role === role);
}

/** The row of a role in an account, or undefined where the role has nothing there. */
export function findGrant(role: CredentialRole, account: AccountKind): Grant | undefined {
  return GRANTS.find((grant) => grant.role === role && grant.account === account);
}

/** A holder of credentials, as far as templates ask. */
export interface Holder {
  readonly name: string;
  readonly directTo?: readonly string[];
  readonly edgeServices?: readonly string[];
}

/** A template as the server fills it in for one holder: once per tag of the kind it asks for, and not at all without one. */
export function fillTemplate(template: string, holder: Holder): string[] {
  const named = template.replaceAll(N, holder.name);
  if (named.includes(TARGET)) return (holder.directTo ?? []).map((target) => named.replaceAll(TARGET, target));
  if (named.includes(EDGE)) return (holder.edgeServices ?? []).map((service) => named.replaceAll(EDGE, service));
  return [named];
}

/**
 * Whether a row lets this holder publish or subscribe the subject, wildcards in it included. As the server has it, where
 * the last token of a subscription is `>`, a last `*` in the grant covers it: a test proves that nothing lies deeper there.
 */
export function isGranted(grant: Grant, holder: Holder, operation: "publish" | "subscribe", subject: string): boolean {
  const asked = operation === "subscribe" ? subject.replace(/(^|\.)>$/, "$1*") : subject;
  const patterns = grant[operation].flatMap((template) => fillTemplate(template, holder));
  return patterns.some((pattern) => covers(pattern, subject) || covers(pattern, asked));
}
