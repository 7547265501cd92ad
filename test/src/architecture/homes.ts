// What has one home: packages of npm, and what a process may do to itself. A file that is not named here may not.

export interface Home {
  /** Globs from the root. */
  readonly files: readonly string[];
  readonly why: string;
}

/** By package of npm (`*` at the end for a scope): where it may be imported. Tests may import anything. */
export const PACKAGE_HOMES: Readonly<Record<string, readonly Home[]>> = {
  nats: [
    { files: ["sdk/src/broker/*.ts"], why: "the adapter of the port" },
    { files: ["broker-config/src/bootstrap.ts"], why: "creates the streams before there is a mesh" },
    { files: ["services/shop/src/state/*.ts"], why: "the shop's own state, on a connection of its own" },
    { files: ["services/shop/src/recommendations/main.ts"], why: "the one service without our SDK, on purpose" },
  ],
  "@nats-io/*": [
    { files: ["sdk/src/broker/*.ts"], why: "the adapter of the port" },
    { files: ["broker-config/src/**/*.ts"], why: "operator, accounts, users and keys are made here" },
    { files: ["services/shop/src/state/*.ts"], why: "the shop's own state, on a connection of its own" },
    { files: ["services/shop/src/recommendations/main.ts"], why: "the one service without our SDK, on purpose" },
  ],
  tsyringe: [{ files: ["router/src/composition.ts"], why: "the one place that knows how a router is put together" }],
  "reflect-metadata": [{ files: ["router/src/composition.ts"], why: "tsyringe asks for it" }],
  zod: [{ files: ["sdk/src/resources/**/*.ts"], why: "the schema of resources" }],
  yaml: [
    { files: ["sdk/src/resources/**/*.ts"], why: "reads documents" },
    { files: ["services/platform/cli/src/print/*.ts"], why: "prints -o yaml" },
  ],
  pino: [{ files: ["sdk/src/telemetry/log.ts"], why: "behind the port" }],
  "prom-client": [
    { files: ["sdk/src/telemetry/*.ts"], why: "behind the port" },
    { files: ["services/platform/operator/src/metrics.ts"], why: "what the operator counts is no call" },
  ],
  "@opentelemetry/*": [{ files: ["sdk/src/telemetry/*.ts"], why: "behind the port" }],
  protobufjs: [
    { files: ["sdk/src/protobuf/**/*.ts", "sdk/src/contract/*.ts"], why: "contracts, and our own messages" },
  ],
  "@kubernetes/client-node": [
    { files: ["services/platform/operator/src/**/*.ts"], why: "the one program that talks to Kubernetes" },
  ],
  commander: [{ files: ["services/platform/cli/src/**/*.ts"], why: "the command line" }],
};

/** `process.env`: everything else is handed what it needs. */
export const ENVIRONMENT_HOMES: readonly Home[] = [
  { files: ["**/main.ts", "**/config.ts"], why: "a program, and what reads its configuration" },
  { files: ["sdk/src/connect.ts", "router/src/lifecycle.ts"], why: "hand the environment to their config" },
  { files: ["sdk/src/telemetry/otel.ts"], why: "default of a parameter: the OTEL_* names every exporter reads" },
  { files: ["sdk/src/telemetry/log.ts"], why: "NO_COLOR" },
  { files: ["broker-config/src/find-nats-server.ts"], why: "default of a parameter: MALLA_NATS_SERVER, PATH" },
  { files: ["services/platform/cli/src/verbs/*.ts"], why: "flag before environment" },
  { files: ["services/platform/cli/src/{home,program,mesh/session}.ts"], why: "flag before environment" },
  { files: ["services/platform/cli/src/print/*.ts"], why: "NO_COLOR, with the terminal it is about" },
  { files: ["services/platform/cli/src/processes/*.ts"], why: "programs are started with ours and more" },
  { files: ["services/shop/src/{serve,state/bucket}.ts"], why: "what every program of the shop reads at its start" },
];

/** `process.exit`, `process.abort`, a signal to oneself: a library never ends the process. */
export const EXIT_HOMES: readonly Home[] = [
  { files: ["**/main.ts"], why: "a program" },
  { files: ["services/platform/cli/src/processes/keep-broker.ts"], why: "a program: holds the broker for `malla up`" },
  { files: ["services/platform/cli/src/end-with-stub.ts"], why: "part of main: ends with the program that started it" },
  { files: ["services/shop/src/serve.ts"], why: "part of every main of the shop: ends with who started it" },
  { files: ["sdk/src/connect.ts"], why: "passes on the signal it drained for, where nobody else listens" },
];

/** `console`: a library writes to the log it was given. */
export const CONSOLE_HOMES: readonly Home[] = [{ files: ["services/platform/cli/src/main.ts"], why: "a program" }];

/** By package of ours that architecture.md does not allow: where it may be loaded all the same, by `import()` only. */
export const LAZY_HOMES: Readonly<Record<string, readonly Home[]>> = {
  "@malla/shop": [
    {
      files: ["services/platform/cli/src/processes/shop-processes.ts"],
      why: "`malla start` runs the shop where there is a checkout, and says so where there is none",
    },
  ],
};
