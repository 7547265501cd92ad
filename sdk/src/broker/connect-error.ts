// Why no server took us, in words that say what to do.
import { errors } from "nats";
import type { DialFailure } from "./dialler.ts";

/** By what Node says of a certificate: what it means here. */
const CERTIFICATE_PROBLEMS: readonly (readonly [RegExp, string])[] = [
  [
    /SELF_SIGNED|UNABLE_TO_(VERIFY_LEAF|GET_ISSUER)|self[- ]signed|unable to (verify|get)/i,
    "its certificate is signed by no authority this process trusts. Give the authority's certificate: NATS_CA, a PEM file",
  ],
  [
    /ALTNAME_INVALID|altnames/i,
    "its certificate is not for this host. Dial it by a name that stands in its certificate, or have the name put into it",
  ],
  [/CERT_HAS_EXPIRED|certificate has expired/i, "its certificate has expired"],
  [/CERT_NOT_YET_VALID|not yet valid/i, "its certificate is not valid yet. Is this machine's clock right?"],
  [
    /CERTIFICATE_REQUIRED|certificate required|bad certificate/i,
    "it wants a certificate of its clients. Give one with its key: NATS_CERT and NATS_KEY, PEM files",
  ],
  [
    /unknown ca|certificate unknown|TLSV1_ALERT_UNKNOWN_CA/i,
    "it does not trust the authority that signed this client's certificate (NATS_CERT)",
  ],
  [/does not support 'tls'/i, "it does not speak TLS, but NATS_CA, NATS_CERT or the `tls` option asks for it"],
];

/** One Error for all of them. What stands before the `@` of an address may be a password, and is left out. */
export function connectError(failures: readonly DialFailure[]): Error {
  const where = failures.map(({ server }) => withoutUserInfo(server)).join(", ");
  const causes = failures.map(({ cause }) => cause);
  const cause = causes.length === 1 ? causes[0] : new AggregateError(causes);
  const said = failures.map((failure) => messageOf(failure.cause));
  const message = [...new Set(said)].join("; ");
  const refused = failures.find((failure) => isRefusal(failure.cause));
  if (refused !== undefined) {
    return new Error(
      `the broker at ${withoutUserInfo(refused.server)} refused these credentials (${messageOf(refused.cause)}). They may be expired or made for another mesh: issue new ones with \`malla credentials issue\`.`,
      { cause },
    );
  }
  for (const failure of failures) {
    const problem = certificateProblem(failure.cause);
    if (problem !== undefined)
      return new Error(
        `TLS to the broker at ${withoutUserInfo(failure.server)}: ${problem} (${messageOf(failure.cause)}).`,
        { cause },
      );
  }
  return new Error(
    `no broker answers at ${where} (${message}). Is it running? \`malla up\` starts one; NATS_URL or --servers says where it is.`,
    { cause },
  );
}

/** The broker knows these credentials not, or no longer. */
export function isRefusal(cause: unknown): boolean {
  return (
    cause instanceof errors.AuthorizationError ||
    cause instanceof errors.UserAuthenticationExpiredError ||
    /authorization|authentication/i.test(messageOf(cause))
  );
}

/** A server that is there and slow to answer: a busy machine, or many who come at once. */
export function isTimeout(cause: unknown): boolean {
  return /timeout/i.test(messageOf(cause));
}

function certificateProblem(cause: unknown): string | undefined {
  const { code } = (cause ?? {}) as { code?: string };
  const text = `${code ?? ""} ${messageOf(cause)}`;
  return CERTIFICATE_PROBLEMS.find(([pattern]) => pattern.test(text))?.[1];
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function withoutUserInfo(server: string): string {
  return server.replace(/^([a-z]+:\/\/)?[^/]*@/i, "$1");
}
