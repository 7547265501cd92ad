// The chart as Helm renders it, for tests and for the manifest.
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { runProgram } from "../harness/index.ts";

export const KUBERNETES_FOLDER: string = fileURLToPath(
  new URL("../../../../broker-config/kubernetes", import.meta.url),
);
export const CHART_FOLDER = `${KUBERNETES_FOLDER}/chart`;
export const RELEASE = "malla";
export const NAMESPACE = "mesh";
/** Sets of values the chart comes with. */
export const VALUE_FILES = ["values-small.yaml", "values-production.yaml"] as const;
export type ValueFile = (typeof VALUE_FILES)[number];

/** An object of Kubernetes, as far as every object has one shape. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into objects of every kind
  readonly [field: string]: any;
}

export interface RenderOptions {
  readonly helm: string;
  /** Default: the chart's defaults alone. */
  readonly file?: ValueFile;
  /** Over the file. */
  readonly values?: object;
  readonly release?: string;
  readonly namespace?: string;
}

/** What `helm template` prints. Rejects with what it says if it refuses. */
export async function renderText(options: RenderOptions): Promise<string> {
  const { helm, file, values = {}, release = RELEASE, namespace = NAMESPACE } = options;
  const args = ["template", release, CHART_FOLDER, "--namespace", namespace, ...valueArgs(file), "--values", "-"];
  const { code, stdout, stderr } = await runProgram(helm, args, { input: JSON.stringify(values) });
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** Arguments that choose a set of values. */
export function valueArgs(file: ValueFile | undefined): string[] {
  return file === undefined ? [] : ["--values", `${CHART_FOLDER}/${file}`];
}

export async function render(options: RenderOptions): Promise<Rendered[]> {
  return parseObjects(await renderText(options));
}

export function parseObjects(text: string): Rendered[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

/** The one object of this kind and name. */
export function find(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found !== undefined) return found;
  const names = objects.map((object) => `${object.kind}/${object.metadata.name}`);
  throw new Error(`there is no ${kind}/${name} among ${names.join(", ")}`);
}

/** Every pod template, with the object it stands in. */
export function podTemplates(objects: readonly Rendered[]): { readonly owner: string; readonly template: Rendered }[] {
  return objects.flatMap(({ kind, metadata, spec }) =>
    spec?.template?.spec?.containers === undefined
      ? []
      : [{ owner: `${kind}/${metadata.name}`, template: spec.template as Rendered }],
  );
}
