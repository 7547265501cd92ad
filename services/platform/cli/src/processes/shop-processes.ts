// The example shop on a mesh: its policy, its programs with their credentials, and the people who shop.
import { writeCredentials } from "@malla/broker-config";
import { documentName } from "@malla/sdk/resources";
import { Failure } from "../failure.ts";
import type { Presence } from "../live/presence.ts";
import { checkTogether, readDocuments, toStored, withDocuments } from "../mesh/read-documents.ts";
import { author, openPolicy } from "../mesh/session.ts";
import type { MeshProcesses } from "./mesh-processes.ts";

/** How long the services may take to announce themselves, in ms. */
const READY_MS = 60_000;
const LOOK_MS = 50;

export type Shop = typeof import("@malla/shop");
type ShopProcess = Shop["shopProcesses"][number];

/** The shop is there in a checkout, and not where the command was installed alone. */
export async function loadShop(): Promise<Shop> {
  try {
    return await import("@malla/shop");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new Failure(
      "the example shop is not here: `malla start` runs in a checkout of Malla; elsewhere use `malla up`",
    );
  }
}

export async function applyShopPolicy(shop: Shop, mesh: MeshProcesses): Promise<void> {
  const policy = await openPolicy({ servers: mesh.natsUrl });
  try {
    const base = await policy.store.read();
    const read = await readDocuments([shop.shopPolicies]);
    const before = base.documents.map(({ document }) => document);
    const after = withDocuments(before, read, new Date().toISOString());
    checkTogether(after, read);
    const names = new Set(read.map(({ document }) => documentName(document)));
    const put = after.filter((document) => names.has(documentName(document))).map(toStored);
    await policy.store.write(base, { put, remove: [], action: "apply the shop's policies" }, author(), policy.seed);
  } finally {
    await policy.close();
  }
}

/** Starts the services, and resolves when all of them have announced themselves. */
export async function startShop(shop: Shop, mesh: MeshProcesses, home: string, presence: Presence): Promise<void> {
  for (const spec of shop.shopProcesses.filter(({ load }) => load !== true)) await startOne(shop, mesh, home, spec);
  const wanted = new Set(shop.shopProcesses.filter(({ load }) => load !== true).map(({ service }) => service));
  const giveUpAt = performance.now() + READY_MS;
  for (;;) {
    const missing = [...wanted].filter((service) => (presence.registry.service(service)?.serving.length ?? 0) === 0);
    if (missing.length === 0) return;
    if (performance.now() > giveUpAt) {
      throw new Failure(`these services of the shop did not come up within a minute: ${missing.join(", ")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Starts the people who shop. */
export async function startLoad(shop: Shop, mesh: MeshProcesses, home: string): Promise<void> {
  for (const spec of shop.shopProcesses.filter(({ load }) => load === true)) await startOne(shop, mesh, home, spec);
}

async function startOne(shop: Shop, mesh: MeshProcesses, home: string, spec: ShopProcess): Promise<void> {
  const { name, service, version, entry, role, state, load } = spec;
  const credentials = await writeCredentials(home, { name: service, role }, mesh.keys);
  const application = { name: service, role: "application", account: shop.SHOP_ACCOUNT } as const;
  const stateCredentials = state ? await writeCredentials(home, application, mesh.keys) : undefined;
  mesh.run({
    name,
    entry,
    callsOnly: load === true,
    env: {
      NATS_CREDS: credentials,
      MALLA_SERVICE: service,
      MALLA_VERSION: version,
      ...(stateCredentials === undefined ? {} : { SHOP_CREDS: stateCredentials }),
    },
  });
}
