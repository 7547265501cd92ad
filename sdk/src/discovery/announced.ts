// What an instance says of itself, apart from its load. Instances of one release mostly say the same, and say it again every five
// seconds: it is read once and shared.
import { announcedLength, CAPABILITY_FRAMES, type InstanceState } from "../contract/index.ts";

export interface Announced {
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly methods: ReadonlySet<string>;
  readonly idempotentMethods: ReadonlySet<string>;
  readonly maxInFlight: number;
  /** Whether it takes requests in frames. */
  readonly takesFrames: boolean;
  readonly phase: InstanceState["phase"];
  /** Characters of it. */
  readonly length: number;
  /** The bytes it was read from, without load and stamp; undefined if it did not come as bytes of ours. */
  readonly bytes: Uint8Array | undefined;
}

/** What was said, with the sets of `like` where they are equal. */
export function announcedOf(
  state: InstanceState,
  bytes: Uint8Array | undefined,
  like: Announced | undefined,
): Announced {
  const { version, tags, maxInFlight, phase } = state;
  return {
    version,
    tags,
    methods: sharedNames(state.methods, like?.methods),
    idempotentMethods: sharedNames(state.idempotentMethods, like?.idempotentMethods),
    maxInFlight,
    takesFrames: state.capabilities.includes(CAPABILITY_FRAMES),
    phase,
    length: announcedLength(state),
    bytes,
  };
}

/** Whether the same calls may go to both. */
export function takesTheSame(a: Announced, b: Announced): boolean {
  return a === b || (a.phase === b.phase && a.version === b.version && sameTags(a.tags, b.tags));
}

const NO_NAMES: ReadonlySet<string> = new Set();

function sharedNames(names: readonly string[], known: ReadonlySet<string> = NO_NAMES): ReadonlySet<string> {
  return known.size === names.length && names.every((name) => known.has(name)) ? known : new Set(names);
}

function sameTags(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
