// What a run has shown so far.

export interface Failure {
  /** Section, file and name of the test, or what else went wrong. */
  readonly what: string;
  readonly details: string;
}

export class Results {
  passed = 0;
  readonly failures: Failure[] = [];
  /** How many tests were left out, by the reason they gave. */
  readonly leftOut = new Map<string, number>();

  get skipped(): number {
    return [...this.leftOut.values()].reduce((sum, count) => sum + count, 0);
  }

  skip(reason: string, count = 1): void {
    this.leftOut.set(reason, (this.leftOut.get(reason) ?? 0) + count);
  }

  fail(what: string, details: string): void {
    this.failures.push({ what, details: details.trimEnd() });
  }

  /** A run that proved nothing has failed. */
  get succeeded(): boolean {
    return this.failures.length === 0 && this.passed > 0;
  }

  /** Every failure in full, why tests were left out, then the totals alone on the last line. */
  print(): string {
    if (this.failures.length === 0 && this.passed === 0)
      this.fail("nothing was run", "no test matches what was asked for");
    const blocks = this.failures.map(({ what, details }, index) => `${index + 1}) ${what}\n${indent(details)}\n`);
    const failed = blocks.length === 0 ? "" : `\n=== failed\n\n${blocks.join("\n")}`;
    const reasons = [...this.leftOut].map(([reason, count]) => `   ${count}: ${reason || "no reason given"}\n`);
    const left = reasons.length === 0 ? "" : `\n=== left out\n\n${reasons.join("")}`;
    return `${failed}${left}\n${this.passed} passed, ${this.failures.length} failed, ${this.skipped} skipped\n`;
  }
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "   ");
}
