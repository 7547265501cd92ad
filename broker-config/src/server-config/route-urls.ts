// Whom a server of a cluster dials: of each two servers one, always the same.
import { address } from "./conf-text.ts";
import type { ClusterOptions } from "./options.ts";

/**
 * The routes that a server lists.
 *
 * Where both ends of a route that broke dial each other, each may keep its own connection and drop the other's as a duplicate, and
 * then both begin again: nats-server 2.15.2 waits 1.0 to 1.1 s before each try, so on a busy machine they meet again and again. So of
 * each two servers only one lists the other.
 *
 * JetStream's first election counts the routes that are listed, and a server without any is alone; so a server stands in its list
 * itself for each that it leaves out. It dials itself once for each, notices, and leaves it. What is listed twice would count once,
 * so these differ by a path, which nobody looks at.
 */
export function routeUrls(
  { routes, ownRoute }: Pick<ClusterOptions, "routes" | "ownRoute">,
  password: string,
): string[] {
  const url = (at: string): string => `nats://route:${password}@${address(at)}`;
  if (ownRoute === undefined) return routes.map(url);
  const own = routes.indexOf(ownRoute);
  if (own === -1)
    throw new Error(`"${ownRoute}", this server's own route, is none of the cluster's: ${routes.join(", ")}`);
  return routes.map((at, other) => (other === own || dials(own, other) ? url(at) : `${url(ownRoute)}/${other}`));
}

/**
 * The later dials the earlier at a distance of 1, 3, 5 …, the earlier the later at 2, 4 …: so each of three or more dials some, and
 * one that was started again need not wait until it is dialled; and servers that are added change nothing between those there were.
 */
function dials(own: number, other: number): boolean {
  return other < own ? (own - other) % 2 === 1 : (other - own) % 2 === 0;
}
