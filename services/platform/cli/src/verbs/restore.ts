// `malla restore`: keys and policy out of a backup, all checks before the first change.
import { readFileSync } from "node:fs";
import { ensureKeys, type Keys, policySigningKey } from "@malla/broker-config";
import { type NatsBroker, openKeyValue } from "@malla/sdk/broker";
import { POLICY_BUCKET, type PolicySnapshot, PolicyStore } from "@malla/sdk/discovery";
import type { Command } from "commander";
import { type BackupContent, decodeContent } from "../backup/content.ts";
import { hearRouters } from "../backup/heard-revision.ts";
import { readHomeFiles, type Staged, stageHomeFiles, wouldReplace } from "../backup/home-files.ts";
import {
  type RestorablePolicy,
  restoreHistory,
  restorePolicy,
  verifyPolicy,
  wouldLose,
} from "../backup/policy-copy.ts";
import { ownTerminal, readPassphrase } from "../backup/read-passphrase.ts";
import { deriveFrom, openFile } from "../backup/sealed-file.ts";
import { Failure, misuse } from "../failure.ts";
import { findHome } from "../home.ts";
import { author, checkNamespace, connectWithKeys, type MeshFlags, natsUrl } from "../mesh/session.ts";
import { waitForRevision } from "../mesh/wait-for-revision.ts";
import { readRunFile } from "../run-file.ts";
import { wholeNumber } from "./up.ts";
import { example, meshFlags } from "./verb.ts";

/** Names in a message about what would be lost; of the rest how many there are. */
const NAMED = 10;

interface RestoreFlags extends MeshFlags {
  readonly force?: boolean;
  readonly keysOnly?: boolean;
  readonly above?: string;
  readonly wait?: boolean;
  readonly passphraseFile?: string;
}

export function addRestore(program: Command): void {
  const command = program
    .command("restore")
    .description("bring back keys, accounts and policy from a backup")
    .argument("<file>")
    .option("--keys-only", "leave the policy alone; needs no broker")
    .option("--force", "replace keys and documents that differ from the backup")
    .option("--above <revision>", "give the policy a revision above this one, for services that have seen it")
    .option("--wait", "return when every router enforces the policy")
    .option(
      "--passphrase-file <file>",
      "file whose first line is the passphrase (default: MALLA_BACKUP_PASSPHRASE, else it is asked for)",
    );
  example(meshFlags(command), "malla restore mesh.backup --keys-only\nmalla restore mesh.backup --wait");
  command.action(restoreVerb);
}

