import assert from "node:assert/strict";
import { test } from "node:test";
import { linkerFlags, scratchModule, toolsFile } from "./scratch-module.ts";

const KUBERNETES_MOD = `module k8s.io/kubernetes

go 1.26.0

require (
	go.etcd.io/etcd/client/v3 v3.7.0
	k8s.io/api v0.0.0
	k8s.io/client-go v0.0.0
	k8s.io/klog/v2 v2.140.0
	k8s.io/utils v0.0.0-20260626114624-be93311217bd
)

require k8s.io/metrics v0.0.0 // indirect

replace k8s.io/api => ./staging/src/k8s.io/api
`;

test("replaces what is staged by what is published, and leaves the rest alone", () => {
  const made = scratchModule(KUBERNETES_MOD, "1.37.2");
  const replaced = [...made.matchAll(/^\t(.+)$/gm)].map(([, line]) => line);
  assert.deepEqual(
    replaced,
    ["api", "client-go", "metrics"].map((name) => `k8s.io/${name} => k8s.io/${name} v0.37.2`),
  );
  assert.match(made, /^go 1\.26\.0$/m);
  assert.match(made, /^require k8s\.io\/kubernetes v1\.37\.2$/m);
});

test("refuses a go.mod that is none", () => {
  assert.throws(() => scratchModule("<html>", "1.37.2"), /names no version of Go/);
});

test("names packages and versions", () => {
  assert.match(toolsFile(["k8s.io/kubernetes/cmd/kubectl"]), /^\t_ "k8s\.io\/kubernetes\/cmd\/kubectl"$/m);
  assert.match(linkerFlags("1.37.2"), /gitMajor=1 .*gitMinor=37$/);
});
