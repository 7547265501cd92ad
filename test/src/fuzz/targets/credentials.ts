// `.creds` files: what is no usable credential is refused with a message that holds neither the seed nor the claims.
import { CredentialsError, readCredentials } from "@malla/sdk/contract";
import { mutateTree } from "../mutate-tree.ts";
import { bytesOf, type FuzzTarget, must, textOf } from "../target.ts";

const ACCOUNT = `A${"B".repeat(55)}`;
const SEED = `SUA${"C".repeat(55)}`;
const CANARY = "canaryinthejwt";

function file(claims: unknown, seed = SEED): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value) ?? "").toString("base64url");
  const jwt = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part(claims)}.${CANARY}`;
  return [
    "-----BEGIN NATS USER JWT-----",
    jwt,
    "------END NATS USER JWT------",
    "",
    "************************* IMPORTANT *************************",
    "-----BEGIN USER NKEY SEED-----",
    seed,
    "------END USER NKEY SEED------",
    "",
  ].join("\n");
}

const CLAIMS = {
  name: "orders",
  iss: ACCOUNT,
  exp: 1_893_456_000,
  nats: {
    type: "user",
    issuer_account: ACCOUNT,
    tags: ["role:service", "account:mesh", `policy-key:u${"d".repeat(55)}`, "direct:pricing"],
  },
};

function run(text: string): string {
  let read: ReturnType<typeof readCredentials>;
  try {
    read = readCredentials(text);
  } catch (error) {
    must(error instanceof CredentialsError, `threw ${String(error)}`);
    const secret = [SEED, CANARY].find((piece) => error.message.includes(piece));
    must(secret === undefined && error.message.length < 400, "the refusal tells what it read");
    return `no ${error.message.slice(0, 60)}`;
  }
  must(read.principal !== "" && /^A[A-Z2-7]{55}$/.test(read.accountKey), "a credential of nobody");
  must(/^SU[A-Z2-7]{56}$/.test(read.seed.reveal()), "a seed that is none");
  must(!JSON.stringify({ ...read, jwt: "" }).includes(read.seed.reveal()), "the seed is written out with the rest");
  must(read.policyPublicKey === undefined || /^U[A-Z2-7]{55}$/.test(read.policyPublicKey), "a policy key that is none");
  must(read.role === undefined || /^[a-z]+$/.test(read.role), "a role that is none");
  must(
    read.directTo.every((target) => typeof target === "string"),
    "targets that are no texts",
  );
  must(read.expiresAtMs === undefined || read.expiresAtMs > 0, "an expiry before time");
  return `ok ${read.role} ${read.account} ${read.directTo.length} ${read.expiresAtMs === undefined}`;
}

export const credentials: FuzzTarget = {
  name: "credentials",
  seeds: [
    file(CLAIMS),
    file({ ...CLAIMS, exp: undefined, nats: { type: "user", tags: [] } }),
    file({ ...CLAIMS, nats: { type: "account" } }),
    file({}),
    file(CLAIMS).replaceAll("\n", "\r\n"),
  ].map((text) => [bytesOf(text)]),
  words: [
    "-----BEGIN ",
    "------END ",
    "NATS USER JWT",
    "USER NKEY SEED",
    "---",
    "\n",
    ".",
    SEED,
    "bnVsbA",
    "W10",
    "e30",
    " ",
  ],
  generator: () => (random) => [bytesOf(file(mutateTree(CLAIMS, random, ["user", "role:", "direct:a.b", ACCOUNT])))],
  maxBytes: 64 * 1024,
  shortInputs: 12_000,
  open: () => ({ run: ([text]) => run(textOf(text)) }),
};
