// The bootstrap's decisions. It is plain JavaScript outside the compiled tree, since it runs before there is a compiler.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

interface Installed {
  manifests(root: string): string[];
  fingerprint(root: string): string;
  whyInstall(root: string, stamp: string | undefined): string | undefined;
  majorOf(output: string | undefined): number;
  isOffline(output: string): boolean;
}

const installed = (await import(new URL("../bootstrap/installed.mjs", import.meta.url).href)) as Installed;
const root = mkdtempSync(join(tmpdir(), "malla-bootstrap-"));
after(() => rmSync(root, { recursive: true }));

function write(file: string, content: object): void {
  mkdirSync(join(root, file, ".."), { recursive: true });
  writeFileSync(join(root, file), JSON.stringify(content));
}

write("package.json", { workspaces: ["sdk", "services/*", "not-there/*"] });
write("package-lock.json", {});
write("sdk/package.json", { name: "sdk" });
write("services/a/package.json", { name: "a" });
write("services/empty/readme.json", {});

test("every manifest of every workspace is looked at", () => {
  assert.deepEqual(installed.manifests(root), [
    "package.json",
    "package-lock.json",
    "sdk/package.json",
    "services/a/package.json",
  ]);
});

test("packages are installed when there are none, when the last install broke off, and when a manifest changed", () => {
  assert.equal(installed.whyInstall(root, undefined), "there are none yet");
  mkdirSync(join(root, "node_modules"));
  assert.equal(installed.whyInstall(root, undefined), "the last install did not end");
  const stamp = installed.fingerprint(root);
  assert.equal(installed.whyInstall(root, stamp), undefined);
  write("services/a/package.json", { name: "a", dependencies: { b: "1" } });
  assert.match(installed.whyInstall(root, stamp) ?? "", /has changed/);
});

test("a Node's version is read, and nonsense is no version", () => {
  assert.deepEqual(["v24.9.0\n", "v20.19.2", "24.1.0", "", undefined].map(installed.majorOf), [24, 20, 0, 0, 0]);
});

test("a registry that cannot be reached is told apart from a package that does not install", () => {
  assert.equal(installed.isOffline("npm error code EAI_AGAIN\nnpm error getaddrinfo"), true);
  assert.equal(installed.isOffline("npm error code ERESOLVE\nnpm error could not resolve"), false);
});
