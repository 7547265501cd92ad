// Policy on its way to a router: the signed head, stored documents, and the compiler that is given whatever they hold.

import type { MeshDocument } from "@malla/sdk/contract";
import { openHead, type PolicyHead, readStoredDocument, signHead } from "@malla/sdk/discovery";
import { authorize, type CallFacts, compile, isOpen, matchRoute, settingsOf } from "@malla/sdk/engine";
import { canonicalBytes } from "@malla/sdk/resources";
import { createUser } from "@nats-io/nkeys";
import { mutateTree } from "../mutate-tree.ts";
import { shippedDocuments } from "../shipped-policies.ts";
import { bytesOf, type FuzzTarget, must, type Random, textOf } from "../target.ts";

const key = createUser();
/** The library derives it anew each time, which takes longer than all else here. */
const PUBLIC_KEY = key.getPublicKey();
const HEAD: PolicyHead = {
  revision: 7,
  applyId: "a1",
  author: "operator",
  createdAt: "2030-01-01T00:00:00.000Z",
  action: "apply",
  documents: [{ kind: "Route", name: "r", hash: "0".repeat(64) }],
};
const SIGNED = signHead(HEAD, key.getSeed());
const WORDS = ['"signed"', '"signature"', "null", "[]", "{}", '\\"', "\\u0000", '"revision":8', '"__proto__":'];

/** Nobody but the operator has the key: whatever passes is the head that was signed, to the letter. */
function head(bytes: Uint8Array): string {
  const opened = openHead(bytes, PUBLIC_KEY);
  if (typeof opened === "string") return `no ${opened}`;
  must(JSON.stringify(opened.head) === JSON.stringify(HEAD), "a head nobody has signed was opened");
  must(opened.bytes === bytes, "what is passed on is not what was verified");
  return "ok";
}

export const policyHeads: FuzzTarget = {
  name: "policy-head",
  seeds: [[SIGNED], [bytesOf(textOf(SIGNED).replace('{"signed"', '{"more":1,"signed"'))], [bytesOf("null")]],
  words: WORDS,
  maxBytes: 64 * 1024,
  shortInputs: 300,
  open: () => ({ run: ([bytes = new Uint8Array(0)]) => head(bytes) }),
};

const NAMES = ["orders", "cart", "*", "__proto__", "constructor", ""];

/** A guard that cannot be read in full must not leave open what it was to guard. */
function checkGuard(document: MeshDocument): void {
  if (document?.kind !== "AccessPolicy" || typeof document.metadata?.name !== "string") return;
  const { spec } = document;
  if (typeof spec?.service !== "string" || spec.mode === "audit") return;
  must(!isOpen(compile([document], 1).policy, spec.service), "a guard that stands guards nothing");
}

/** Calls of every sort under the policy; a policy must answer, whatever it was made of. */
function ask(document: MeshDocument): string {
  checkGuard(document);
  const { policy, problems } = compile([document, ...CONTEXT], 1);
  must(
    problems.every(({ message, document: label }) => typeof message === "string" && typeof label === "string"),
    "a problem",
  );
  let answers = "";
  for (const service of NAMES) {
    const facts: CallFacts = {
      principal: "cart",
      service,
      method: "Place",
      header: (name) => (name === "x" ? "abc" : undefined),
    };
    const route = matchRoute(policy, facts);
    const settings = settingsOf(policy, service, route);
    must(typeof settings.isIdempotent("Place") === "boolean", "settings without an answer");
    const { allowed } = authorize(policy, facts);
    must(typeof allowed === "boolean", "a decision that is none");
    answers += `${route?.name ?? "-"} ${allowed} `;
  }
  const errors = problems.filter(({ severity }) => severity === "error");
  return `${errors.length === 0 ? "ok" : "no"} ${errors.map(({ path }) => path).slice(0, 3)} ${answers}`;
}

const CONTEXT = shippedDocuments.slice(0, 6);

function stored(bytes: Uint8Array): string {
  let document: MeshDocument;
  try {
    ({ document } = readStoredDocument(bytes, ""));
  } catch (error) {
    must(error instanceof SyntaxError, `threw ${String(error)}`);
    return "no JSON";
  }
  return ask(document);
}

function changedDocument(random: Random): Uint8Array {
  const document = shippedDocuments[Math.floor(random() * shippedDocuments.length)];
  return bytesOf(
    JSON.stringify(mutateTree(document, random, ["Route", "AccessPolicy", "(a|b)*", "[", "1.x", "orders"])) ?? "null",
  );
}

export const storedDocuments: FuzzTarget = {
  name: "stored-documents",
  seeds: shippedDocuments.map((document) => [canonicalBytes(document)]),
  words: [
    ...WORDS,
    '"kind":"Route"',
    '"spec":null',
    '"regex":"(a+)+b"',
    '"weight":0',
    '"subject":">"',
    '"methods":["*"]',
  ],
  generator: () => (random) => [changedDocument(random)],
  maxBytes: 256 * 1024,
  shortInputs: 4_000,
  open: () => ({ run: ([bytes = new Uint8Array(0)]) => stored(bytes) }),
};
