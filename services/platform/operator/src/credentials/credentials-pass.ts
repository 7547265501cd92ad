// One pass over identities: every Secret that is wanted is there and current, what nobody wants any more goes, and whoever
// asked is told.
import { eachAtMost } from "../each-at-most.ts";
import type { RefusedClaim } from "../identity/claims.ts";
import { type CredentialsSecret, isOurs } from "../identity/credentials-secret.ts";
import { type Ledger, ledgerKey, withWanted } from "../identity/ledger.ts";
import { type IdentityOutcome, isSameStatus, meshServiceStatus } from "../identity/mesh-service-status.ts";
import { type Issuer, planSecret } from "../identity/plan-secret.ts";
import { type Notice, ToldNotices } from "../identity/told-notices.ts";
import type { HeldIdentity, WantedIdentity } from "../identity/wanted-identities.ts";
import { isConflict, isNotFound, type KubernetesApi, type KubernetesObject } from "../kubernetes/api.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import { SECRET } from "../kubernetes/resource-kinds.ts";
import type { WatchKind } from "../kubernetes/watch-kind.ts";
import { credentialsSecretName } from "../names.ts";
import type { ClaimedNames } from "./claimed-names.ts";
import type { IssuerSource } from "./issuer-source.ts";
import type { LedgerStore } from "./ledger-store.ts";

export interface CredentialsPassOptions {
  readonly api: KubernetesApi;
  readonly names: ClaimedNames;
  readonly ledger: LedgerStore;
  readonly meshServices: readonly WatchKind[];
  readonly events: EventRecorder;
  readonly issuer: IssuerSource;
  readonly mayWrite: () => boolean;
  readonly onError: (error: unknown) => void;
  readonly onIssued: (identity: WantedIdentity, reason: string) => void;
  /** In ms since 1970. Default `Date.now`. */
  readonly wallMs?: () => number;
}

/** Secrets that are looked at at a time. */
const WRITERS = 8;
/**
 * A Secret whose identity is as it was is looked at again after this, in ms: Secrets are not watched. Less than the time
 * between two passes, so that only those that changes call for look at nothing.
 */
const LOOK_AGAIN_MS = 25_000;

interface Seen {
  readonly key: string;
  readonly atMs: number;
  readonly expiresAtMs: number | undefined;
}

export class CredentialsPass {
  readonly #options: CredentialsPassOptions;
  #issuer: Issuer | undefined;
  readonly #told = new ToldNotices();
  readonly #seen = new Map<string, Seen>();

  constructor(options: CredentialsPassOptions) {
    this.#options = options;
  }

  /** Another process may have worked meanwhile: nothing that was seen before counts. */
  forget(): void {
    this.#seen.clear();
  }

  /** Never rejects. False: it should run again soon. */
  async run(): Promise<boolean> {
    const { names, mayWrite, onError, ledger } = this.#options;
    if (!names.synced || !mayWrite()) return true;
    try {
      return await this.#run();
    } catch (error) {
      // Another process has written the ledger: what it says decides anew.
      if (isConflict(error)) await ledger.load().catch(onError);
      else onError(error);
      return false;
    }
  }

