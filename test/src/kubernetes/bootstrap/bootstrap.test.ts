// The bootstrap Jobs against a real API server and a real nats-server: Secrets that any number of runs agree on, streams, and
// clients with credentials issued from those Secrets.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  ensureKeys,
  findNatsServer,
  issueCredentials,
  type Keys,
  parseRouterSigner,
  signRouterUser,
} from "@malla/broker-config";
import { connectNats, type NatsBroker, openKeyValue } from "@malla/sdk/broker";
import { POLICY_BUCKET, PolicyStore } from "@malla/sdk/discovery";
import { makeCertificates, type TestCertificates } from "../../harness/certificates.ts";
import { freePort } from "../../harness/free-port.ts";
import { eventually } from "../../harness/index.ts";
import { type CommandOutcome, kubernetesOrSkip, runProgram } from "../harness/index.ts";
import { BOOTSTRAP, BootstrapWorld, NAMESPACE, RELEASE, SECRETS } from "./bootstrap-world.ts";

const { skip, binaries } = kubernetesOrSkip();
const [KEYS, SIGNER, NATS_CONFIG] = SECRETS;
const MALLA = join(import.meta.dirname, "../../../../services/platform/cli/dist/main.js");
const POD = { POD_NAME: `${RELEASE}-nats-0` } as const;
const PATIENCE = { withinMs: 60_000, everyMs: 100 } as const;

