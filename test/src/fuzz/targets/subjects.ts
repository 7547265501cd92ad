// Subjects, and the names they are made of: what a parser takes, the builders write back to the letter.
import {
  callSubject,
  cancelSubject,
  directSubject,
  inboxSubject,
  instanceSubject,
  isIdToken,
  isInstanceId,
  isIssuableName,
  isMethodName,
  isPlainSubject,
  isReplyOf,
  isServiceName,
  PROBE_METHOD,
  parseAttemptSubject,
  parseCallSubject,
  parseCancelSubject,
  parseInstanceSubject,
  parseReplySubject,
  parseRouterSubject,
  RESERVED_NAMES,
  ROLES,
  replySubject,
  routerSubject,
  runSubject,
  viaSubject,
} from "@malla/sdk/contract";
import { bytesOf, type FuzzTarget, must, type Random, textOf } from "../target.ts";

const VALID = [
  callSubject("cart", "orders", "Place"),
  viaSubject("router-a1b2", "cart", "orders", "Place"),
  runSubject("orders", "i1", "cart", "Place"),
  runSubject("orders", "i1", "router-a1b2", PROBE_METHOD),
  directSubject("pricing", "i9", "cart", "Price_2"),
  replySubject("router-a1b2", "orders", "a_B-9"),
  instanceSubject("orders", "i1"),
  routerSubject("router-a1b2"),
  cancelSubject("router-a1b2", "cart", "Zz09_-"),
  inboxSubject("cart", "conn", "id"),
  "$SRV.PING.orders.i1",
];
const TOKENS = ["mesh", "call", "via", "run", "direct", "reply", "instance", "router", "cancel", "_INBOX", "orders"];

/** The rules once more, a character at a time. */
function isLabel(text: string): boolean {
  if (text.length < 1 || text.length > 63 || text.startsWith("-") || text.endsWith("-")) return false;
  for (const char of text) if (!"abcdefghijklmnopqrstuvwxyz0123456789-".includes(char)) return false;
  return true;
}

function isWord(text: string, most: number, more: string): boolean {
  if (text.length < 1 || text.length > most) return false;
  for (const char of text)
    if (!`abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_${more}`.includes(char)) return false;
  return true;
}

function isPlain(subject: string): boolean {
  return subject
    .split(".")
    .every((token) => token !== "" && !/[*>]/.test(token) && token.trim() === token && !/\s/.test(token));
}

function checkNames(name: string): void {
  must(isServiceName(name) === isLabel(name), "isServiceName differs from its rule");
  must(isInstanceId(name) === isLabel(name), "isInstanceId differs from its rule");
  must(isMethodName(name) === (isWord(name, 128, "") && /^[A-Za-z]/.test(name)), "isMethodName differs from its rule");
  must(isIdToken(name) === isWord(name, 128, "-"), "isIdToken differs from its rule");
  for (const role of ROLES) {
    if (!isIssuableName(name, role)) continue;
    must(isLabel(name), "a name that is no label may be issued");
    must(!RESERVED_NAMES.has(name) || name === role, "a reserved name may be issued to another role");
    must(name.startsWith("router-") === (role === "router"), "a router's name may be issued to another role");
  }
}

/** Subjects that the parsed parts make; the parsed one must be among them. */
function rebuilt(subject: string): readonly (readonly [what: string, subjects: readonly string[]])[] {
  const [, , third = ""] = subject.split(".");
  const found: [string, string[]][] = [];
  const call = parseCallSubject(subject);
  if (call !== undefined) {
    const { principal, service, method } = call;
    found.push(["call", [callSubject(principal, service, method)]]);
    // The router's name is the subscriber's own, which the broker has matched: any is taken.
    found.at(-1)?.[1].push(viaSubject(third, principal, service, method));
  }
  const attempt = parseAttemptSubject(subject);
  if (attempt !== undefined) {
    const build = attempt.kind === "run" ? runSubject : directSubject;
    found.push([attempt.kind, [build(attempt.service, attempt.instance, attempt.principal, attempt.method)]]);
  }
  const reply = parseReplySubject(subject);
  if (reply !== undefined) found.push(["reply", [replySubject(reply.router, reply.service, reply.id)]]);
  const instance = parseInstanceSubject(subject);
  if (instance !== undefined) found.push(["instance", [instanceSubject(instance.service, instance.instance)]]);
  const router = parseRouterSubject(subject);
  if (router !== undefined) found.push(["router", [routerSubject(router)]]);
  const cancel = parseCancelSubject(subject);
  if (cancel !== undefined) found.push(["cancel", [cancelSubject(third, cancel.principal, cancel.call)]]);
  return found;
}

function run(subject: string): string {
  const found = [...rebuilt(subject)];
  for (const [what, subjects] of found)
    must(subjects.includes(subject), `${what}: what was parsed does not make the subject again`);
  must(found.length <= 1, "one subject is two things");
  must(isPlainSubject(subject) === isPlain(subject), "isPlainSubject differs from its rule");
  const checked = subject
    .split(".")
    .toSpliced(2, /^mesh\.(via|cancel)\./.test(subject) ? 1 : 0)
    .join(".");
  if (found.length > 0) must(isPlain(checked), "a subject with a wildcard, blank or empty token was parsed");
  for (const principal of ["cart", subject.split(".")[1] ?? ""]) {
    if (!isReplyOf(principal, subject)) continue;
    must(subject.startsWith(`_INBOX.${principal}.`) && isPlain(subject), "a reply that is not the principal's own");
    must(subject.length <= 512, "a reply subject without bound");
    found.push(["inbox", []]);
  }
  checkNames(subject);
  const tokens = subject.split(".");
  for (const token of tokens.slice(0, 8)) checkNames(token);
  return found.length === 0
    ? `no ${Math.min(tokens.length, 9)} ${TOKENS.indexOf(tokens[1] ?? "")}`
    : `ok ${found[0]?.[0]}`;
}

function tokenList(random: Random): string {
  const words = [...TOKENS, "*", ">", "", " ", "A1", "a".repeat(63), "a".repeat(64), "_probe", "a-", "é", "\u2028"];
  const length = 1 + Math.floor(random() * 8);
  return Array.from({ length }, () => words[Math.floor(random() * words.length)]).join(".");
}

export const subjects: FuzzTarget = {
  name: "subjects",
  seeds: VALID.map((subject) => [bytesOf(subject)]),
  words: [
    ...TOKENS,
    ".",
    "..",
    "*",
    ">",
    " ",
    "\t",
    "\n",
    "\0",
    "-",
    "_",
    "$",
    "A",
    "mesh.call.",
    "mesh.via.router-a.",
  ],
  generator: () => (random) => [bytesOf(tokenList(random))],
  maxBytes: 4_096,
  shortInputs: 30_000,
  open: () => ({ run: ([subject]) => run(textOf(subject)) }),
};
