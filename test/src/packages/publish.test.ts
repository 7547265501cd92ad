// What would be published: every package as npm packs it, looked at by publint and by attw (are the types wrong?).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const ROOT = join(import.meta.dirname, "../../..");
const PACKAGES = ["sdk", "broker-config", "router", "services/platform/cli"] as const;
const folder = mkdtempSync(join(tmpdir(), "malla-pack-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

for (const name of PACKAGES) {
  test(`${name} is published as it should be`, () => {
    const before = new Set(readdirSync(folder));
    run("npm", ["pack", "--pack-destination", folder, "--silent"], join(ROOT, name));
    const tarball = readdirSync(folder).find((file) => !before.has(file));
    assert.ok(tarball !== undefined, "npm packed something");
    const path = join(folder, tarball);
    const files = run("tar", ["-tzf", path], folder);
    assert.doesNotMatch(files, /\.test\.|tsbuildinfo|\.malla/, "no tests, no build state, no keys");
    run(join(ROOT, "node_modules/.bin/publint"), ["run", path, "--strict"], ROOT);
    run(join(ROOT, "node_modules/.bin/attw"), [path, "--profile", "esm-only"], ROOT);
  });
}

test("the SDK's main entry loads neither the schema nor the exporters", () => {
  const probe = `
    import { registerHooks } from "node:module";
    const seen = [];
    registerHooks({ resolve(specifier, context, next) { seen.push(specifier); return next(specifier, context); } });
    await import("@malla/sdk");
    console.log(JSON.stringify(seen.filter((name) => /^(zod|yaml|prom-client|pino|@opentelemetry\\/sdk)/.test(name))));
  `;
  assert.deepEqual(JSON.parse(run(process.execPath, ["--input-type=module", "-e", probe], join(ROOT, "router"))), []);
});
