// The files of a volume that is made from objects of the API server.

import type { DownwardApiProjection, SecretProjection, TokenProjection, Volume, VolumeProjection } from "./objects.ts";
import { type EnvironmentSources, podField, resourceField } from "./pod-environment.ts";

/** Something a volume is made of is not there yet; the pod waits. */
export class VolumeMissing extends Error {}

export interface VolumeFile {
  readonly content: Buffer;
  /** Before what the pod's fsGroup adds. */
  readonly mode: number;
}

/** By path in the volume. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

export interface ContentSources
  extends Pick<EnvironmentSources, "pod" | "podIp" | "hostIp" | "secret" | "configMap" | "allocatable"> {
  /** A token of the pod's ServiceAccount. */
  readonly token: (projection: TokenProjection) => Promise<string>;
}

const DEFAULT_MODE = 0o644;

/** Undefined: this volume is no such one. Throws VolumeMissing for what is not there and not optional. */
export async function volumeContent(volume: Volume, sources: ContentSources): Promise<VolumeFiles | undefined> {
  const { secret, configMap, downwardAPI, projected } = volume;
  if (secret !== undefined)
    return fromKeys("Secret", { ...secret, name: secret.secretName }, sources.secret, secret.defaultMode);
  if (configMap !== undefined) return fromKeys("ConfigMap", configMap, sources.configMap, configMap.defaultMode);
  if (downwardAPI !== undefined) return fromFields(downwardAPI, sources, downwardAPI.defaultMode);
  if (projected === undefined) return undefined;
  const parts: VolumeFiles[] = [];
  for (const source of projected.sources ?? [])
    parts.push(await fromProjection(source, sources, projected.defaultMode));
  return new Map(parts.flatMap((part) => [...part]));
}

async function fromProjection(
  { secret, configMap, downwardAPI, serviceAccountToken }: VolumeProjection,
  sources: ContentSources,
  mode = DEFAULT_MODE,
): Promise<VolumeFiles> {
  if (secret !== undefined) return fromKeys("Secret", secret, sources.secret, mode);
  if (configMap !== undefined) return fromKeys("ConfigMap", configMap, sources.configMap, mode);
  if (downwardAPI !== undefined) return fromFields(downwardAPI, sources, mode);
  if (serviceAccountToken === undefined) throw new Error("the agent does not know that kind of projected volume");
  const content = Buffer.from(await sources.token(serviceAccountToken));
  return new Map([[serviceAccountToken.path, { content, mode }]]);
}

function fromKeys(
  kind: string,
  { name = "", items, optional = false }: SecretProjection,
  read: ContentSources["secret"],
  defaultMode = DEFAULT_MODE,
): VolumeFiles {
  const values = read(name);
  if (values === undefined) {
    if (optional) return new Map();
    throw new VolumeMissing(`${kind} ${name} not found`);
  }
  const wanted = items ?? [...values.keys()].map((key) => ({ key, path: key, mode: undefined }));
  return new Map(
    wanted.flatMap(({ key, path, mode = defaultMode }): [string, VolumeFile][] => {
      const content = values.get(key);
      if (content !== undefined) return [[path, { content, mode }]];
      if (optional) return [];
      throw new VolumeMissing(`${kind} ${name} has no key ${key}`);
    }),
  );
}

function fromFields(
  { items = [] }: DownwardApiProjection,
  sources: ContentSources,
  defaultMode = DEFAULT_MODE,
): VolumeFiles {
  return new Map(
    items.map(({ path, fieldRef, resourceFieldRef, mode = defaultMode }) => {
      const text =
        resourceFieldRef === undefined
          ? podField(fieldRef?.fieldPath ?? "", sources)
          : resourceField(resourceFieldRef, sources);
      return [path, { content: Buffer.from(text), mode }];
    }),
  );
}
