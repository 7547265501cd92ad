// The README's first service runs as written: its code, its commands.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { CommandLine, ROOT } from "./command-line.ts";

const readme = readFileSync(join(ROOT, "README.md"), "utf8");
const line = new CommandLine();
after(async () => line.close());

test("the first service of the README can be run and called", async () => {
  const code = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  assert.match(code, /from "@malla\/sdk"/);
  assert.ok(code.trim().split("\n").length <= 12, "about ten lines");
  const [run, call] = [...readme.matchAll(/^npx malla (run|call) (.*)$/gm)].map((match) => `${match[1]} ${match[2]}`);
  assert.match(run ?? "", /^run --service greeter -- node greeter\.js$/);

  // The checkout's own packages, as `import` finds them from its folder.
  mkdirSync(join(line.folder, "node_modules/@malla"), { recursive: true });
  symlinkSync(join(ROOT, "sdk"), join(line.folder, "node_modules/@malla/sdk"));
  writeFileSync(join(line.folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(line.folder, "greeter.js"), code);

  const mesh = line.start(["start", "--port", "-1", "--metrics-port", "0"]);
  await mesh.until("the shop is open", 120_000);
  line.start((run ?? "").split(" "));
  await mesh.until(/instance greeter\/\S+ 0\.0\.0 joined/);
  const answer = line.run((call ?? "").replaceAll("'", "").split(" "));
  assert.equal(answer.code, 0, answer.stderr);
  assert.match(
    (JSON.parse(answer.stdout) as { text: string }).text,
    /^Hello you from guest's friend: 40 products today$/,
  );
});
