// Keys as data of a Secret: completed by what makes them everywhere else, in a folder that is there for a moment.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureKeys, type Keys, keysFolder, SYSTEM_ACCOUNT } from "@malla/broker-config";

/** Data of a Secret: base64 by key. */
export type SecretData = Readonly<Record<string, string>>;

/** Every mesh has these from its first moment on: where others are and one of these is not, it was lost. */
const FOUNDATION: readonly string[] = ["operator.nk", "operator-signer.nk", `${SYSTEM_ACCOUNT}.nk`, "policy.nk"];
/** Left over by a process that was killed while it wrote. */
const DRAFT = /\.draft$/;

export interface CompletedKeys {
  readonly keys: Keys;
  /** What was there, as it was, and what was missing. */
  readonly data: SecretData;
  /** Names of what was missing. */
  readonly added: readonly string[];
}

/**
 * Completes the keys in the data of a Secret; what is there stays as it is. Throws an Error that names the key of `secret`
 * that is damaged or was lost, never what is in it.
 */
export async function completeKeys(
  data: SecretData,
  applications: readonly string[],
  secret: string,
): Promise<CompletedKeys> {
  const present = Object.keys(data);
  const lost = present.length === 0 ? [] : FOUNDATION.filter((name) => data[name] === undefined);
  if (lost.length > 0) {
    throw new Error(
      `${secret} has keys, and no ${lost.join(", ")}: a new one would end the mesh. Restore it from a backup, or delete the Secret to start a new mesh.`,
    );
  }
  const home = await mkdtemp(join(tmpdir(), "malla-keys-"));
  try {
    const folder = keysFolder(home);
    await mkdir(folder, { mode: 0o700 });
    for (const name of present)
      await writeFile(join(folder, name), Buffer.from(data[name] as string, "base64"), { mode: 0o600 });
    const keys = await ensureKeys(home, { applications }).catch((error: unknown) => {
      throw new Error((error as Error).message.replaceAll(`${folder}/`, `${secret}, key `));
    });
    const names = (await readdir(folder)).filter((name) => !DRAFT.test(name)).sort();
    const added = names.filter((name) => data[name] === undefined);
    const made = await Promise.all(
      added.map(async (name) => [name, (await readFile(join(folder, name))).toString("base64")] as const),
    );
    return { keys, data: { ...data, ...Object.fromEntries(made) }, added };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
