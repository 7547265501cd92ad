// TLS to the broker: files that are read again at each dial, and looked at before the first one, so that a wrong path is told as such.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";

export interface TlsFiles {
  /** PEM of the authority that signed the servers' certificates. Default: those the system trusts. */
  readonly ca?: string;
  readonly caFile?: string;
  /** Certificate and key of this client, where the broker asks for one. Both or neither. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** As the environment has them: NATS_CA, NATS_CERT, NATS_KEY. What is empty is not there. Undefined if it has none. */
export function tlsFilesFrom(environment: Readonly<Record<string, string | undefined>>): TlsFiles | undefined {
  const { NATS_CA = "", NATS_CERT = "", NATS_KEY = "" } = environment;
  if (NATS_CA === "" && NATS_CERT === "" && NATS_KEY === "") return undefined;
  return {
    ...(NATS_CA === "" ? {} : { caFile: NATS_CA }),
    ...(NATS_CERT === "" ? {} : { certFile: NATS_CERT }),
    ...(NATS_KEY === "" ? {} : { keyFile: NATS_KEY }),
  };
}

/** Throws one Error that lists what is wrong with the files; never with what stands in a key. */
export async function checkTlsFiles(tls: TlsFiles): Promise<void> {
  const problems: string[] = [];
  const check = async (what: string, path: string | undefined, read: (pem: Buffer) => unknown): Promise<void> => {
    if (path === undefined) return;
    try {
      read(await readFile(path));
    } catch (error) {
      problems.push(`${what} ${path}: ${problemOf(error)}`);
    }
  };
  await check("the authority's certificate (NATS_CA)", tls.caFile, (pem) => new X509Certificate(pem));
  await check("the certificate (NATS_CERT)", tls.certFile, (pem) => new X509Certificate(pem));
  await check("the key (NATS_KEY)", tls.keyFile, (pem) => createPrivateKey(pem));
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
    problems.push("a certificate and its key (NATS_CERT, NATS_KEY) are given together, or neither of them");
  if (problems.length > 0) throw new Error(`TLS to the broker is not set up:\n- ${problems.join("\n- ")}`);
}

function problemOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "this process may not read it";
  if (code === "EISDIR") return "this is a folder";
  return "this is no PEM file of that kind";
}
