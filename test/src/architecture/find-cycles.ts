// Cycles of a graph, by Tarjan's strongly connected components.

/** Each group of nodes that reach one another, and each node that points at itself. */
export function findCycles(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const cycles: string[][] = [];
  const visit = (node: string): number => {
    const own = order.size;
    order.set(node, own);
    lowest.set(node, own);
    open.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) lowest.set(node, Math.min(lowest.get(node) as number, visit(next)));
      else if (open.includes(next)) lowest.set(node, Math.min(lowest.get(node) as number, order.get(next) as number));
    }
    const low = lowest.get(node) as number;
    if (low === own) {
      const group = open.splice(open.indexOf(node));
      if (group.length > 1 || graph.get(node)?.includes(node) === true) cycles.push(group);
    }
    return low;
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return cycles;
}
