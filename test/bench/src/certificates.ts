// Certificates of a run's own: an authority, and one certificate that stands for both ends.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { NotHere } from "./not-here.ts";

const run = promisify(execFile);
const DAYS = "2";

export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes them in a folder; paths of PEM files. Throws NotHere without openssl. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const file = (name: string): string => join(folder, name);
  const openssl = async (...args: string[]): Promise<unknown> => await run("openssl", args);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  try {
    await openssl("version");
  } catch (cause) {
    throw new NotHere("there is no openssl, which makes the certificates", { cause });
  }
  const ca = { ca: file("ca.pem"), key: file("ca.key") };
  await openssl(
    "req",
    "-x509",
    ...newKey,
    "-days",
    DAYS,
    "-subj",
    "/CN=bench authority",
    "-keyout",
    ca.key,
    "-out",
    ca.ca,
  );
  await openssl("req", ...newKey, "-subj", "/CN=localhost", "-keyout", file("end.key"), "-out", file("end.csr"));
  await writeFile(file("end.ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  const sign = ["-CA", ca.ca, "-CAkey", ca.key, "-CAcreateserial", "-days", DAYS, "-extfile", file("end.ext")];
  await openssl("x509", "-req", "-in", file("end.csr"), ...sign, "-out", file("end.pem"));
  return { ca: ca.ca, cert: file("end.pem"), key: file("end.key") };
}
