import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import * as engine from "./index.ts";

it("the constants in docs/policy-engine.md are those of the code, and all of them", () => {
  const text = readFileSync(new URL("../../docs/policy-engine.md", import.meta.url), "utf8");
  const written = [...text.matchAll(/^\| `([A-Z_]+)` \| ([\d.]+) \|/gm)].map(
    ([, name, value]) => [name as string, Number(value)] as const,
  );
  const inCode = Object.entries(engine).filter(([name, value]) => /^[A-Z_]+$/.test(name) && typeof value === "number");
  assert.deepEqual(new Map([...written].sort()), new Map((inCode as [string, number][]).sort()));
});
