// Connects to NATS: to this connection's home if that answers, else to another server of the list. From then on the connection looks for
// its home when it is elsewhere, and for newer credentials.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { comeHome, LOOK_FOR_HOME_MAX_MS, LOOK_FOR_HOME_MIN_MS } from "./come-home.ts";
import { connectError, isRefusal, isTimeout } from "./connect-error.ts";
import { type CredentialsEvent, CredentialsRenewal, LOOK_SOON_MS } from "./credentials-renewal.ts";
import { type DialFailure, type Dialled, Dialler } from "./dialler.ts";
import { HeldCredentials } from "./held-credentials.ts";
import { NatsBroker } from "./nats-broker.ts";
import { rankServers } from "./rank-servers.ts";
import { checkTlsFiles, type TlsFiles } from "./tls-files.ts";
import { wantsCertificate } from "./wants-certificate.ts";

/** The first connection is tried so often against servers that do not answer in time; later ones without end. */
const FIRST_DIALS = 5;
/** The broker refuses credentials at each redial, ten times a second and more; their file is read after this, in ms. */
const HURRY_MS = 250;

export interface NatsBrokerOptions {
  /**
   * `nats://host:port`, one or several separated by commas: all servers, since none is learned from the others. One of them, by chance,
   * is this connection's home. A name with several addresses counts as one server, whose addresses are tried in any order.
   */
  readonly servers: string | readonly string[];
  /** Text of a `.creds` file. */
  readonly credentials?: string;
  /**
   * Path of the file they are from: it is read again, and newer credentials of the same principal, account and role are taken over
   * without a gap. Without `credentials` it is read first.
   */
  readonly credentialsFile?: string;
  /** Told when the file's content is taken over or refused, and when nothing newer is there and the end is near. */
  readonly onCredentials?: (event: CredentialsEvent) => void;
  /** Name of the connection as the broker's monitoring shows it. */
  readonly name: string;
  /** Prefix of this connection's own inboxes, needed by JetStream requests: `_INBOX.<principal>`. */
  readonly inboxPrefix?: string;
  /** Files are read again at each dial. */
  readonly tls?: TlsFiles;
  /** What a callback threw; the read loop goes on. */
  readonly onCallbackError?: (error: unknown, subject: string) => void;
  /** Chance for redials and moves, in [0, 1). */
  readonly random?: () => number;
  /** Chooses the home. Default: unguessable. */
  readonly id?: string;
  /** Away from home it is looked for at intervals between these, in ms. Default 10 to 30 s. */
  readonly lookForHomeMs?: readonly [min: number, max: number];
}

/** Connects, or throws an Error that says which servers were tried, what each answered, and what to do. */
export async function connectNats(options: NatsBrokerOptions): Promise<NatsBroker> {
  const { credentialsFile, inboxPrefix, name, tls, random = Math.random } = options;
  if (tls !== undefined) await checkTlsFiles(tls);
  const text =
    options.credentials ?? (credentialsFile === undefined ? undefined : await readFile(credentialsFile, "utf8"));
  const held =
    text === undefined || credentialsFile === undefined ? undefined : new HeldCredentials(text, credentialsFile);
  const dialler = new Dialler({
    name,
    inboxPrefix,
    tls,
    random,
    servers: rankServers(options.id ?? randomBytes(8).toString("hex"), serverList(options.servers)),
    credentials: () => held?.text ?? text,
  });
  let hurry: () => void = nothing;
  const broker = new NatsBroker(await firstDial(dialler, tls?.certFile !== undefined), {
    dialler,
    random,
    onCallbackError: options.onCallbackError ?? nothing,
    onRefused: () => {
      held?.fallBack(Date.now());
      hurry();
    },
  });
  const pause = async (ms: number): Promise<void> => await broker.pause(ms);
  if (dialler.servers.length > 1) {
    const [minMs, maxMs] = options.lookForHomeMs ?? [LOOK_FOR_HOME_MIN_MS, LOOK_FOR_HOME_MAX_MS];
    const goHome = async (): Promise<boolean> => await broker.goHome();
    void comeHome({ pause, random, isAway: () => broker.isAway, goHome, minMs, maxMs });
  }
  if (held !== undefined && credentialsFile !== undefined) {
    const renewal = new CredentialsRenewal({
      file: credentialsFile,
      read: async () => await readFile(credentialsFile, "utf8"),
      held,
      wallMs: () => Date.now(),
      random,
      pause,
      connected: () => broker.connected,
      move: async (credentials) => await broker.renew(credentials),
      tell: options.onCredentials ?? nothing,
    });
    const woken = async (): Promise<void> =>
      await new Promise((resolve) => {
        hurry = resolve;
      });
    void followFile(renewal, pause, woken);
  }
  return broker;
}

/** Goes on until `pause` rejects. */
async function followFile(
  renewal: CredentialsRenewal,
  pause: (ms: number) => Promise<void>,
  woken: () => Promise<void>,
): Promise<void> {
  try {
    for (let waitMs = LOOK_SOON_MS; ; waitMs = await renewal.look()) {
      const hurried = woken().then(async () => await pause(HURRY_MS));
      await Promise.race([pause(waitMs), hurried]);
    }
  } catch {
    // The broker was closed.
  }
}

async function firstDial(dialler: Dialler, hasCertificate: boolean): Promise<Dialled> {
  for (let dials = 1; ; dials++) {
    const dialled = await dialler.dialFirst(dialler.servers);
    if ("connection" in dialled) return dialled;
    const failures = hasCertificate ? dialled : await Promise.all(dialled.map(explainTimeout));
    const mayAnswer = failures.some(({ cause }) => isTimeout(cause)) && !failures.some(({ cause }) => isRefusal(cause));
    if (dials === FIRST_DIALS || !mayAnswer) throw connectError(failures);
  }
}

async function explainTimeout(failure: DialFailure): Promise<DialFailure> {
  if (!isTimeout(failure.cause) || !(await wantsCertificate(failure.server))) return failure;
  return { ...failure, cause: new Error("certificate required", { cause: failure.cause }) };
}

function serverList(servers: string | readonly string[]): readonly string[] {
  return typeof servers === "string" ? servers.split(",").map((server) => server.trim()) : servers;
}

function nothing(): void {}
