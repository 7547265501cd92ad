// One pass over all identities: who has which name, the Secrets as they should be, and the word back to each owner.
import { isDeepStrictEqual } from "node:util";
import type { Keys } from "@malla/broker-config";
import { eachAtMost } from "../each-at-most.ts";
import {
  isConflict,
  isNotFound,
  type KubernetesApi,
  type KubernetesObject,
  type ObjectKey,
} from "../kubernetes/api.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import { CONFIG_MAP, SECRET } from "../kubernetes/resource-kinds.ts";
import type { WatchKind } from "../kubernetes/watch-kind.ts";
import { APPLICATIONS_ANNOTATION, credentialsSecretName, SERVICES_ANNOTATION } from "../names.ts";
import { cachedVerify } from "./cached-verify.ts";
import type { ClaimingObject, RefusedClaim } from "./claims.ts";
import { type CredentialsSecret, isOurs } from "./credentials-secret.ts";
import type { Selector } from "./label-selector.ts";
import { type Ledger, type LedgerObject, ledgerData, ledgerKey, readLedger, withWanted } from "./ledger.ts";
import { MeshNames } from "./mesh-names.ts";
import { type IdentityOutcome, isSameStatus, meshServiceStatus } from "./mesh-service-status.ts";
import { NamespaceGuard, type NamespaceObject } from "./namespace-guard.ts";
import { type Issuer, planSecret } from "./plan-secret.ts";
import { type Notice, ToldNotices } from "./told-notices.ts";
import { type HeldIdentity, type WantedIdentity, wantedIdentities } from "./wanted-identities.ts";

/** Secrets that are looked at, or written, at a time. */
const WORKERS = 8;

export interface IdentityPassOptions {
  readonly api: KubernetesApi;
  readonly workloads: readonly WatchKind[];
  readonly meshServices: readonly WatchKind[];
  /** Undefined: `openNamespaces` are all there are. */
  readonly namespaces: WatchKind | undefined;
  readonly selector: Selector;
  /** Namespaces of the mesh whatever their labels say. */
  readonly openNamespaces: readonly string[];
  /** The ConfigMap that remembers who has which name. */
  readonly ledger: ObjectKey;
  /** Read anew for each pass, so that keys and certificates may change meanwhile. */
  readonly issuer: () => Promise<Omit<Issuer, "verify">>;
  readonly events: EventRecorder;
  /** Asked before each write. */
  readonly mayWrite: () => boolean;
  /** Told when names, or what namespaces may have, have changed. */
  readonly onNames: () => void;
  /** Told of each credential that was issued, for metrics. */
  readonly onIssued?: (why: string) => void;
  readonly onError: (error: unknown) => void;
  /** In ms since 1970. Default `Date.now`. */
  readonly wallMs?: () => number;
}

/** What a pass has found so far. */
interface Findings {
  readonly refused: RefusedClaim[];
  readonly outcomes: IdentityOutcome[];
  readonly notices: Notice[];
  /** Owners of which nothing can be said now, by uid. */
  readonly unsettled: Set<string | undefined>;
  /** False: something is to be tried again. */
  well: boolean;
}

export class IdentityPass {
  readonly #options: IdentityPassOptions;
  readonly #told = new ToldNotices();
  #names: MeshNames | undefined;
  #namesFrom: unknown;
  #keys: Keys | undefined;
  #verify: Issuer["verify"] = () => undefined;

  constructor(options: IdentityPassOptions) {
    this.#options = options;
  }

  /** Undefined until it is known who has which name. */
  get names(): MeshNames | undefined {
    return this.#names;
  }

  /** Whether all has been read, so that what is not there is not wanted. */
  get synced(): boolean {
    return this.#watches().every(({ synced }) => synced);
  }

