// One service: its instances, and those of them that may get calls.
import { createOutlierGroup, type OutlierGroup } from "../engine/index.ts";
import type { Announced } from "./announced.ts";
import type { Instance } from "./instance.ts";
import { MethodTable } from "./method-table.ts";

/** Things said lately that a newcomer's are compared with: a service has a few releases at a time. */
const KEPT_ANNOUNCED = 4;

export class ServiceEntry {
  readonly name: string;
  readonly instances = new Map<string, Instance>();
  /** Methods of all instances. */
  readonly methods = new MethodTable();
  /** What the ejections of its instances have in common. */
  readonly outliers: OutlierGroup = createOutlierGroup();
  /** Grows with every change of `serving`, so that what is derived of it can be kept. */
  epoch = 0;
  /** Characters its instances have announced, together. */
  announcedLength = 0;
  /** How many of its instances are suspect because they do not answer. */
  silent = 0;
  /** What instances have said lately, the newest first. */
  readonly announced: Announced[] = [];
  #collected: { readonly serving: readonly Instance[]; readonly suspects: number } | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Those that may get new calls. Collected when asked for: a service that changes all the time costs those who call it. */
  get serving(): readonly Instance[] {
    this.#collected ??= collect(this.instances.values());
    return this.#collected.serving;
  }

  /** How many would serve but are suspect. */
  get suspects(): number {
    this.#collected ??= collect(this.instances.values());
    return this.#collected.suspects;
  }

  changed(): void {
    this.#collected = undefined;
    this.epoch++;
  }

  keep(announced: Announced): void {
    this.announced.unshift(announced);
    if (this.announced.length > KEPT_ANNOUNCED) this.announced.pop();
  }
}

function collect(instances: Iterable<Instance>): { serving: readonly Instance[]; suspects: number } {
  const serving: Instance[] = [];
  const silent: Instance[] = [];
  let suspects = 0;
  for (const instance of instances) {
    if (instance.phase !== "serving") continue;
    if (instance.suspectUntilMs === 0) serving.push(instance);
    else {
      suspects++;
      if (instance.silent) silent.push(instance);
    }
  }
  return { serving: serving.length > 0 ? serving : silent, suspects };
}
