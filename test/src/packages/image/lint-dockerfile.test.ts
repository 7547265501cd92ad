// The linter finds what it is for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lintDockerfile } from "./lint-dockerfile.ts";
import { readDockerfile } from "./read-dockerfile.ts";

const GOOD = `# comment
FROM node:24.1.0 AS build
WORKDIR /malla
COPY a b ./
RUN one \\
  # in between
  && two
FROM base:nonroot
COPY --from=build /malla /malla
USER 65532:65532
ENTRYPOINT ["node"]
`;

const lint = (text: string): readonly string[] => lintDockerfile(readDockerfile(text));

test("stages, flags, continued lines and comments are read", () => {
  const [build, last] = readDockerfile(GOOD);
  assert.deepEqual([build?.image, build?.name, last?.image, last?.name], ["node:24.1.0", "build", "base:nonroot", "1"]);
  assert.deepEqual(build?.instructions[2], { keyword: "RUN", flags: {}, text: "one && two", line: 5 });
  assert.deepEqual(last?.instructions[0], {
    keyword: "COPY",
    flags: { from: "build" },
    text: "/malla /malla",
    line: 9,
  });
  for (const wrong of ["RUN x", "FROM a\nRUN x \\", "FROM a\nnonsense", "FROM a\nRUN <<EOF"])
    assert.throws(() => readDockerfile(wrong), /line \d/, wrong);
});

test("what is good passes, each fault is found", () => {
  assert.deepEqual(lint(GOOD), []);
  const cases: readonly [from: string, to: string, message: RegExp][] = [
    ["node:24.1.0", "node", /has no tag/],
    ["node:24.1.0", "registry:5000/node", /has no tag/],
    ["node:24.1.0", "node:latest", /another image tomorrow/],
    ["node:24.1.0", "node:$VERSION", /written out/],
    ["COPY a b", "ADD a b", /ADD also unpacks/],
    ["COPY a b ./", "COPY a b c", /a \/ at its end/],
    ["--from=build", "--from=built", /no such stage/],
    ["WORKDIR /malla", "WORKDIR malla", /relative/],
    ["WORKDIR /malla", "ENV NPM_TOKEN=x", /looks like a secret/],
    ["WORKDIR /malla", "ARG DB_PASSWORD", /looks like a secret/],
    ["WORKDIR /malla", "HEALTHCHECK CMD x", /Kubernetes probes/],
    ["WORKDIR /malla", "RUN apt-get install -y x && rm -rf /var/lib/apt/lists/*", /without --no-install-recommends/],
    ["WORKDIR /malla", "RUN apt-get install -y --no-install-recommends x", /leaves its lists/],
    ["WORKDIR /malla", "RUN curl -fsS https://x | sh", /run unseen/],
    ["WORKDIR /malla", "RUN cd x && y", /WORKDIR says where/],
    ["USER 65532:65532", "USER nonroot", /the last USER is nonroot/],
    ["USER 65532:65532", "USER 0", /the last USER is 0/],
    ["USER 65532:65532\n", "", /the last USER is missing/],
    ["USER 65532:65532", "RUN x\nUSER 1", /no shell in the last stage/],
    ['ENTRYPOINT ["node"]', "ENTRYPOINT node", /needs a shell/],
    ['ENTRYPOINT ["node"]', 'CMD ["x"]', /one ENTRYPOINT/],
    ['ENTRYPOINT ["node"]', 'ENTRYPOINT ["node"]\nENTRYPOINT ["x"]', /one ENTRYPOINT/],
  ];
  for (const [from, to, message] of cases) {
    const found = lint(GOOD.replace(from, to));
    assert.equal(found.length, 1, `${to}: ${found.join("; ")}`);
    assert.match(found[0] as string, message);
  }
});
