import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocuments } from "@malla/sdk/resources";
import { sdkDependency, starterFiles } from "./starter.ts";

test("a starter is whole: a program, a valid policy, a package that finds the SDK, and a README", () => {
  const files = starterFiles("greeter", sdkDependency());
  assert.deepEqual(Object.keys(files), ["package.json", "greeter.js", "policy.yaml", "README.md"]);
  const { documents, problems } = parseDocuments(files["policy.yaml"] ?? "", { file: "policy.yaml" });
  assert.deepEqual(problems, []);
  assert.deepEqual(
    documents.map(({ spec }) => ("service" in spec ? spec.service : "")),
    ["greeter", "greeter"],
  );
  const manifest = JSON.parse(files["package.json"] ?? "") as { dependencies: Record<string, string>; type: string };
  assert.equal(manifest.type, "module");
  assert.match(
    manifest.dependencies["@malla/sdk"] ?? "",
    /^file:.*\/sdk$/,
    "in a checkout, whose version no registry has",
  );
});