describe("bootstrap", { skip }, () => {
  let world: BootstrapWorld;
  before(async () => {
    if (skip === false) world = await BootstrapWorld.start(binaries());
  });
  after(async () => await world?.stop());

  function succeeded({ code, stdout, stderr }: CommandOutcome): string {
    assert.equal(code, 0, stderr + stdout);
    return stdout;
  }

  test("two that run at once end with the same keys, and a third changes nothing", async () => {
    const outputs = (await Promise.all([world.keys(), world.keys()])).map(succeeded).join("");
    assert.equal(outputs.match(/malla-keys: created/g)?.length, 1, outputs);
    const after = await world.secrets();
    assert.match(
      succeeded(await world.keys()),
      /malla-keys: unchanged\n.*signer: unchanged\n.*nats-config: unchanged\n$/,
    );
    assert.deepEqual(await world.secrets(), after);
    for (const value of Object.values(after[0]?.data ?? {}))
      assert.ok(!outputs.includes(Buffer.from(value, "base64").toString("utf8").trim()), "no seed is printed");
  });

  test("an upgrade adds an account, keeps every key, and says what is to be done", async () => {
    const before = (await world.secret(KEYS)).data;
    const output = succeeded(await world.keys({ ...BOOTSTRAP, applications: ["SHOP", "BILLING"] }));
    assert.match(output, /malla-keys: changed; added BILLING\.application\.nk, BILLING\.nk\n/);
    assert.match(
      output,
      /nats-config: changed; the accounts are others than those that run.*rollout restart statefulset\/malla-nats/,
    );
    const { "BILLING.nk": account, "BILLING.application.nk": role, ...rest } = (await world.secret(KEYS)).data;
    assert.ok(account !== undefined && role !== undefined);
    assert.deepEqual(rest, before);
  });

  test("its ServiceAccount reaches three Secrets, and nothing else", async () => {
    await world.api.must(["create", "secret", "generic", "other", "-n", NAMESPACE, "--from-literal=a=b"]);
    for (const args of [
      ["get", "secret", "other"],
      ["get", "secrets"],
      ["delete", "secret", KEYS],
      ["get", "pods"],
    ]) {
      const { code, stderr } = await world.kubectlAsJob(...args, "-n", NAMESPACE);
      assert.notEqual(code, 0, args.join(" "));
      assert.match(stderr, /Forbidden/, args.join(" "));
    }
    const { code, stderr } = await world.keys({ ...BOOTSTRAP, release: "theirs" });
    assert.equal(code, 1);
    assert.match(stderr, /^bootstrap: get secrets mesh\/theirs-keys: Forbidden: .*\n$/);
  });

  test("a damaged key is named, and what is there stays", async () => {
    const { data } = await world.secret(KEYS);
    await world.edit(KEYS, "CTRL.nk", Buffer.from("SADAMAGED").toString("base64"));
    const damaged = await world.secrets();
    const { code, stderr } = await world.keys();
    assert.equal(code, 1);
    assert.match(stderr, /Secret mesh\/malla-keys, key CTRL\.nk: this is no nkey seed/);
    assert.ok(!stderr.includes("SADAMAGED"));
    assert.deepEqual(await world.secrets(), damaged);
    await world.edit(KEYS, "CTRL.nk", data["CTRL.nk"] as string);
    succeeded(await world.keys());
  });

  test("what is used wrongly says how it is used", async () => {
    const wrong = await world.run("nonsense", {});
    assert.deepEqual([wrong.code, wrong.stderr], [2, "bootstrap: say `keys` or `streams`\n"]);
    assert.match((await world.run("keys", { MALLA_BOOTSTRAP: "" })).stderr, /^bootstrap: MALLA_BOOTSTRAP is not set/);
    const file = await world.configFile({ ...BOOTSTRAP, nats: { ...BOOTSTRAP.nats, replicas: 0 } });
    assert.match(
      (await world.run("streams", { MALLA_BOOTSTRAP: file })).stderr,
      /nats\.replicas: a whole number above 0/,
    );
  });

  describe("a server that starts from the Secret", () => {
    let keys: Keys;
    let home: string;
    let url: string;
    let certificates: TestCertificates;
    let server: ChildProcess | undefined;
    const brokers: NatsBroker[] = [];

    before(async () => {
      home = await world.folder();
      await world.mount(KEYS, join(home, "keys"));
      keys = await ensureKeys(home, { applications: [] });
      certificates = await makeCertificates(home);
      url = `tls://localhost:${await freePort()}`;
    });
    after(async () => {
      for (const broker of brokers) await broker.close();
      server?.kill("SIGTERM");
      if (server !== undefined && server.exitCode === null)
        await new Promise((resolve) => server?.once("exit", resolve));
    });

    /** Files of the Secret in a folder; what a pod has at paths of its own stands in that folder too. */
    async function mountConfig(): Promise<string> {
      const folder = await world.folder();
      const { caFile, certFile, keyFile } = certificates;
      await world.mount(NATS_CONFIG, folder, (text) =>
        text
          .replaceAll("/etc/nats-tls/tls.crt", certFile)
          .replaceAll("/etc/nats-tls/tls.key", keyFile)
          .replaceAll("/etc/nats-tls/ca.crt", caFile)
          .replace('store_dir: "/data"', `store_dir: "${join(folder, "data")}"`),
      );
      return folder;
    }

    async function startServer(): Promise<void> {
      const folder = await mountConfig();
      const { path } = await findNatsServer();
      const ports = ["--port", new URL(url).port, "--http_port", String(await freePort())];
      const args = ["-c", join(folder, "nats-server.conf"), "--pid", join(folder, "nats.pid"), ...ports];
      server = spawn(path, args, { env: { ...process.env, ...POD }, stdio: ["ignore", "ignore", "pipe"] });
      let log = "";
      server.stderr?.on("data", (chunk: Buffer) => {
        log += chunk.toString();
      });
      await eventually(() => {
        assert.equal(server?.exitCode, null, log);
        assert.match(log, /Server is ready/, log);
      }, PATIENCE);
      assert.match(log, /Name: +malla-nats-0\b/);
    }

    async function streams(): Promise<CommandOutcome> {
      return await world.run("streams", {
        MALLA_BOOTSTRAP: await world.configFile(BOOTSTRAP),
        MALLA_HOME: home,
        NATS_URL: url,
        NATS_CA: certificates.caFile,
      });
    }

    async function connect(credentials: string, name: string): Promise<NatsBroker> {
      const tls = { caFile: certificates.caFile };
      const broker = await connectNats({ servers: url, credentials, name, inboxPrefix: `_INBOX.${name}`, tls });
      brokers.push(broker);
      return broker;
    }

    test("`streams` waits for it, says so, makes the streams, and may be run again", async () => {
      const [outcome] = await Promise.all([
        streams(),
        // So late that it has been missed once.
        new Promise((resolve) => setTimeout(resolve, 2_500)).then(startServer),
      ]);
      const output = succeeded(outcome);
      assert.match(output, /^making the streams at tls:\/\/localhost:\d+, with one copy\nnot yet, after 0 s: /);
      assert.match(output, /\nthe streams are as they should be\n$/);
      assert.doesNotMatch(succeeded(await streams()), /not yet/);
    });

    test("credentials issued from the keys are good there, and so is the routers' signer", async () => {
      const guest = await connect(await issueCredentials(keys, { name: "guest", role: "guest" }), "guest");
      assert.ok(guest.connected);
      const signer = Buffer.from((await world.secret(SIGNER)).data["router.signer.json"] ?? "", "base64").toString(
        "utf8",
      );
      const { control } = await signRouterUser(parseRouterSigner(signer), "router-a");
      const router = await connect(control, "router-a");
      const store = new PolicyStore(await openKeyValue(router, POLICY_BUCKET), keys.policy.publicKey);
      assert.equal((await store.readHead()).signed, undefined, "the bucket is there, and empty");
      const application = { name: "billing", role: "application", account: "BILLING" } as const;
      assert.ok(
        (await connect(await issueCredentials(keys, application), "billing")).connected,
        "the account of the upgrade",
      );
    });

    test("`malla backup` and `restore` reach it from a home with its keys", async () => {
      const file = join(home, "mesh.backup");
      const env = {
        MALLA_HOME: home,
        MALLA_BACKUP_PASSPHRASE: "four random words please",
        NATS_URL: url,
        NATS_CA: certificates.caFile,
      };
      const malla = async (...args: readonly string[]): Promise<string> =>
        succeeded(await runProgram(process.execPath, [MALLA, ...args], { env }));
      assert.match(await malla("backup", "-o", file), /holds \d+ keys, no policy, since there is none yet/);
      assert.match(await malla("restore", file), /the backup holds no policy/);
    });

    test("a server takes the configuration of a cluster with other regions and edges", async () => {
      const gateways = [{ name: "eu", addresses: ["nats.eu.example:7222"] }];
      const nats = { ...BOOTSTRAP.nats, replicas: 3, gateways, leafnodes: true };
      const output = succeeded(await world.keys({ ...BOOTSTRAP, nats }));
      assert.match(
        output,
        /malla-keys: unchanged\n.*\n.*nats-config: changed; accounts\.conf, cluster\.conf, gateway\.conf/,
      );
      const { path } = await findNatsServer();
      const folder = await mountConfig();
      for (const file of ["malla-nats-0.conf", "malla-nats-2.conf", "nats-server.conf"]) {
        const { code, stderr } = await runProgram(path, ["-c", join(folder, file), "-t"], { env: POD });
        assert.equal(code, 0, stderr);
      }
    });

    test("credentials of another mesh are refused", async () => {
      const other = await ensureKeys(await world.folder());
      const credentials = await issueCredentials(other, { name: "guest", role: "guest" });
      await assert.rejects(connect(credentials, "guest"), /refused these credentials/);
      assert.ok(readFileSync(join(home, "keys/policy.nk"), "utf8").startsWith("SU"));
    });
  });
});
