import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { defaultName } from "./build-contract.ts";
import { ContractError } from "./contract-error.ts";
import { loadContract } from "./load-contract.ts";

const folder = fileURLToPath(new URL("./testdata/", import.meta.url));

test("a contract has the service's methods, streams and idempotency", async () => {
  const contract = await loadContract(`${folder}payments.proto`, { service: "shop.Payments", name: "pay" });
  assert.equal(contract.name, "pay");
  assert.equal(contract.fullName, "shop.Payments");
  const shown = [...contract.methods.values()].map((method) =>
    [method.fullName, method.idempotency, method.requestStream, method.responseStream].join(" "),
  );
  assert.deepEqual(shown, [
    "shop.Payments/Charge idempotent false false",
    "shop.Payments/Find no-side-effects false false",
    "shop.Payments/Watch unknown false true",
    "shop.Payments/Import unknown true false",
  ]);
  assert.equal(contract.methods.get("Charge")?.request.typeName, "shop.ChargeRequest");
  assert.equal(contract.codec("shop.v1.Money")?.typeName, "shop.v1.Money");
  assert.equal(contract.codec("Money"), undefined);
});

test("the only service of a file need not be named, and its short name is enough", async () => {
  assert.equal((await loadContract(`${folder}payments.proto`)).name, "payments");
  const cycle = await loadContract(`${folder}cycle/a.proto`, { service: "Other", includeDirs: [folder] });
  assert.equal(cycle.fullName, "Other");
});

test("names on the mesh are made from the service's own", () => {
  const names = ["Payments", "CartService", "HTTPProxy", "V2_Api", "a"].map(defaultName);
  assert.deepEqual(names, ["payments", "cart-service", "http-proxy", "v2-api", "a"]);
});

test("imports that form a cycle, weak imports of nothing and files without a package load", async () => {
  const { methods } = await loadContract(`${folder}cycle/a.proto`, { service: "Cycle", includeDirs: [folder] });
  const go = methods.get("Go");
  assert.ok(go);
  assert.deepEqual(go.request.decode(go.request.encode({ b: { a: {} } })), { b: { a: {} } });
});

test("a type name means what protobuf's scopes make it mean", async () => {
  const { codec } = await loadContract(`${folder}everything.proto`);
  const scopes = codec("test.everything.Scopes");
  assert.deepEqual(scopes?.decode(scopes.encode({ target: { right: "x" } })), { target: { right: "x" } });
});

test("an edition of sixty thousand lines is refused in a short time and text", async () => {
  const scratch = await mkdtemp(join(tmpdir(), "malla-proto-"));
  try {
    const file = join(scratch, "open.proto");
    await writeFile(file, `edition = "2023;${"\n".repeat(60_000)}";\nmessage A {}\n`);
    const before = process.cpuUsage();
    await assert.rejects(loadContract(file), (error: Error) => {
      assert.ok(error instanceof ContractError);
      assert.ok(error.message.length < 2_000, `${error.message.length} characters`);
      return true;
    });
    // It took four seconds.
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1_000_000, `${user + system} µs of CPU`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
});

test("an error about a name as long as its file keeps what is wrong, what to do, and is short", () => {
  const { message } = new ContractError(
    { file: "a.proto", line: 3 },
    `no message ${"x".repeat(50_000)}; is an import missing?`,
  );
  assert.match(message, /^a\.proto:3: no message xxx.*xxx; is an import missing\?$/);
  assert.ok(message.length < 1_600, `${message.length} characters`);
});

const broken = [
  { file: "broken/syntax.proto", line: 3, says: /illegal token|illegal/ },
  { file: "broken/import.proto", line: 3, says: /nowhere\/to\/be\/found\.proto" was not found in .*includeDirs/ },
  { file: "broken/type.proto", line: 5, says: /no message or enum Moeny, used by broken\.A\.money/ },
  { file: "broken/duplicate.proto", line: 4, says: /duplicate id 1/ },
  { file: "broken/method.proto", line: undefined, says: /_Hidden.* cannot stand in a subject/ },
  { file: "broken/group.proto", line: 5, says: /group within a oneof/ },
  { file: "broken/no_service.proto", line: undefined, says: /defines no service/ },
  { file: "cycle/a.proto", line: undefined, says: /several services, Cycle, Other/ },
  { file: "broken/not_there.proto", line: undefined, says: /no such file/ },
];
for (const { file, line, says } of broken) {
  test(`${file} is refused with its place`, async () => {
    await assert.rejects(loadContract(folder + file, { includeDirs: [folder] }), (error) => {
      assert.ok(error instanceof ContractError, String(error));
      assert.match(error.message, says);
      assert.ok(error.file?.endsWith(file));
      assert.equal(error.line, line);
      return true;
    });
  });
}

test("a service that is not there and a name that is no label are refused", async () => {
  const file = `${folder}payments.proto`;
  await assert.rejects(
    loadContract(file, { service: "shop.Payment" }),
    /no service shop\.Payment; it defines shop\.Payments/,
  );
  await assert.rejects(loadContract(file, { name: "Pay ments" }), /"Pay ments" cannot name shop\.Payments/);
});
