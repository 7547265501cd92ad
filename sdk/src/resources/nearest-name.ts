// "Did you mean": the nearest of some known names.

/** The known name nearest to what was written, or undefined if none is near enough to be meant. */
export function nearestName(written: string, known: readonly string[]): string | undefined {
  if (written.length > 64) return undefined;
  const plain = written.toLowerCase();
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of known) {
    const distance = distanceBetween(plain, name.toLowerCase());
    if (best === undefined || distance < best.distance) best = { name, distance };
  }
  return best !== undefined && best.distance <= Math.max(1, Math.floor(plain.length / 3)) ? best.name : undefined;
}

/** A word that begins as another does counts as one step away: `timeout` for `timeoutMs`, `route` for `routes`. */
function distanceBetween(a: string, b: string): number {
  if (a === b) return 0;
  if (Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a))) return 1;
  return editDistance(a, b);
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let twoAgo: number[] = [];
  let oneAgo = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((oneAgo[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (oneAgo[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, (twoAgo[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    twoAgo = oneAgo;
    oneAgo = row;
  }
  return oneAgo[b.length] ?? 0;
}