  async #run(): Promise<boolean> {
    const { names, ledger, issuer: source } = this.#options;
    const issuer = await source.read();
    // Other keys, another URL or certificate: every Secret is looked at.
    if (issuer !== this.#issuer) this.#seen.clear();
    this.#issuer = issuer;
    const { wanted, refused } = names.read().identities;
    const now = this.#now();
    const before = ledger.ledger as Ledger;
    const known = withWanted(before, wanted, iso(now));
    // Written down before anything is issued: whoever works next must know who had it.
    if (known !== before) await ledger.write(known);
    const run: Run = { well: true, outcomes: [], refused: [...refused], notices: [] };
    await eachAtMost(WRITERS, wanted, async (identity) => await this.#issue(identity, issuer, run));
    await this.#takeBack(known, wanted, run);
    for (const claim of run.refused) run.notices.push(noticeOf(claim));
    await this.#tellMeshServices(run);
    for (const { about, ...notice } of this.#told.take(run.notices, now)) {
      const { type, reason, message } = notice;
      if (this.#options.mayWrite())
        await this.#options.events.record(about as KubernetesObject, { type, reason, note: message });
    }
    return run.well;
  }

  async #issue(identity: WantedIdentity, issuer: Issuer, run: Run): Promise<void> {
    const { onError, mayWrite } = this.#options;
    const id = ledgerKey(identity);
    const key = JSON.stringify([identity, identity.owners.map(({ metadata }) => metadata.uid)], withoutSpecs);
    const seen = this.#seen.get(id);
    if (seen?.key === key && this.#now() - seen.atMs < LOOK_AGAIN_MS) {
      run.outcomes.push({ identity, failure: undefined, expiresAtMs: seen.expiresAtMs });
      return;
    }
    if (!mayWrite()) return;
    try {
      const expiresAtMs = await this.#issueNow(identity, issuer, run);
      if (expiresAtMs === REFUSED) return;
      this.#seen.set(id, { key, atMs: this.#now(), expiresAtMs });
      run.outcomes.push({ identity, failure: undefined, expiresAtMs });
    } catch (error) {
      run.well = false;
      if (isConflict(error)) return;
      onError(error);
      run.outcomes.push({ identity, failure: (error as Error).message, expiresAtMs: undefined });
    }
  }

  async #issueNow(identity: WantedIdentity, issuer: Issuer, run: Run): Promise<number | undefined | typeof REFUSED> {
    const { api, onIssued } = this.#options;
    const key = { namespace: identity.namespace, name: credentialsSecretName(identity.service) };
    const before = (await api.get(SECRET, key)) as CredentialsSecret | undefined;
    const plan = await planSecret(identity, before, issuer, this.#now());
    if (plan.refused !== undefined) {
      for (const owner of identity.owners) run.refused.push({ owner, service: identity.service, ...plan.refused });
      return REFUSED;
    }
    if (plan.write !== undefined) {
      const secret = plan.write as KubernetesObject;
      if (before === undefined) await api.create(SECRET, secret);
      else await api.replace(SECRET, secret);
    }
    if (plan.issued !== undefined) {
      onIssued(identity, plan.issued);
      const message = `credentials of service ${identity.service} issued into Secret ${key.name}: ${plan.issued}`;
      for (const about of identity.owners) run.notices.push({ about, type: "Normal", reason: "Issued", message });
    }
    return plan.expiresAtMs;
  }

  /** What was held and nobody asks for any more. A claim that is written wrongly takes nothing away. */
  async #takeBack(ledger: Ledger, wanted: readonly WantedIdentity[], run: Run): Promise<void> {
    const { api, mayWrite, onError, ledger: store } = this.#options;
    const kept = new Set(wanted.map(ledgerKey));
    const slips = run.refused.filter(({ reason }) => reason === "Invalid").map(({ owner }) => owner.metadata.uid);
    const left = new Map(ledger);
    for (const [id, held] of ledger) {
      if (kept.has(id) || !mayWrite()) continue;
      try {
        if (!(await takeSecret(api, held, new Set(slips)))) continue;
        left.delete(id);
        this.#seen.delete(id);
      } catch (error) {
        run.well = false;
        onError(error);
      }
    }
    if (left.size < ledger.size && mayWrite()) await store.write(left);
  }

  async #tellMeshServices({ outcomes, refused }: Run): Promise<void> {
    const { api, meshServices, mayWrite, onError } = this.#options;
    const byUid = new Map(
      outcomes.flatMap((outcome) => outcome.identity.owners.map((owner) => [owner.metadata.uid, outcome])),
    );
    const refusedByUid = new Map(refused.map((claim) => [claim.owner.metadata.uid, claim]));
    for (const watch of meshServices) {
      await eachAtMost(WRITERS, watch.all(), async (object) => {
        const { uid, generation, deletionTimestamp } = object.metadata;
        if (deletionTimestamp !== undefined) return;
        const [claim, outcome] = [refusedByUid.get(uid), byUid.get(uid)];
        if (claim === undefined && outcome === undefined) return;
        const now = iso(this.#now());
        const status = meshServiceStatus({ generation, before: object.status, refused: claim, outcome, now });
        if (isSameStatus(object.status, status) || !mayWrite()) return;
        try {
          watch.learn(await api.replaceStatus(watch.kind, object, status));
        } catch (error) {
          if (!isConflict(error) && !isNotFound(error)) onError(error);
        }
      });
    }
  }

  #now(): number {
    return (this.#options.wallMs ?? Date.now)();
  }
}

interface Run {
  well: boolean;
  readonly outcomes: IdentityOutcome[];
  readonly refused: RefusedClaim[];
  readonly notices: Notice[];
}

const REFUSED = Symbol("refused");

/** Somebody else's Secret of that name stays, and so does one of a claim that is written wrongly. False: it is left there. */
async function takeSecret(
  api: KubernetesApi,
  { namespace, service }: HeldIdentity,
  slips: ReadonlySet<string | undefined>,
): Promise<boolean> {
  const key = { namespace, name: credentialsSecretName(service) };
  const secret = (await api.get(SECRET, key)) as CredentialsSecret | undefined;
  if (secret === undefined || !isOurs(secret, service)) return true;
  if (secret.metadata.ownerReferences?.some(({ uid }) => slips.has(uid))) return false;
  await api.delete(SECRET, key, secret.metadata.uid);
  return true;
}

function noticeOf({ owner, reason, message }: RefusedClaim): Notice {
  return { about: owner, type: "Warning", reason, message };
}

/** Owners count by their uid; what else changes in a workload is no news. */
function withoutSpecs(name: string, value: unknown): unknown {
  return name === "owners" ? undefined : value;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
