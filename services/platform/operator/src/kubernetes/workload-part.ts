// What is held of a workload: what it asks for. All Deployments and Jobs of a large cluster, whole, are more than the operator
// needs and more than its memory has room for.
import type { KubernetesObject } from "./api.ts";

/** The object with its annotations and those of its templates; of its labels, owners and times nothing is left out. */
export function workloadPart<T extends KubernetesObject>(object: T): T {
  const { managedFields: _fields, ...metadata } = object.metadata as T["metadata"] & {
    readonly managedFields?: unknown;
  };
  const { apiVersion, kind, spec } = object;
  return { apiVersion, kind, metadata, spec: templatesOf(spec) } as unknown as T;
}

/** Of a Deployment, StatefulSet, DaemonSet or Job the template, of a CronJob that of its Jobs and of their pods. */
function templatesOf(spec: unknown): object {
  const { template, jobTemplate } = mapOf(spec);
  return {
    ...(template === undefined ? {} : { template: annotationsOf(template) }),
    ...(jobTemplate === undefined
      ? {}
      : { jobTemplate: { ...annotationsOf(jobTemplate), spec: templatesOf(mapOf(jobTemplate).spec) } }),
  };
}

function annotationsOf(template: unknown): object {
  const { annotations } = mapOf(mapOf(template).metadata);
  return { metadata: annotations === undefined ? {} : { annotations } };
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
