// What a pod may ask for and the agent does not do. It refuses such a pod by name: a test must not pass because something
// was passed over in silence.
import type { FindImage } from "./images.ts";
import type { Container, Pod, Volume } from "./objects.ts";

const VOLUME_KINDS = ["secret", "configMap", "downwardAPI", "projected", "emptyDir", "persistentVolumeClaim"];
const HANDLERS = ["exec", "httpGet", "tcpSocket", "sleep"];

/** Nothing if the agent can run it, else what it cannot. */
export function findUnsupported({ spec }: Pod, findImage: FindImage): string | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  return (
    (spec.hostNetwork === true ? "hostNetwork" : undefined) ??
    (spec.shareProcessNamespace === true ? "shareProcessNamespace" : undefined) ??
    containers.map((container) => inContainer(container, findImage)).find((found) => found !== undefined) ??
    (spec.volumes ?? []).map(inVolume).find((found) => found !== undefined) ??
    (spec.initContainers ?? [])
      .map(({ name, restartPolicy }) => (restartPolicy === undefined ? undefined : `restartPolicy of ${name}`))
      .find((found) => found !== undefined)
  );
}

function inContainer(container: Container, findImage: FindImage): string | undefined {
  const { name, image, lifecycle, startupProbe, readinessProbe, livenessProbe } = container;
  if (findImage(image) === undefined) return `image ${image} of container ${name}`;
  if (lifecycle?.postStart !== undefined) return `postStart of container ${name}`;
  if (lifecycle?.stopSignal !== undefined) return `stopSignal of container ${name}`;
  for (const handler of [startupProbe, readinessProbe, livenessProbe, lifecycle?.preStop]) {
    if (handler !== undefined && !HANDLERS.some((kind) => kind in handler))
      return `probe or hook of container ${name} that is none of ${HANDLERS.join(", ")}`;
  }
  return undefined;
}

function inVolume(volume: Volume): string | undefined {
  return VOLUME_KINDS.some((kind) => kind in volume)
    ? undefined
    : `volume ${volume.name}: ${Object.keys(volume).join(", ")}`;
}
