// The credentials in .malla/credentials.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { credentialsFolder } from "@malla/broker-config";
import { readCredentials } from "@malla/sdk/contract";

export interface CredentialsFile {
  readonly file: string;
  readonly principal: string;
  readonly role: string;
  readonly account: string;
  /** Undefined: never. */
  readonly expiresAtMs: number | undefined;
  /** Set if the file is no credential: why. */
  readonly problem: string | undefined;
}

/** By name; none if there is no such folder yet. */
export function listCredentials(home: string): readonly CredentialsFile[] {
  const folder = credentialsFolder(home);
  return namesIn(folder)
    .filter((file) => file.endsWith(".creds"))
    .sort()
    .map((file) => readOne(join(folder, file), file));
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function readOne(path: string, file: string): CredentialsFile {
  try {
    const { principal, role = "?", account = "?", expiresAtMs } = readCredentials(readFileSync(path, "utf8"), file);
    return { file, principal, role, account, expiresAtMs, problem: undefined };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { file, principal: "?", role: "?", account: "?", expiresAtMs: undefined, problem };
  }
}
