// Events of resources: what `kubectl describe` shows below their status.
import { randomBytes } from "node:crypto";
import { CONTROLLER_NAME } from "../names.ts";
import type { KubernetesApi, KubernetesObject } from "./api.ts";
import { EVENT } from "./resource-kinds.ts";

export interface EventText {
  readonly type: "Normal" | "Warning";
  /** One word in CamelCase. */
  readonly reason: string;
  readonly note: string;
}

const MAX_NOTE_LENGTH = 1_024;

/** Writes events; one that cannot be written is told to `onError` and lost. */
export class EventRecorder {
  readonly #api: KubernetesApi;
  readonly #instance: string;
  readonly #onError: (error: unknown) => void;

  /** `instance`: this process. */
  constructor(api: KubernetesApi, instance: string, onError: (error: unknown) => void) {
    this.#api = api;
    this.#instance = instance.slice(0, 128);
    this.#onError = onError;
  }

  async record(object: KubernetesObject, { type, reason, note }: EventText): Promise<void> {
    const { name, namespace = "default", uid, resourceVersion } = object.metadata;
    const { apiVersion, kind } = object;
    const event = {
      apiVersion: EVENT.apiVersion,
      kind: EVENT.kind,
      metadata: { namespace, name: `${name.slice(0, 200)}.${randomBytes(8).toString("hex")}` },
      eventTime: new Date().toISOString().replace("Z", "000Z"),
      reportingController: CONTROLLER_NAME,
      reportingInstance: this.#instance,
      action: "Reconcile",
      type,
      reason,
      note: note.length > MAX_NOTE_LENGTH ? `${note.slice(0, MAX_NOTE_LENGTH - 1)}…` : note,
      regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
    };
    await this.#api.create(EVENT, event).catch(this.#onError);
  }
}