  /** Never rejects. False: something is left to do that no watch will tell of, so it should run again soon. */
  async run(): Promise<boolean> {
    if (!this.synced || !this.#options.mayWrite()) return true;
    try {
      return await this.#run();
    } catch (error) {
      // Another process works meanwhile, or a write is repeated with what is there now.
      if (!isConflict(error)) this.#options.onError(error);
      return false;
    }
  }

  async #run(): Promise<boolean> {
    const { api, ledger: key } = this.#options;
    const issuer = await this.#issuer();
    const object = (await api.get(CONFIG_MAP, key)) as LedgerObject | undefined;
    const ledger = readLedger(object);
    const guard = this.#guard();
    const claiming = [...this.#options.workloads, ...this.#options.meshServices].flatMap((watch) => watch.all());
    const { wanted, refused, owners } = wantedIdentities(claiming, [...ledger.values()], guard);
    this.#name(owners, guard);
    // Entered before there is a Secret, so that there is none that is forgotten.
    const entered = withWanted(ledger, wanted, this.#now());
    const written = entered === ledger ? object : await this.#writeLedger(object, entered);
    const found: Findings = { refused: [...refused], outcomes: [], notices: [], unsettled: new Set(), well: true };
    await eachAtMost(WORKERS, wanted, async (identity) => await this.#keep(identity, issuer, found));
    const gone = await this.#remove(entered, wanted, refused, found);
    if (gone.length > 0) {
      const left = new Map([...entered].filter(([name]) => !gone.includes(name)));
      await this.#writeLedger(written, left);
    }
    await this.#tell(found);
    return found.well;
  }

  async #issuer(): Promise<Issuer> {
    const { keys, url, ca } = await this.#options.issuer();
    if (this.#keys === undefined || !isSameKeys(this.#keys, keys)) {
      this.#keys = keys;
      this.#verify = cachedVerify(keys);
    }
    return { keys, url, ca, verify: this.#verify };
  }

  #guard(): NamespaceGuard {
    const { selector, openNamespaces } = this.#options;
    const open = new Set(openNamespaces);
    const namespaces = this.#namespaces();
    const selected = new Set(
      namespaces
        .filter(({ metadata }) => open.has(metadata.name) || selector(metadata.labels))
        .map(({ metadata }) => metadata.name),
    );
    return new NamespaceGuard(namespaces, selected);
  }

  #namespaces(): readonly NamespaceObject[] {
    const { namespaces, openNamespaces } = this.#options;
    const known = (namespaces?.all() ?? []).filter(({ metadata }) => metadata.name !== "");
    const names = new Set(known.map(({ metadata }) => metadata.name));
    return [...known, ...openNamespaces.filter((name) => !names.has(name)).map((name) => ({ metadata: { name } }))];
  }

  #name(owners: ReadonlyMap<string, string>, guard: NamespaceGuard): void {
    const from = [
      [...owners].sort(),
      this.#namespaces().map(({ metadata: { name, annotations } }) => [
        name,
        guard.isOpen(name),
        annotations?.[SERVICES_ANNOTATION],
        annotations?.[APPLICATIONS_ANNOTATION],
      ]),
    ];
    if (isDeepStrictEqual(from, this.#namesFrom)) return;
    this.#namesFrom = from;
    this.#names = new MeshNames(owners, guard);
    this.#options.onNames();
  }

  async #writeLedger(before: LedgerObject | undefined, ledger: Ledger): Promise<LedgerObject> {
    const { api, ledger: key, mayWrite } = this.#options;
    if (!mayWrite()) throw new Error("the lease was lost; another process works now");
    const data = ledgerData(ledger);
    const next: LedgerObject = { ...(before ?? { apiVersion: "v1", kind: "ConfigMap", metadata: key }), data };
    const written = before === undefined ? await api.create(CONFIG_MAP, next) : await api.replace(CONFIG_MAP, next);
    return written as LedgerObject;
  }

  /** Makes the Secret of one identity what it should be. */
  async #keep(identity: WantedIdentity, issuer: Issuer, found: Findings): Promise<void> {
    const { api, mayWrite, onError, onIssued } = this.#options;
    const name = credentialsSecretName(identity.service);
    try {
      const before = await api.get<CredentialsSecret>(SECRET, { namespace: identity.namespace, name });
      const plan = await planSecret(identity, before, issuer, this.#nowMs());
      if (plan.refused !== undefined) {
        for (const owner of identity.owners) found.refused.push({ owner, service: identity.service, ...plan.refused });
        return;
      }
      const { write, issued, expiresAtMs } = plan;
      if (write !== undefined && !mayWrite()) return;
      if (write !== undefined) await (before === undefined ? api.create(SECRET, write) : api.replace(SECRET, write));
      found.outcomes.push({ identity, failure: undefined, expiresAtMs });
      const [about] = identity.owners;
      if (issued === undefined || about === undefined) return;
      onIssued?.(issued);
      const message = `credentials issued into Secret ${name}: ${issued}`;
      found.notices.push({ about, type: "Normal", reason: "Issued", message });
    } catch (error) {
      found.well = false;
      // Somebody wrote the Secret meanwhile: it is looked at again, as it is then.
      if (isConflict(error)) {
        for (const { metadata } of identity.owners) found.unsettled.add(metadata.uid);
        return;
      }
      onError(error);
      const failure = `Secret ${name} could not be written: ${textOf(error)}`;
      found.outcomes.push({ identity, failure, expiresAtMs: undefined });
      for (const about of identity.owners)
        found.notices.push({ about, type: "Warning", reason: "SecretFailed", message: failure });
    }
  }

  /** Deletes the Secrets nobody wants any more. Resolves to the entries of the ledger that are done with. */
  async #remove(
    ledger: Ledger,
    wanted: readonly WantedIdentity[],
    refused: readonly RefusedClaim[],
    found: Findings,
  ): Promise<readonly string[]> {
    const kept = new Set(wanted.map(ledgerKey));
    // A slip of the pen must not take away what running pods live on.
    const slips = new Set(refused.filter(({ reason }) => reason === "Invalid").map(({ owner }) => owner.metadata.uid));
    const gone: string[] = [];
    const unwanted = [...ledger].filter(([key]) => !kept.has(key));
    await eachAtMost(WORKERS, unwanted, async ([key, entry]) => {
      try {
        if (await this.#removeOne(entry, slips)) gone.push(key);
      } catch (error) {
        found.well = false;
        if (!isConflict(error)) this.#options.onError(error);
      }
    });
    return gone;
  }

  /** True: there is none of ours any more. */
  async #removeOne({ namespace, service }: HeldIdentity, slips: ReadonlySet<string | undefined>): Promise<boolean> {
    const { api, mayWrite } = this.#options;
    const key = { namespace, name: credentialsSecretName(service) };
    const secret = await api.get<CredentialsSecret>(SECRET, key);
    if (secret === undefined || !isOurs(secret, service)) return true;
    if (secret.metadata.ownerReferences?.some(({ uid }) => slips.has(uid)) || !mayWrite()) return false;
    await api.delete(SECRET, key, secret.metadata.uid);
    return true;
  }

  async #tell(found: Findings): Promise<void> {
    const { events, mayWrite } = this.#options;
    const refusals = found.refused.map(
      ({ owner, reason, message }): Notice => ({ about: owner, type: "Warning", reason, message }),
    );
    for (const { about, type, reason, message } of this.#told.take([...refusals, ...found.notices], this.#nowMs())) {
      if (!mayWrite()) return;
      await events.record(about as KubernetesObject, { type, reason, note: message });
    }
    for (const watch of this.#options.meshServices) {
      await eachAtMost(WORKERS, watch.all(), async (object) => await this.#say(watch, object, found));
    }
  }

  /** Writes the status of one MeshService. */
  async #say(watch: WatchKind, object: KubernetesObject, found: Findings): Promise<void> {
    const { api, mayWrite, onError } = this.#options;
    const { uid, generation, namespace = "" } = object.metadata;
    if (found.unsettled.has(uid) || !(this.#names?.isOpen(namespace) ?? false)) return;
    const isOwner = ({ metadata }: ClaimingObject): boolean => metadata.uid === uid;
    const status = meshServiceStatus({
      generation,
      before: object.status,
      refused: found.refused.find(({ owner }) => isOwner(owner)),
      outcome: found.outcomes.find(({ identity }) => identity.owners.some(isOwner)),
      now: this.#now(),
    });
    if (isSameStatus(object.status, status) || !mayWrite()) return;
    try {
      watch.learn(await api.replaceStatus(watch.kind, object, status));
    } catch (error) {
      // It was changed or deleted meanwhile, which its watch tells of.
      if (isConflict(error) || isNotFound(error)) return;
      found.well = false;
      onError(error);
    }
  }

  #watches(): readonly WatchKind[] {
    const { workloads, meshServices, namespaces } = this.#options;
    return [...workloads, ...meshServices, ...(namespaces === undefined ? [] : [namespaces])];
  }

  #nowMs(): number {
    return (this.#options.wallMs ?? Date.now)();
  }

  /** ISO instant in whole seconds. */
  #now(): string {
    return new Date(this.#nowMs()).toISOString().replace(/\.\d+Z$/, "Z");
  }
}

/** Public keys say which keys they are. */
function isSameKeys(a: Keys, b: Keys): boolean {
  return isDeepStrictEqual(publicKeys(a), publicKeys(b));
}

function publicKeys({ policy, accounts }: Keys): unknown {
  return [
    policy.publicKey,
    accounts.map(({ name, identity, roles }) => [
      name,
      identity.publicKey,
      roles.map(({ role, key, previous }) => [role, key.publicKey, previous]),
    ]),
  ];
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
