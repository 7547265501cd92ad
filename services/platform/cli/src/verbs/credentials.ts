// `malla credentials`: issue and list.
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import {
  CredentialRequestError,
  ensureKeys,
  isApplicationAccount,
  issueCredentials,
  type Keys,
} from "@malla/broker-config";
import { type CredentialRole, ROLES } from "@malla/sdk/contract";
import type { Command } from "commander";
import { parseDuration } from "../duration.ts";
import { Failure, misuse } from "../failure.ts";
import { requireHome } from "../home.ts";
import { listCredentials } from "../mesh/credentials-files.ts";
import { parseFormat, printData } from "../print/output.ts";
import { formatTable } from "../print/table.ts";
import { collect, example, outputFlag } from "./verb.ts";

interface IssueFlags {
  readonly role: string;
  readonly account?: string;
  readonly direct: readonly string[];
  readonly edge: readonly string[];
  readonly expiresIn?: string;
  readonly output: string;
}

/** Routers sign for themselves, and nothing is configured yet that an identity service would answer. */
const ISSUABLE: readonly CredentialRole[] = [
  ...ROLES.filter((role) => role !== "router" && role !== "identity"),
  "application",
];

export function addCredentials(program: Command): void {
  const group = program.command("credentials").description("issue and list credentials");
  const issue = group
    .command("issue")
    .description("issue credentials in a name")
    .argument("<name>")
    .requiredOption("--role <role>", ISSUABLE.join(", "))
    .option("--account <account>", "account, for roles that exist in several; role application: its own, made if new")
    .option(
      "--direct <service>",
      "a service that role direct may call past the router; may be given several times",
      collect,
      [] as string[],
    )
    .option(
      "--edge <service>",
      "a service that lives behind a leaf node, for role leaf; may be given several times",
      collect,
      [] as string[],
    )
    .option("--expires-in <time>", "life, as 24h (default: no end)")
    .requiredOption("-o, --output <file>", "where to write them (mode 0600); - for standard output");
  example(issue, "malla credentials issue orders --role service -o orders.creds");
  issue.action(issueVerb);
  const list = group.command("list").description("list the credentials in .malla/credentials");
  example(outputFlag(list), "malla credentials list");
  list.action((flags: { output: string }) => listVerb(flags.output));
  example(group, "malla credentials list");
}

async function issueVerb(name: string, flags: IssueFlags): Promise<void> {
  const role = ISSUABLE.find((one) => one === flags.role);
  if (role === undefined) throw misuse(`--role ${flags.role}: one of ${ISSUABLE.join(", ")} is expected`);
  const { keys, newAccount } = await keysFor(role, flags.account);
  const text = await issueCredentials(keys, {
    name,
    role,
    ...(flags.account === undefined ? {} : { account: flags.account }),
    ...(flags.direct.length === 0 ? {} : { directTo: flags.direct }),
    ...(flags.edge.length === 0 ? {} : { edgeServices: flags.edge }),
    ...(flags.expiresIn === undefined ? {} : { expiresInMs: parseDuration("--expires-in", flags.expiresIn) }),
  }).catch((error: unknown) => {
    throw error instanceof CredentialRequestError ? misuse(error.message) : error;
  });
  if (flags.output === "-") {
    process.stdout.write(text);
  } else {
    await writePrivately(flags.output, text);
    process.stdout.write(`credentials for ${name} (${role}) are in ${flags.output}\n`);
  }
  if (newAccount) {
    process.stderr.write(`account ${flags.account} is new: the broker knows it when \`malla up\` is started again\n`);
  }
}

/** The keys of this home; an application's account is made when credentials for it are issued first. */
async function keysFor(
  role: CredentialRole,
  account: string | undefined,
): Promise<{ keys: Keys; newAccount: boolean }> {
  const home = requireHome();
  const keys = await ensureKeys(home, { applications: [] });
  const isNew =
    role === "application" &&
    account !== undefined &&
    isApplicationAccount(account) &&
    !keys.accounts.some(({ name }) => name === account);
  return isNew
    ? { keys: await ensureKeys(home, { applications: [account] }), newAccount: true }
    : { keys, newAccount: false };
}

/** Whole or not at all, and never readable for others, whatever was there before. */
async function writePrivately(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, text, { mode: 0o600 });
    await chmod(temporary, 0o600);
    await rename(temporary, path);
  } catch (error) {
    throw new Failure(`${path} cannot be written: ${(error as Error).message}`);
  }
}

function listVerb(output: string): void {
  const format = parseFormat(output);
  const files = listCredentials(requireHome());
  const expiry = (at: number | undefined): string => (at === undefined ? "never" : new Date(at).toISOString());
  printData(
    format,
    { credentials: files.map(({ expiresAtMs, ...rest }) => ({ ...rest, expires: expiry(expiresAtMs) })) },
    () =>
      formatTable(
        ["FILE", "PRINCIPAL", "ROLE", "ACCOUNT", "EXPIRES"],
        files.map(({ file, principal, role, account, expiresAtMs, problem }) =>
          problem === undefined ? [file, principal, role, account, expiry(expiresAtMs)] : [file, problem],
        ),
      ),
  );
}
