// Which versions of nats-server are good enough.

/** What is fetched where nothing good enough is found. */
export const PINNED_VERSION = "2.15.2";
/** The oldest patch of each line that is good enough; lines above the newest are good as a whole. */
export const VERSION_FLOORS: readonly string[] = ["2.12.15", "2.14.5"];

interface Version {
  readonly numbers: readonly [number, number, number];
  /** A candidate comes before the release of its number. */
  readonly candidate: boolean;
}

/** Reads the version out of what `nats-server --version` prints; undefined if there is none in it. */
export function readVersion(output: string): string | undefined {
  return /\bv?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)\s*$/m.exec(output)?.[1];
}

/** Whether a version is at or above the floor of its own line, or of a line newer than all that have one. */
export function isAtFloor(version: string): boolean {
  const own = parse(version);
  if (own === undefined) return false;
  const floors = VERSION_FLOORS.map((floor) => parse(floor) as Version);
  const sameLine = floors.find(({ numbers }) => numbers[0] === own.numbers[0] && numbers[1] === own.numbers[1]);
  if (sameLine !== undefined) {
    const patch = own.numbers[2] - sameLine.numbers[2];
    return patch > 0 || (patch === 0 && !own.candidate);
  }
  return floors.every(
    ({ numbers }) => own.numbers[0] > numbers[0] || (own.numbers[0] === numbers[0] && own.numbers[1] > numbers[1]),
  );
}

function parse(version: string): Version | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(-.+)?$/.exec(version);
  if (match === null) return undefined;
  return { numbers: [Number(match[1]), Number(match[2]), Number(match[3])], candidate: match[4] !== undefined };
}
