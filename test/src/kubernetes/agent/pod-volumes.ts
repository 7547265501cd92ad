// The volumes of a pod as folders of this machine, kept up to date while it runs.
import { chmod, chown, mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { writeAtomically } from "./atomic-folder.ts";
import type { Mount } from "./container-process.ts";
import type { Container, Pod, Volume } from "./objects.ts";
import { type ContentSources, type VolumeFiles, VolumeMissing, volumeContent } from "./volume-content.ts";

export interface VolumeSources extends ContentSources {
  /** Folder of a claim of the pod's namespace; nothing if it is not bound yet. */
  readonly claimFolder: (claim: string) => string | undefined;
}

export class PodVolumes {
  readonly #folder: string;
  readonly #pod: Pod;
  readonly #sources: VolumeSources;
  readonly #folders = new Map<string, string>();
  readonly #written = new Map<string, VolumeFiles>();
  #syncing: Promise<void> = Promise.resolve();

  constructor(folder: string, pod: Pod, sources: VolumeSources) {
    this.#folder = folder;
    this.#pod = pod;
    this.#sources = sources;
  }

  /** Makes all of them. Throws VolumeMissing for what is not there yet; to be tried again then. */
  async prepare(): Promise<void> {
    for (const volume of this.#pod.spec.volumes ?? []) await this.#prepare(volume);
  }

  /** Writes what has changed. What has gone keeps its last content, as the kubelet does it. */
  async sync(): Promise<void> {
    this.#syncing = this.#syncing.then(async () => {
      for (const volume of this.#pod.spec.volumes ?? []) {
        if (!this.#written.has(volume.name)) continue;
        await this.#prepare(volume).catch((error: unknown) => {
          if (!(error instanceof VolumeMissing)) throw error;
        });
      }
    });
    await this.#syncing;
  }

  async mounts(container: Container): Promise<readonly Mount[]> {
    return await Promise.all(
      (container.volumeMounts ?? []).map(async ({ name, mountPath, subPath, readOnly = false }) => {
        const folder = this.#folders.get(name);
        if (folder === undefined) throw new Error(`the pod has no volume ${name}`);
        const source = subPath === undefined ? folder : await this.#subPath(name, folder, subPath);
        return { source, target: mountPath, readOnly: readOnly || this.#written.has(name) };
      }),
    );
  }

  async #subPath(name: string, folder: string, subPath: string): Promise<string> {
    const path = join(folder, subPath);
    if (!this.#written.has(name)) await this.#makeFolder(path, 0o755);
    // The version as it is now: a mount of one file does not follow later ones, here or in a cluster.
    return await realpath(path);
  }

  async #prepare(volume: Volume): Promise<void> {
    const { name, emptyDir, persistentVolumeClaim } = volume;
    if (emptyDir !== undefined) {
      if (!this.#folders.has(name)) this.#folders.set(name, await this.#makeFolder(join(this.#folder, name), 0o777));
      return;
    }
    if (persistentVolumeClaim !== undefined) {
      const found = this.#sources.claimFolder(persistentVolumeClaim.claimName);
      if (found === undefined)
        throw new VolumeMissing(`PersistentVolumeClaim ${persistentVolumeClaim.claimName} is not bound`);
      this.#folders.set(name, await this.#makeFolder(found, 0o755));
      return;
    }
    const files = await volumeContent(volume, this.#sources);
    if (files === undefined) throw new Error(`the agent does not know that kind of volume: ${name}`);
    if (isDeepStrictEqual(files, this.#written.get(name))) return;
    const folder = join(this.#folder, name);
    await writeAtomically(folder, files, this.#fsGroup);
    this.#written.set(name, files);
    this.#folders.set(name, folder);
  }

  async #makeFolder(path: string, mode: number): Promise<string> {
    const made = await mkdir(path, { recursive: true });
    const group = this.#fsGroup;
    if (made !== undefined) await chmod(path, mode);
    if (group !== undefined) {
      await chown(path, 0, group);
      await chmod(path, 0o2770 | mode);
    }
    return path;
  }

  get #fsGroup(): number | undefined {
    return this.#pod.spec.securityContext?.fsGroup;
  }
}
