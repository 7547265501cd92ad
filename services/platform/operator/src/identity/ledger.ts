// Who has which name, as the operator remembers it: a ConfigMap in its own namespace. Without it the operator would have to list
// the Secrets of all namespaces to know its own, and whoever is older could take a name that somebody has used for months.
import type { HeldIdentity, WantedIdentity } from "./wanted-identities.ts";

export interface LedgerObject {
  readonly apiVersion: "v1";
  readonly kind: "ConfigMap";
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** By `<namespace>.<service>`; neither has a dot. */
export type Ledger = ReadonlyMap<string, HeldIdentity>;

export function ledgerName(release: string): string {
  return `${release}-identities`;
}

/** Entries that cannot be read are left out: who is named there again is entered anew. */
export function readLedger(object: Pick<LedgerObject, "data"> | undefined): Ledger {
  const ledger = new Map<string, HeldIdentity>();
  for (const [key, text] of Object.entries(object?.data ?? {})) {
    const [namespace, service, ...rest] = key.split(".");
    const entry = parseEntry(text);
    if (namespace === undefined || service === undefined || rest.length > 0 || entry === undefined) continue;
    ledger.set(key, { namespace, service, application: entry.application, since: entry.since });
  }
  return ledger;
}

export function ledgerData(ledger: Ledger): Readonly<Record<string, string>> {
  const sorted = [...ledger].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    sorted.map(([key, { since, application }]) => [
      key,
      JSON.stringify(application === undefined ? { since } : { since, application }),
    ]),
  );
}

/** The ledger with all that are wanted; the same one if there is no news. An account that is new to a name is held from `now` on. */
export function withWanted(ledger: Ledger, wanted: readonly WantedIdentity[], now: string): Ledger {
  const next = new Map(ledger);
  for (const { namespace, service, application } of wanted) {
    const key = ledgerKey({ namespace, service });
    const before = ledger.get(key);
    if (before !== undefined && before.application === application) continue;
    next.set(key, { namespace, service, application, since: before?.since ?? now });
  }
  return next.size === ledger.size && [...next].every(([key, entry]) => ledger.get(key) === entry) ? ledger : next;
}

export function ledgerKey({ namespace, service }: { readonly namespace: string; readonly service: string }): string {
  return `${namespace}.${service}`;
}

function parseEntry(text: string): { readonly since: string; readonly application: string | undefined } | undefined {
  try {
    const { since, application } = JSON.parse(text) as { since?: unknown; application?: unknown };
    if (typeof since !== "string") return undefined;
    return { since, application: typeof application === "string" ? application : undefined };
  } catch {
    return undefined;
  }
}
