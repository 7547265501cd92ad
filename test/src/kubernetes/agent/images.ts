// What stands for the images of the chart: programs of this machine in a root folder of their own.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const CHECKOUT = join(dirname(fileURLToPath(import.meta.url)), "../../../..");
/** Where an image's own programs are inside. */
const PROGRAMS = "/opt/image/bin";
export const IMAGE_PATH = `${PROGRAMS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

export interface Image {
  /** Of this machine, seen read-only inside. */
  readonly contents: readonly { readonly source: string; readonly target: string }[];
  readonly entrypoint: readonly string[];
  /** If the container has neither command nor args. */
  readonly command: readonly string[];
  readonly workingFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Whom its programs run as, unless the container says. */
  readonly user: number;
}

/** Finds an image by its reference; undefined: there is none such. */
export type FindImage = (reference: string) => Image | undefined;

/** `malla…` is this checkout on the Node of this process, `nats` the server at `natsServer`; from any registry, any tag. */
export function chartImages(natsServer: string): FindImage {
  const malla: Image = {
    contents: [
      { source: CHECKOUT, target: "/malla" },
      { source: process.execPath, target: `${PROGRAMS}/node` },
    ],
    entrypoint: ["node"],
    command: [],
    workingFolder: "/malla",
    environment: { NODE_ENV: "production" },
    user: 65_532,
  };
  const nats: Image = {
    contents: [
      { source: natsServer, target: `${PROGRAMS}/nats-server` },
      { source: natsServer, target: "/nats-server" },
    ],
    entrypoint: ["nats-server"],
    command: ["--config", "nats-server.conf"],
    workingFolder: "/",
    environment: {},
    user: 0,
  };
  return (reference) => {
    const name = /([^/:@]+)(:[^/@]+)?(@.+)?$/.exec(reference)?.[1] ?? "";
    if (name.startsWith("malla")) return malla;
    return name === "nats" ? nats : undefined;
  };
}
