// Kubernetes as a dependency of a module made for this: its own go.mod replaces modules by folders, so that `go install` of it
// is refused.

const MODULE = "k8s.io/kubernetes";

/**
 * go.mod of a module from which the programs of Kubernetes can be built, from Kubernetes' own: every module that it
 * replaces by a folder is published under the same minor version, as v0.
 */
export function scratchModule(kubernetesMod: string, version: string): string {
  const go = /^go (\S+)$/m.exec(kubernetesMod)?.[1];
  if (go === undefined) throw new Error(`the go.mod of ${MODULE} ${version} names no version of Go`);
  const published = `v${version.replace(/^\d+/, "0")}`;
  const staged = [...kubernetesMod.matchAll(/^\s*(?:require\s+)?(k8s\.io\/\S+) v0\.0\.0(?:\s|$)/gm)].map(
    ([, path]) => path,
  );
  const replaced = [...new Set(staged)].sort().map((path) => `\t${path} => ${path} ${published}`);
  return [
    "module scratch",
    `go ${go}`,
    `require ${MODULE} v${version}`,
    `replace (\n${replaced.join("\n")}\n)`,
    "",
  ].join("\n\n");
}

/** A file that makes the module need these packages, programs though they are. */
export function toolsFile(packages: readonly string[]): string {
  return `package scratch\n\nimport (\n${packages.map((path) => `\t_ "${path}"`).join("\n")}\n)\n`;
}

/** Flags of the linker: without them a program calls itself v0.0.0, and clients refuse to talk to it. */
export function linkerFlags(version: string): string {
  const [major, minor] = version.split(".");
  const values = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor };
  const set = Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  return ["-s", "-w", ...set].join(" ");
}