async function restoreVerb(file: string, flags: RestoreFlags): Promise<void> {
  checkNamespace(flags);
  const above = flags.above === undefined ? 0 : wholeNumber("--above", flags.above, Number.MAX_SAFE_INTEGER - 1, 1);
  const content = await readBackup(file, flags);
  const home = findHome(process.cwd(), process.env);
  const replaced = wouldReplace(await readHomeFiles(home), content.files);
  if (replaced.length > 0) refuseReplacing(home, replaced, flags);
  const staged = await stageHomeFiles(home, content.files);
  try {
    // Reads each key, and makes those of roles and accounts that came after the backup.
    const keys = await ensureKeys(staged.folder, { applications: [] });
    if (flags.keysOnly === true || content.policy === undefined) {
      await commitKeys(staged, home);
      return sayNext(file, content, flags);
    }
    const policy = verifyPolicy(content.policy, keys.policy.publicKey);
    await restoreAll({ home, staged, keys, policy, above, flags });
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

async function readBackup(file: string, flags: RestoreFlags): Promise<BackupContent> {
  let sealed: Uint8Array;
  try {
    sealed = readFileSync(file);
  } catch (error) {
    throw misuse(`${file} cannot be read: ${(error as Error).message}`);
  }
  const passphrase = await readPassphrase({
    file: flags.passphraseFile,
    environment: process.env["MALLA_BACKUP_PASSPHRASE"],
    terminal: ownTerminal(),
  });
  try {
    return decodeContent(await openFile(sealed, deriveFrom(passphrase)));
  } catch (error) {
    throw new Failure(`${file}: ${(error as Error).message}. Nothing was changed.`);
  }
}

function refuseReplacing(home: string, replaced: readonly string[], flags: RestoreFlags): void {
  const running = readRunFile(home);
  if (running !== undefined)
    throw new Failure(
      `a mesh runs here (process ${running.pid}) with other keys than the backup's; stop it, or use another MALLA_HOME. Nothing was changed.`,
    );
  if (flags.force === true) return;
  throw new Failure(
    `${home} has other keys than the backup: ${named(replaced)}. --force moves them aside; what they signed is refused from then on. Nothing was changed.`,
  );
}

interface Restore {
  readonly home: string;
  readonly staged: Staged;
  readonly keys: Keys;
  readonly policy: RestorablePolicy;
  readonly above: number;
  readonly flags: RestoreFlags;
}

async function restoreAll({ home, staged, keys, policy, above, flags }: Restore): Promise<void> {
  const servers = natsUrl(flags, home);
  const broker = await connectWithKeys(servers, keys, "CTRL").catch((error: unknown) => {
    throw new Failure(
      `the policy cannot be restored: ${(error as Error).message}\nRestore the keys first (--keys-only), start the broker with them, and restore again. Nothing was changed.`,
    );
  });
  try {
    const bucket = await openKeyValue(broker, POLICY_BUCKET);
    const store = new PolicyStore(bucket, keys.policy.publicKey);
    const present = await store.read();
    refuseLosing(present, policy, flags);
    const routers = await inMesh(servers, keys, hearRouters);
    await commitKeys(staged, home);
    const isNew = present.keyRevision === 0 && routers.count === 0;
    const history = isNew ? await restoreHistory(bucket, policy.earlier) : 0;
    const seed = new TextEncoder().encode(policySigningKey(keys).reveal());
    const head = await restorePolicy({
      bucket,
      store,
      policy,
      base: history > 0 ? await store.read() : present,
      above: Math.max(above, routers.highestRevision),
      author: author(),
      seed,
    });
    process.stdout.write(
      `revision ${head.revision} holds what revision ${policy.head.revision} held (${head.documents.length} documents)\n`,
    );
    if (history > 0) process.stdout.write(`${history} earlier revisions are there to roll back to\n`);
    if (flags.wait !== true) return;
    const enforcing = await inMesh(servers, keys, async (mesh) => await waitForRevision(mesh, head.revision));
    process.stdout.write(`in force at ${enforcing === 1 ? "one router" : `all ${enforcing} routers`}\n`);
  } finally {
    await broker.close();
  }
}

/** Does something with an operator's connection to the account in which calls travel. */
async function inMesh<T>(servers: string, keys: Keys, work: (broker: NatsBroker) => Promise<T>): Promise<T> {
  const broker = await connectWithKeys(servers, keys, "MESH");
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

function refuseLosing(present: PolicySnapshot, policy: RestorablePolicy, flags: RestoreFlags): void {
  const lost = wouldLose(present, policy.head);
  if (lost.length === 0 || flags.force === true) return;
  throw new Failure(
    `revision ${present.signed?.head.revision} is in force, and the backup holds other documents: ${named(lost)} would be changed or removed. --force does so. Nothing was changed.`,
  );
}

async function commitKeys(staged: Staged, home: string): Promise<void> {
  const aside = await staged.commit(new Date());
  process.stdout.write(`the keys are in ${home}/keys\n`);
  if (aside !== undefined) {
    process.stdout.write(
      `the keys that were there are in ${aside}; what they signed (credentials, routers) is to be issued again\n`,
    );
  }
}

function sayNext(file: string, content: BackupContent, flags: RestoreFlags): void {
  if (content.policy === undefined) {
    process.stdout.write("the backup holds no policy; what is in force, if anything is, stays\n");
    return;
  }
  const servers = flags.servers === undefined ? "" : ` --servers ${flags.servers}`;
  process.stdout.write(
    [
      "Next:",
      "  malla up                       start the broker with these keys, or start your own with them",
      `  malla restore ${file}${servers}   bring back the policy; until then nothing is denied`,
      "",
    ].join("\n"),
  );
}

function named(names: readonly string[]): string {
  const rest = names.length - NAMED;
  return `${names.slice(0, NAMED).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
