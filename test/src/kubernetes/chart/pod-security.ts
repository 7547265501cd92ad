// The pod security standard "restricted", as its page lists it, over one pod template.
import type { Rendered } from "./chart.ts";

const VOLUMES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];
const HOST_FIELDS = ["hostNetwork", "hostPID", "hostIPC"];

/** What the standard forbids and the template does, by path; and what we ask beyond it: read-only roots and resources. */
export function podProblems(template: Rendered): string[] {
  const { spec } = template;
  const pod = spec.securityContext ?? {};
  const containers = [...(spec.initContainers ?? []), ...spec.containers] as Rendered["spec"][];
  return [
    ...HOST_FIELDS.filter((field) => spec[field] !== undefined).map((field) => `spec.${field} is set`),
    ...(spec.volumes ?? []).flatMap((volume: Record<string, unknown>) =>
      Object.keys(volume)
        .filter((key) => key !== "name" && !VOLUMES.includes(key))
        .map((key) => `volume ${String(volume["name"])} is a ${key}`),
    ),
    ...containers.flatMap((container) => containerProblems(container, pod).map((text) => `${container.name}: ${text}`)),
  ];
}

function containerProblems(container: Rendered["spec"], pod: Rendered["spec"]): string[] {
  const own = container.securityContext ?? {};
  const effective = { ...pod, ...own };
  const checks: [boolean, string][] = [
    [effective.runAsNonRoot === true, "runAsNonRoot is not true"],
    [effective.runAsUser !== 0, "runs as user 0"],
    [["RuntimeDefault", "Localhost"].includes(effective.seccompProfile?.type), "no seccomp profile"],
    [own.allowPrivilegeEscalation === false, "allowPrivilegeEscalation is not false"],
    [own.privileged !== true, "is privileged"],
    [own.capabilities?.drop?.includes("ALL") === true, "does not drop ALL capabilities"],
    [(own.capabilities?.add ?? []).every((name: string) => name === "NET_BIND_SERVICE"), "adds capabilities"],
    [own.procMount === undefined || own.procMount === "Default", "procMount is set"],
    [(container.ports ?? []).every((port: { hostPort?: number }) => port.hostPort === undefined), "has a hostPort"],
    [own.readOnlyRootFilesystem === true, "its root can be written"],
    [
      ["requests", "limits"].every((which) => ["cpu", "memory"].every((what) => container.resources?.[which]?.[what])),
      "has no requests and limits of CPU and memory",
    ],
  ];
  return checks.filter(([holds]) => !holds).map(([, text]) => text);
}
