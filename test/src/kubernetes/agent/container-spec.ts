// What a container of a pod is as a process, from its spec, its image and the pod's own parts.
import { join } from "node:path";
import type { ContainerSpec, Mount } from "./container-process.ts";
import { type FindImage, IMAGE_PATH, type Image } from "./images.ts";
import type { Container, Pod } from "./objects.ts";
import { ConfigMissing, expand } from "./pod-environment.ts";
import type { PodSandbox } from "./pod-sandbox.ts";

export interface SpecSources {
  readonly pod: Pod;
  readonly container: Container;
  readonly findImage: FindImage;
  readonly sandbox: PodSandbox;
  readonly mounts: readonly Mount[];
  readonly environment: Readonly<Record<string, string>>;
  readonly rootFolder: string;
  readonly log: string;
}

/** Throws ConfigMissing if it must not be root and would be. */
export function containerSpec(sources: SpecSources): ContainerSpec {
  const { pod, container, sandbox, environment } = sources;
  const image = sources.findImage(container.image) as Image;
  const { securityContext = {} } = pod.spec;
  const own = { ...securityContext, ...container.securityContext };
  const user = own.runAsUser ?? image.user;
  if (own.runAsNonRoot === true && user === 0)
    throw new ConfigMissing("container has runAsNonRoot and image will run as root");
  const group = own.runAsGroup ?? (own.runAsUser === undefined ? image.user : 0);
  const { fsGroup } = securityContext;
  return {
    command: commandOf(container, image, environment),
    environment: {
      HOSTNAME: pod.spec.hostname ?? pod.metadata.name,
      HOME: "/",
      ...image.environment,
      ...environment,
    },
    path: environment.PATH ?? IMAGE_PATH,
    workingFolder: container.workingDir ?? image.workingFolder,
    mounts: [
      ...image.contents.map((content): Mount => ({ ...content, readOnly: true })),
      ...["hosts", "hostname", "resolv.conf"].map(
        (file): Mount => ({ source: join(sandbox.etc, file), target: `/etc/${file}`, readOnly: true }),
      ),
      ...sources.mounts,
    ],
    readOnlyRoot: own.readOnlyRootFilesystem === true,
    user,
    group,
    groups: fsGroup === undefined ? [] : [fsGroup],
    rootFolder: sources.rootFolder,
    log: sources.log,
    sandboxPid: sandbox.pid,
  };
}

function commandOf({ command, args }: Container, image: Image, values: Readonly<Record<string, string>>): string[] {
  const program = command ?? image.entrypoint;
  // A command of the container leaves nothing of the image's.
  const rest = args ?? (command === undefined ? image.command : []);
  return [...program, ...rest].map((word) => expand(word, values));
}
