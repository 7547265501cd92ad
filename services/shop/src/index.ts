// The shop as data, for whoever starts it: which programs, in how many instances, with which credentials.
import { fileURLToPath } from "node:url";

/** Account in which the shop keeps its own state. */
export const SHOP_ACCOUNT = "SHOP";

export interface ShopProcess {
  /** Unique among the shop's processes. */
  readonly name: string;
  readonly service: string;
  readonly version: string;
  /** Path of the compiled program. */
  readonly entry: string;
  /** `micro`: a NATS service without our SDK. */
  readonly role: "service" | "micro";
  /** Whether it needs credentials for the shop's account, in SHOP_CREDS. */
  readonly state: boolean;
  /** People who shop, rather than a service. */
  readonly load?: boolean;
}

/** Folder with the policy the shop comes with. */
export const shopPolicies: string = fileURLToPath(new URL("../policies", import.meta.url));

export const shopProcesses: readonly ShopProcess[] = [
  ...instances("catalog", ["1.4.0", "1.4.0", "2.0.0"], { state: false }),
  ...instances("inventory", ["1.0.0"]),
  ...instances("cart", ["1.0.0"]),
  ...instances("pricing", ["1.1.0"], { state: false }),
  ...instances("payments", ["1.2.0"]),
  ...instances("shipping", ["1.0.0"]),
  ...instances("orders", ["1.0.0"]),
  ...instances("recommendations", ["1.0.0"], { role: "micro", state: false }),
  ...instances("storefront", ["1.0.0", "1.0.0"], { state: false }),
  ...instances("shoppers", ["1.0.0"], { state: false, load: true }),
];

function instances(
  service: string,
  versions: readonly string[],
  rest: Partial<Pick<ShopProcess, "role" | "state" | "load">> = {},
): ShopProcess[] {
  const folder = rest.load === true ? "load" : service;
  const entry = fileURLToPath(new URL(`./${folder}/main.js`, import.meta.url));
  return versions.map((version, i) => ({
    name: versions.length === 1 ? service : `${service}-${i + 1}`,
    service,
    version,
    entry,
    role: "service",
    state: true,
    ...rest,
  }));
}
