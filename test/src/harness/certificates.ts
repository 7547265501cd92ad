// Certificates of a test's own: an authority, and one certificate of this machine that stands for both ends.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const LIFE = ["-days", "2"];
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Paths of PEM files. */
export interface TestCertificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes them in a folder, for this machine or for `hosts`; needs openssl. */
export async function makeCertificates(
  folder: string,
  authority = "test",
  hosts: readonly string[] = ["localhost"],
): Promise<TestCertificates> {
  const file = (end: string): string => join(folder, `${authority}-${end}`);
  const [caFile, caKey, certFile, keyFile, request, names] = [
    file("ca.pem"),
    file("ca.key"),
    file("cert.pem"),
    file("cert.key"),
    file("request.pem"),
    file("names.txt"),
  ];
  const ca = ["-subj", `/CN=${authority}`, "-keyout", caKey, "-out", caFile];
  await run("openssl", ["req", "-x509", ...NEW_KEY, ...LIFE, ...ca]);
  await run("openssl", ["req", ...NEW_KEY, "-subj", "/CN=localhost", "-keyout", keyFile, "-out", request]);
  const alternatives = [...hosts.map((host) => `DNS:${host}`), "IP:127.0.0.1"];
  await writeFile(names, `subjectAltName=${alternatives.join(",")}\n`);
  const signer = ["-CA", caFile, "-CAkey", caKey, "-CAcreateserial", "-extfile", names];
  await run("openssl", ["x509", "-req", "-in", request, ...LIFE, ...signer, "-out", certFile]);
  return { caFile, certFile, keyFile };
}
