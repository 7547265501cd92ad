// `malla backup`: keys, accounts and policy in one encrypted file.
import { ensureKeys, type Keys } from "@malla/broker-config";
import { openKeyValue } from "@malla/sdk/broker";
import { openHead, POLICY_BUCKET } from "@malla/sdk/discovery";
import type { Command } from "commander";
import { encodeContent, type PolicyCopy } from "../backup/content.ts";
import { type HomeFiles, readHomeFiles } from "../backup/home-files.ts";
import { copyPolicy } from "../backup/policy-copy.ts";
import { ownTerminal, readNewPassphrase } from "../backup/read-passphrase.ts";
import { deriveFrom, sealFile } from "../backup/sealed-file.ts";
import { writeBackupFile } from "../backup/write-backup-file.ts";
import { Failure } from "../failure.ts";
import { requireHome } from "../home.ts";
import { checkNamespace, connectWithKeys, type MeshFlags, natsUrl } from "../mesh/session.ts";
import { example, meshFlags } from "./verb.ts";
import { ownVersion } from "./version.ts";

interface BackupFlags extends MeshFlags {
  readonly output: string;
  readonly force?: boolean;
  readonly keysOnly?: boolean;
  readonly passphraseFile?: string;
}

export function addBackup(program: Command): void {
  const command = program
    .command("backup")
    .description("write keys, accounts and policy into one encrypted file")
    .requiredOption("-o, --output <file>", "where to write it (mode 0600)")
    .option("--force", "replace the file if it is there")
    .option("--keys-only", "leave out the policy; needs no broker")
    .option(
      "--passphrase-file <file>",
      "file whose first line is the passphrase (default: MALLA_BACKUP_PASSPHRASE, else it is asked for)",
    );
  example(
    meshFlags(command),
    "malla backup -o mesh.backup\nmalla backup -o mesh.backup --passphrase-file /run/secrets/passphrase --force",
  );
  command.action(backupVerb);
}

async function backupVerb(flags: BackupFlags): Promise<void> {
  checkNamespace(flags);
  const home = requireHome();
  if (!Object.keys(await readHomeFiles(home)).some((path) => path.startsWith("keys/")))
    throw new Failure(`there are no keys in ${home}, so nothing to back up`);
  const passphrase = await readNewPassphrase({
    file: flags.passphraseFile,
    environment: process.env["MALLA_BACKUP_PASSPHRASE"],
    terminal: ownTerminal(),
  });
  // Reads each key, so that no damaged one is kept as if it were whole.
  const keys = await ensureKeys(home, { applications: [] });
  const policy = flags.keysOnly === true ? undefined : await readPolicy(natsUrl(flags, home), keys);
  const files = await readHomeFiles(home);
  const content = encodeContent({ createdAt: new Date().toISOString(), madeBy: ownVersion(), files, policy });
  await writeBackupFile(flags.output, await sealFile(content, deriveFrom(passphrase)), flags.force === true);
  process.stdout.write(`${flags.output} holds ${whatItHolds(files, keys, policy, flags.keysOnly === true)}\n`);
}

async function readPolicy(servers: string, keys: Keys): Promise<PolicyCopy | undefined> {
  const broker = await connectWithKeys(servers, keys, "CTRL").catch((error: unknown) => {
    throw new Failure(`${(error as Error).message}\nWithout a broker, --keys-only backs up the keys alone.`);
  });
  try {
    return await copyPolicy(await openKeyValue(broker, POLICY_BUCKET), keys.policy.publicKey);
  } finally {
    await broker.close();
  }
}

function whatItHolds(files: HomeFiles, keys: Keys, policy: PolicyCopy | undefined, keysOnly: boolean): string {
  const parts = [`${Object.keys(files).filter((path) => path.startsWith("keys/")).length} keys`];
  if (keysOnly) parts.push("no policy, as asked for");
  else if (policy === undefined) parts.push("no policy, since there is none yet");
  else {
    const head = openHead(Buffer.from(policy.heads.at(-1) as string), keys.policy.publicKey);
    if (typeof head !== "string")
      parts.push(`revision ${head.head.revision} of the policy (${head.head.documents.length} documents)`);
    parts.push(`${policy.heads.length - 1} earlier revisions`);
  }
  return parts.join(", ");
}
