// .proto files at run time: `loadContract`.
import protobuf from "protobufjs";
import { buildContract } from "./build-contract.ts";
import type { AnyService, Contract } from "./contract.ts";
import { ContractError } from "./contract-error.ts";
import { filenameOf, link } from "./link.ts";
import { plainName } from "./message-plan.ts";
import { type ParsedFiles, parseFiles } from "./parse-files.ts";

export interface LoadOptions {
  /**
   * The protobuf service: `shop.Payments`, or `Payments` if that is not ambiguous. May be left out if the file has one
   * service only.
   */
  readonly service?: string;
  /** The service's name on the mesh. Default: the protobuf name in lower case with dashes, without its package. */
  readonly name?: string;
  /** Folders that imports start from, searched in this order before any other. */
  readonly includeDirs?: readonly string[];
}

/**
 * Loads one service from a .proto file with all it imports. Reading and compiling happen here, so that a call does none
 * of it. Throws `ContractError` with file, line and what to do.
 */
export async function loadContract<Service = AnyService>(
  file: string,
  options: LoadOptions = {},
): Promise<Contract<Service>> {
  const parsed = await parseFiles([file], options.includeDirs ?? []);
  link(parsed);
  return buildContract<Service>(pickService(parsed, options.service), options.name);
}

function pickService(parsed: ParsedFiles, wanted: string | undefined): protobuf.Service {
  const file = parsed.entries[0]?.path;
  const all = servicesOf(parsed.root);
  const own = all.filter((service) => filenameOf(service) === file);
  const matching = wanted === undefined ? own : matchingServices(all, own, wanted);
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only;
  const listed = (matching.length > 1 ? matching : own).map(plainName).join(", ");
  if (matching.length > 1) {
    throw new ContractError({ file }, `the file has several services, ${listed}: say which one with "service"`);
  }
  const there = listed === "" ? "it defines no service" : `it defines ${listed}`;
  throw new ContractError({ file }, wanted === undefined ? there : `there is no service ${wanted}; ${there}`);
}

function matchingServices(
  all: readonly protobuf.Service[],
  own: readonly protobuf.Service[],
  wanted: string,
): readonly protobuf.Service[] {
  const exact = all.filter((service) => plainName(service) === wanted.replace(/^\./, ""));
  return exact.length > 0 ? exact : own.filter((service) => service.name === wanted);
}

/** All services below a namespace, in the order they were declared. */
export function servicesOf(namespace: protobuf.NamespaceBase): readonly protobuf.Service[] {
  return namespace.nestedArray.flatMap((object) => {
    if (object instanceof protobuf.Service) return [object];
    return object instanceof protobuf.Namespace ? servicesOf(object) : [];
  });
}
