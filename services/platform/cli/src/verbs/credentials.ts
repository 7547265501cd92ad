// `malla credentials`: issue and list.
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { credentialsFolder, ensureKeys, issueCredentials } from "@malla/broker-config";
import { type CredentialRole, ROLES, readCredentials } from "@malla/sdk/contract";
import type { Command } from "commander";
import { parseDuration } from "../duration.ts";
import { Failure, misuse } from "../failure.ts";
import { requireHome } from "../home.ts";
import { parseFormat, printData } from "../print/output.ts";
import { formatTable } from "../print/table.ts";
import { example, outputFlag } from "./verb.ts";

interface IssueFlags {
  readonly role: string;
  readonly account?: string;
  readonly direct: readonly string[];
  readonly expiresIn?: string;
  readonly output: string;
}

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
    .option("--account <account>", "account, for roles that exist in several")
    .option(
      "--direct <service>",
      "a service that role direct may call past the router; may be given several times",
      (value: string, all: string[]) => [...all, value],
      [] as string[],
    )
    .option("--expires-in <time>", "life, as 24h (default: no end)")
    .requiredOption("-o, --output <file>", "where to write them (mode 0600); - for standard output");
  example(issue, "malla credentials issue orders --role service -o orders.creds");
  issue.action(issueVerb);
  const list = group.command("list").description("list the credentials in .malla/credentials");
  example(outputFlag(list), "malla credentials list");
  list.action((flags: { output: string }) => listVerb(flags.output));
}

async function issueVerb(name: string, flags: IssueFlags): Promise<void> {
  if (!(ISSUABLE as readonly string[]).includes(flags.role))
    throw misuse(`--role ${flags.role}: one of ${ISSUABLE.join(", ")} is expected`);
  const keys = await ensureKeys(requireHome());
  const text = await issueCredentials(keys, {
    name,
    role: flags.role as CredentialRole,
    ...(flags.account === undefined ? {} : { account: flags.account }),
    ...(flags.direct.length === 0 ? {} : { directTo: flags.direct }),
    ...(flags.expiresIn === undefined ? {} : { expiresInMs: parseDuration("--expires-in", flags.expiresIn) }),
  });
  if (flags.output === "-") {
    process.stdout.write(text);
    return;
  }
  try {
    await writeFile(flags.output, text, { mode: 0o600 });
  } catch (error) {
    throw new Failure(`${flags.output} cannot be written: ${(error as Error).message}`);
  }
  process.stdout.write(`credentials for ${name} (${flags.role}) are in ${flags.output}\n`);
}

function listVerb(output: string): void {
  const folder = credentialsFolder(requireHome());
  const rows = readdirSync(folder)
    .filter((file) => file.endsWith(".creds"))
    .sort()
    .map((file) => {
      const { principal, role, account, expiresAtMs } = readCredentials(readFileSync(join(folder, file), "utf8"), file);
      return {
        file,
        principal,
        role: role ?? "?",
        account: account ?? "?",
        expires: expiresAtMs === undefined ? "never" : new Date(expiresAtMs).toISOString(),
      };
    });
  printData(parseFormat(output), { credentials: rows }, () =>
    formatTable(
      ["FILE", "PRINCIPAL", "ROLE", "ACCOUNT", "EXPIRES"],
      rows.map((row) => Object.values(row)),
    ),
  );
}
