// `malla init`: a first service that runs.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { isIssuableName } from "@malla/sdk/contract";
import type { Command } from "commander";
import { Failure, misuse } from "../failure.ts";
import { example } from "./verb.ts";

export function addInit(program: Command): void {
  const command = program
    .command("init")
    .description("write a starter service into a folder")
    .argument("[folder]", "default: this one", ".")
    .option("--service <name>", "name of the service (default: the folder's)");
  example(command, "malla init greeter");
  command.action(async (folder: string, flags: { readonly service?: string }) => {
    const target = resolve(folder);
    const service = flags.service ?? basename(target).toLowerCase();
    if (!isIssuableName(service, "service"))
      throw misuse(`${service} can be no service name: a DNS label is expected; --service gives another`);
    const files = starterFiles(service);
    const taken = Object.keys(files).filter((file) => existsSync(join(target, file)));
    if (taken.length > 0) throw new Failure(`${taken.join(", ")} is there already; nothing was written`);
    for (const [file, text] of Object.entries(files)) {
      await mkdir(join(target, file, ".."), { recursive: true });
      await writeFile(join(target, file), text);
    }
    process.stdout.write(
      `wrote ${Object.keys(files).join(", ")}\n\nNext, with a mesh running (malla up):\n  cd ${folder} && npm install\n  malla run --service ${service} -- node ${service}.js\n  malla call ${service} hello '{"name":"you"}'\n  malla apply -f policy.yaml\n`,
    );
  });
}

/** File name to text. */
export function starterFiles(service: string): Readonly<Record<string, string>> {
  return {
    "package.json": `${JSON.stringify({ name: service, version: "0.1.0", private: true, type: "module", dependencies: { "@malla/sdk": "^0.1.0" } }, null, 2)}\n`,
    [`${service}.js`]: `import { connect, MeshError } from "@malla/sdk";

const mesh = await connect();
await mesh.serve({
  hello: async ({ name }, context) => {
    if (typeof name !== "string") throw new MeshError({ status: "INVALID_ARGUMENT", message: "name: a text is expected" });
    return { text: \`Hello \${name}, you are \${context.principal}\` };
  },
});
console.log("serving ${service}.hello");
`,
    "policy.yaml": `# Who may call ${service}: once a policy names a service, whom it does not allow is denied.
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: ${service}-callers }
spec:
  service: ${service}
  action: allow
  rules:
    - { principals: [guest], methods: [hello] }
`,
  };
}
