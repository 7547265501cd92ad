// The algebra of NATS subjects that grants need: does one pattern cover another, can two of them meet.

/**
 * Whether everything `subject` stands for (it may hold wildcards) is also matched by `pattern`. Stricter than a match of
 * single subjects: `a.*` does not cover `a.>`.
 */
export function covers(pattern: string, subject: string): boolean {
  const wide = pattern.split(".");
  const narrow = subject.split(".");
  for (const [index, token] of wide.entries()) {
    const other = narrow[index];
    if (other === undefined) return false;
    if (token === ">") return true;
    if (other === ">") return false;
    if (token !== "*" && token !== other) return false;
  }
  return wide.length === narrow.length;
}

/** Whether some subject is matched by both patterns. */
export function overlaps(left: string, right: string): boolean {
  const one = left.split(".");
  const two = right.split(".");
  for (let index = 0; ; index++) {
    const a = one[index];
    const b = two[index];
    if (a === undefined || b === undefined) return a === b;
    if (a === ">" || b === ">") return true;
    if (a !== "*" && b !== "*" && a !== b) return false;
  }
}
