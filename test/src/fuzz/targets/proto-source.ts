// `.proto` sources: loaded, or refused with a ContractError that says where. Each is written to a file, since that is how
// they come.
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContractError, DecodeError, loadContract, type MessageCodec } from "@malla/sdk/protobuf";
import { checkoutPath } from "../shipped-policies.ts";
import { bytesOf, type FuzzTarget, type Input, must } from "../target.ts";

const FILES = [
  "services/shop/protos/payments.proto",
  ...["payments", "everything", "clash", "edition", "legacy", "broken/group", "broken/type", "broken/method"].map(
    (name) => `sdk/src/protobuf/testdata/${name}.proto`,
  ),
];
const SMALL = [
  'syntax = "proto3"; package a.b; service S { rpc M(R) returns (stream R) { option idempotency_level = IDEMPOTENT; } } message R { string a = 1; }',
  'syntax = "proto2"; message R { required int32 a = 1 [default = 5]; extensions 100 to max; } extend R { optional int32 b = 100; } service S { rpc M(R) returns (R); }',
  'edition = "2023"; message R { oneof o { int32 a = 1; R b = 2; } map<string, R> m = 3; enum E { X = 0; } reserved 5 to 7, "old"; } service S { rpc M(.R) returns (.R); }',
];
const WORDS = [
  "message R {}",
  "message ",
  "service ",
  "rpc M(R) returns (R);",
  "stream ",
  "option ",
  "extend ",
  "oneof o {",
  "enum E { A = 0; }",
  "map<string, R> m = 9;",
  "repeated ",
  "reserved 1 to max;",
  "group G = 1 {",
  'import "google/protobuf/any.proto";',
  'import weak "x.proto";',
  'import "/etc/hostname";',
  'import ".";',
  'import "google";',
  "package a;",
  'syntax = "proto3";',
  'edition = "2024";',
  "features.field_presence = EXPLICIT",
  "[(a).b = {c: 1}]",
  "/*",
  "*/",
  "//",
  '"',
  "'",
  "{",
  "}",
  ";",
  "= 0;",
  "= 536870912;",
  "= -1;",
  "= 1e3;",
  "inf",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  ".",
];

/** Held in memory where there is such a folder: most of an input's time goes into its file. */
const SCRATCH = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
/** Of what a refusal says, whatever it quotes, in characters. */
const MAX_MESSAGE_LENGTH = 2_000;

async function load(file: string): Promise<string> {
  let contract: Awaited<ReturnType<typeof loadContract>>;
  try {
    contract = await loadContract(file, { includeDirs: [checkoutPath("sdk/src/protobuf/testdata")] });
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    must(error.message.length < MAX_MESSAGE_LENGTH + file.length, `says ${error.message.length} characters`);
    must(error.line === undefined || error.line >= 1, `line ${error.line}`);
    // What the message quotes is the fuzzer's own; a shape is the kind of refusal.
    const said = error.message
      .replaceAll(file, "FILE")
      .replace(/\d+/g, "#")
      .replace(/(['"]).*?\1/gs, "…");
    return `no ${said.slice(0, 60)}`;
  }
  for (const { request, response } of contract.methods.values()) {
    checkCodec(request);
    checkCodec(response);
  }
  return `ok ${contract.methods.size} ${contract.fullName.length}`;
}

/** What could be loaded must work: a message of no bytes is decoded and encoded, unless it needs a field. */
function checkCodec(codec: MessageCodec): void {
  let empty: unknown;
  try {
    empty = codec.decode(new Uint8Array(0));
  } catch (error) {
    must(error instanceof DecodeError, `threw ${String(error)}`);
    return;
  }
  must(codec.decode(codec.encode(empty)) !== undefined, "no message");
}

async function sources(): Promise<readonly Input[]> {
  const shipped = await Promise.all(FILES.map(async (file) => await readFile(checkoutPath(file))));
  return [...shipped.map((bytes): Input => [bytes]), ...SMALL.map((text): Input => [bytesOf(text)])];
}

export const protoSources: FuzzTarget = {
  name: "proto-source",
  seeds: await sources(),
  words: WORDS,
  maxBytes: 64 * 1024,
  shortInputs: 600,
  boundMs: 3_000,
  open: async () => {
    const folder = await mkdtemp(join(SCRATCH, "malla-fuzz-"));
    const file = join(folder, "fuzz.proto");
    return {
      run: async ([bytes]) => {
        writeFileSync(file, bytes ?? "");
        return await load(file);
      },
      close: async () => await rm(folder, { recursive: true, force: true }),
    };
  },
};
