// What `npm test` runs, in this order.

/** A part of the run with a bound of its own. It holds commands, test files, or both. */
export interface Section {
  readonly name: string;
  /** What it proves, for its heading. */
  readonly proves: string;
  /** Everything still running then is killed, and the section has failed. */
  readonly boundMs: number;
  /** A file that runs longer is killed and has failed, by the name of its test if one was running; the rest goes on. Default: `boundMs`. */
  readonly fileBoundMs?: number;
  /** Programs of node_modules/.bin with their arguments; each passes or fails as one. */
  readonly commands?: readonly (readonly [string, ...string[]])[];
  /** Globs from the root of the checkout. */
  readonly files?: readonly string[];
  /** Set for its files. */
  readonly environment?: Readonly<Record<string, string>>;
  /** True: one file after the other, because each starts real servers. Else two at a time. */
  readonly alone?: boolean;
}

export const SECTIONS: readonly Section[] = [
  {
    name: "check",
    proves: "it compiles, no linter objects, everything is formatted",
    boundMs: 120_000,
    commands: [["tsc", "-b"], ["oxlint"], ["biome", "check", "--error-on-warnings", "."]],
  },
  {
    name: "architecture",
    proves: "the tree is as router/docs/architecture.md says, and this runner sees what fails",
    boundMs: 120_000,
    files: ["test/src/architecture/**/*.test.ts", "test/src/runner/**/*.test.ts"],
  },
  {
    name: "unit",
    proves: "every package from its source",
    boundMs: 480_000,
    fileBoundMs: 60_000,
    files: ["{sdk,broker-config,router}/src/**/*.test.ts", "services/{shop,platform/*}/src/**/*.test.ts"],
  },
  {
    name: "fuzz",
    proves: "no decoder throws past its boundary, hangs or grows without bound, whatever it is fed",
    boundMs: 240_000,
    fileBoundMs: 120_000,
    files: ["test/src/fuzz/**/*.test.ts"],
  },
  {
    name: "packages",
    proves:
      "what would be published can be installed, imported and typed; the image's programs start from its files alone",
    boundMs: 300_000,
    files: ["test/src/packages/**/*.test.ts"],
    alone: true,
  },
  {
    name: "integration",
    proves: "broker, routers and instances together",
    boundMs: 720_000,
    fileBoundMs: 180_000,
    files: ["test/src/integration/**/*.test.ts"],
    alone: true,
  },
  {
    name: "integration-direct",
    proves: "what holds for routed calls holds for direct ones, by the same tests",
    boundMs: 480_000,
    fileBoundMs: 180_000,
    // Not here: calls-priority, which is of a full router; policy, whose calls are about what routers have in force; abuse and
    // grants-matrix, which know no way of calls.
    files: [
      "test/src/integration/{balancing,kill,retries}.test.ts",
      "test/src/integration/calls-{capacity,deadline,drain,errors,payloads,reconnect,trace}.test.ts",
    ],
    environment: { MALLA_TEST_WAY: "direct" },
    alone: true,
  },
  {
    name: "chaos",
    proves: "what the mesh promises holds while processes, links and brokers fail under load",
    boundMs: 720_000,
    fileBoundMs: 240_000,
    files: ["test/src/chaos/**/*.test.ts"],
    alone: true,
  },
  {
    name: "security",
    proves: "hostile clients with valid credentials are refused, and everybody else is served",
    boundMs: 300_000,
    fileBoundMs: 120_000,
    files: ["test/src/security/**/*.test.ts"],
    alone: true,
  },
  {
    name: "bench",
    proves: "the benchmark computes what it says, its contenders answer, and nothing of it is left",
    boundMs: 180_000,
    fileBoundMs: 120_000,
    files: ["test/bench/src/**/*.test.ts"],
    alone: true,
  },
  {
    name: "conformance",
    proves: "clients, services and tools that are not ours",
    boundMs: 420_000,
    fileBoundMs: 240_000,
    files: ["test/src/conformance/**/*.test.ts"],
    alone: true,
  },
  {
    name: "kubernetes",
    proves: "chart, operator and pods against a real API server",
    boundMs: 1_200_000,
    fileBoundMs: 420_000,
    files: ["test/src/kubernetes/**/*.test.ts"],
    alone: true,
  },
  {
    name: "e2e",
    proves: "the commands as people type them",
    boundMs: 420_000,
    fileBoundMs: 240_000,
    files: ["test/src/e2e/**/*.test.ts"],
    alone: true,
  },
];
