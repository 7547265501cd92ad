// A leaf node down to the bytes: one that obeys nothing it is told.
import { Buffer } from "node:buffer";
import { sign } from "node:crypto";
import { RawClient, type RawIdentity } from "./raw-client.ts";

/** As a leaf node of the newest kind. */
const VERSION = "2.15.2";

export interface RawLeafOptions {
  readonly identity: RawIdentity;
  /** Public key of the account it says it is in. */
  readonly account: string;
  /** Says that it is the hub of the two, and the other side its leaf node. */
  readonly claimsHub?: boolean;
  readonly name?: string;
}

export class RawLeaf {
  readonly client: RawClient;

  private constructor(client: RawClient) {
    this.client = client;
  }

  /** `server`: a URL of the leaf node port. Rejects if the server does not want it. */
  static async open(server: string, options: RawLeafOptions): Promise<RawLeaf> {
    const { identity, account, claimsHub = false, name = "raw-leaf" } = options;
    const client = await RawClient.dial(server);
    const info = JSON.parse((await client.hears(/INFO (\{.*\}) *\r\n/))[1] as string) as { nonce: string };
    const sig = sign(undefined, Buffer.from(info.nonce), identity.key).toString("base64url");
    const connect = {
      version: VERSION,
      jwt: identity.jwt,
      sig,
      id: `N${name.toUpperCase().replaceAll("-", "").padEnd(55, "A")}`,
      name,
      is_hub: claimsHub,
      headers: true,
      remote_account: account,
    };
    client.write(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`);
    await client.hears(/PONG\r\n/);
    return new RawLeaf(client);
  }

  publish(subject: string, payload = ""): void {
    this.client.write(`LMSG ${subject} ${payload.length}\r\n${payload}\r\n`);
  }

  subscribe(subject: string): void {
    this.client.write(`LS+ ${subject}\r\n`);
  }

  /** Resolves when the server has taken all that was sent before. */
  async settled(): Promise<void> {
    this.client.heard = this.client.heard.replaceAll("PONG", "pong");
    this.client.write("PING\r\n");
    await this.client.hears(/PONG\r\n/);
  }

  destroy(): void {
    this.client.destroy();
  }
}
