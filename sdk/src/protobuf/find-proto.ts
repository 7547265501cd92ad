// Where .proto files are looked for. An import is a path below one of several folders; the bundled ones come last, so
// that a project's own copy wins.
import { realpath, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** `sdk/proto`, which is as far from `src/protobuf` as from `dist/protobuf`. */
const OWN_FOLDER = fileURLToPath(new URL("../../proto", import.meta.url));
/** protobufjs ships descriptor.proto, type.proto, api.proto and the compiler's plugin.proto. */
const PROTOBUFJS_FOLDER = path.dirname(createRequire(import.meta.url).resolve("protobufjs/package.json"));

/** Folders that are always searched, after all others: `google/protobuf/*`, `google/api/*`, `google/rpc/status.proto`. */
export const BUNDLED_FOLDERS: readonly string[] = [OWN_FOLDER, PROTOBUFJS_FOLDER];

/**
 * Files that only define options: no message on the wire needs them. One of these that is in no folder is skipped, since
 * options are carried along unread.
 */
const OPTIONS_ONLY = [
  /^(?:.+\/)?validate\/validate\.proto$/,
  /^buf\/validate\/.+\.proto$/,
  /^(?:.+\/)?gogoproto\/gogo\.proto$/,
  /^protoc-gen-(?:openapiv2|swagger)\/options\/.+\.proto$/,
  /^(?:gnostic\/)?openapiv[23]\/.+\.proto$/,
  /^(?:udpa|xds)\/annotations\/.+\.proto$/,
  /^envoy\/annotations\/.+\.proto$/,
  /^google\/api\/.+\.proto$/,
  /^google\/cloud\/extended_operations\.proto$/,
  /^google\/protobuf\/\w+_features\.proto$/,
  /^(?:tagger\/tagger|scalapb\/scalapb|nanopb|objectivec-options|swift-options)\.proto$/,
];

export function isOptionsOnly(importPath: string): boolean {
  return OPTIONS_ONLY.some((pattern) => pattern.test(importPath));
}

/** The first folder's file of that import path, as an absolute real path; undefined if no folder has it. */
export async function findImport(importPath: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const found = await realFile(path.resolve(folder, importPath));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The real path of a file; undefined if it is not there or no file. */
export async function realFile(file: string): Promise<string | undefined> {
  try {
    return (await stat(file)).isFile() ? await realpath(file) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The folder that a file's imports most likely start from: its own folder without the package's path at the end.
 * `protos/shop/v1/cart.proto` of package `shop.v1` gives `protos`.
 */
export function importRoot(file: string, packageName: string): string {
  const folder = path.dirname(file);
  const suffix = packageName.split(".").join(path.sep);
  return suffix !== "" && folder.endsWith(path.sep + suffix) ? folder.slice(0, -suffix.length - 1) || path.sep : folder;
}
