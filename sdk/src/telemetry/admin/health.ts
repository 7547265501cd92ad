// What a health check says, and how a list of them reads.

export interface HealthCheck {
  /** Short and stable: `connection`, `policy`, `draining`. */
  readonly name: string;
  readonly ok: boolean;
  /** Why it is not well, for people. */
  readonly why?: string | undefined;
  /** Counts for `/healthz` too: what only a restart can mend. Default false: such a check counts for `/readyz` alone. */
  readonly live?: boolean | undefined;
}

/** The checks that decide liveness. The process answers, so an empty list is well. */
export function livenessChecks(checks: readonly HealthCheck[]): readonly HealthCheck[] {
  return checks.filter((check) => check.live === true);
}

export function isWell(checks: readonly HealthCheck[]): boolean {
  return checks.every((check) => check.ok);
}

/** One line a check, then the verdict: `[+] policy`, `[-] connection: not connected to the broker`. */
export function healthText(checks: readonly HealthCheck[]): string {
  const lines = checks.map((check) => (check.ok ? `[+] ${check.name}` : `[-] ${check.name}: ${check.why ?? "not ok"}`));
  return `${[...lines, isWell(checks) ? "ok" : "not ok"].join("\n")}\n`;
}

/** The same for programs. */
export function healthJson(checks: readonly HealthCheck[]): string {
  const rows = checks.map(({ name, ok, why }) => ({ name, ok, ...(ok ? {} : { why: why ?? "not ok" }) }));
  return `${JSON.stringify({ ok: isWell(checks), checks: rows })}\n`;
}
