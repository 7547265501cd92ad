// The files of a first service, as `malla init` writes them.
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";

/** File name to text. `sdk` is what package.json says of @malla/sdk: a version range, or `file:` and a folder. */
export function starterFiles(service: string, sdk: string): Readonly<Record<string, string>> {
  return {
    "package.json": `${JSON.stringify(manifest(service, sdk), null, 2)}\n`,
    [`${service}.js`]: program(service),
    "policy.yaml": policy(service),
    "README.md": readme(service),
  };
}

/**
 * Where a service finds the SDK this command was built with: by its version, or, in a checkout, whose version no registry
 * has, by its folder.
 */
export function sdkDependency(): string {
  const path = realpathSync(createRequire(import.meta.url).resolve("@malla/sdk/package.json"));
  const { version } = createRequire(import.meta.url)(path) as { version: string };
  const isInstalled = path.includes(`${sep}node_modules${sep}`);
  return isInstalled ? `^${version}` : `file:${dirname(path).replaceAll("\\", "/")}`;
}

function manifest(service: string, sdk: string): object {
  return {
    name: service,
    version: "0.1.0",
    private: true,
    type: "module",
    scripts: { start: `malla run --service ${service} -- node ${service}.js` },
    dependencies: { "@malla/sdk": sdk },
  };
}

function program(service: string): string {
  return `import { connect, MeshError } from "@malla/sdk";

const mesh = await connect();
await mesh.serve({
  hello: async ({ name }, context) => {
    if (typeof name !== "string") throw new MeshError({ status: "INVALID_ARGUMENT", message: "name: a text is expected" });
    return { text: \`Hello \${name}, you are \${context.principal}\` };
  },
});
console.log("serving ${service}.hello");
`;
}

function policy(service: string): string {
  return `# Who may call ${service}: once a policy names a service, whom it does not allow is denied.
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: ${service}-callers }
spec:
  service: ${service}
  action: allow
  rules:
    - { principals: [guest], methods: [hello] }
---
# What may be tried again, and how long a call has.
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: ${service} }
spec:
  service: ${service}
  timeoutMs: 2000
  idempotentMethods: [hello]
`;
}

function readme(service: string): string {
  return `# ${service}

A service on a Malla mesh: \`${service}.js\` is all of it, \`policy.yaml\` says who may call it.

With a mesh running here or in a folder above (\`malla up\`):

\`\`\`sh
npm install
malla run --service ${service} -- node ${service}.js
\`\`\`

and in another terminal:

\`\`\`sh
malla call ${service} hello '{"name":"you"}'
malla apply -f policy.yaml --wait
malla services
\`\`\`
`;
}
