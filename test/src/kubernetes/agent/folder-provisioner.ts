// Volumes for claims: a folder each. The default StorageClass, and a PersistentVolume for whichever claim asks for one.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ApiClient, ApiError } from "./api-client.ts";
import { ObjectStore } from "./object-store.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "./objects.ts";

const PROVISIONER = "malla.dev/folder";
const STORAGE_CLASS = "folder";
/** Set by the control plane: who is to make the volume of a claim. */
const ASKED = "volume.kubernetes.io/storage-provisioner";
const CONFLICT = 409;
const NOT_FOUND = 404;

export class FolderProvisioner {
  readonly #client: ApiClient;
  readonly #folder: string;
  readonly #claims: ObjectStore<PersistentVolumeClaim>;
  readonly #volumes: ObjectStore<PersistentVolume>;
  readonly #say: (line: string) => void;
  #working: Promise<void> = Promise.resolve();

  private constructor(client: ApiClient, folder: string, say: (line: string) => void) {
    this.#client = client;
    this.#folder = folder;
    this.#say = say;
    this.#claims = new ObjectStore(client, "/api/v1/persistentvolumeclaims");
    this.#volumes = new ObjectStore(client, "/api/v1/persistentvolumes");
  }

  static async start(client: ApiClient, folder: string, say: (line: string) => void): Promise<FolderProvisioner> {
    await client.create("/apis/storage.k8s.io/v1/storageclasses", {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: STORAGE_CLASS, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
      provisioner: PROVISIONER,
      reclaimPolicy: "Delete",
      volumeBindingMode: "WaitForFirstConsumer",
    });
    const provisioner = new FolderProvisioner(client, folder, say);
    provisioner.#claims.onChange(({ gone, object }) => gone || provisioner.#queue(() => provisioner.#provide(object)));
    provisioner.#volumes.onChange(({ gone, object }) => gone || provisioner.#queue(() => provisioner.#reclaim(object)));
    await provisioner.#claims.start();
    await provisioner.#volumes.start();
    return provisioner;
  }

  /** Folder of a claim that is bound. */
  find(namespace: string, claim: string): string | undefined {
    const found = this.#claims.get(namespace, claim);
    if (found?.status?.phase !== "Bound") return undefined;
    return this.#volumes.get("", found.spec.volumeName ?? "")?.spec.hostPath?.path;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#claims.stop(), this.#volumes.stop()]);
    await this.#working;
  }

  #queue(work: () => Promise<void>): void {
    this.#working = this.#working.then(work).catch((error: unknown) => this.#say(`volumes: ${String(error)}`));
  }

  async #provide({ metadata, spec }: PersistentVolumeClaim): Promise<void> {
    if (spec.volumeName !== undefined || metadata.annotations?.[ASKED] !== PROVISIONER) return;
    const name = `pvc-${metadata.uid}`;
    const path = join(this.#folder, name);
    await mkdir(path, { recursive: true });
    const volume = {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name, annotations: { "pv.kubernetes.io/provisioned-by": PROVISIONER } },
      spec: {
        accessModes: spec.accessModes,
        capacity: { storage: spec.resources?.requests?.storage },
        claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", ...pick(metadata) },
        hostPath: { path },
        persistentVolumeReclaimPolicy: "Delete",
        storageClassName: spec.storageClassName,
      },
    };
    await this.#client.create("/api/v1/persistentvolumes", volume).catch(unless(CONFLICT));
  }

  async #reclaim({ metadata, spec, status }: PersistentVolume): Promise<void> {
    if (status?.phase !== "Released" || metadata.annotations?.["pv.kubernetes.io/provisioned-by"] !== PROVISIONER)
      return;
    await this.#client.delete(`/api/v1/persistentvolumes/${metadata.name}`).catch(unless(NOT_FOUND));
    if (spec.hostPath !== undefined) await rm(spec.hostPath.path, { recursive: true, force: true });
  }
}

function pick({ namespace, name, uid }: PersistentVolumeClaim["metadata"]): object {
  return { namespace, name, uid };
}

function unless(status: number): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof ApiError) || error.status !== status) throw error;
  };
}
