import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import {
  callSubject,
  cancelSubject,
  directSubject,
  inboxSubject,
  instanceSubject,
  MESH_SERVICE,
  POLICY_LIVE_SUBJECT,
  ROLES,
  replySubject,
  routerSubject,
  runSubject,
  serveSubject,
  subscriptions,
  viaSubject,
} from "@malla/sdk/contract";
import { fillTemplate, findGrant, GRANTS, type Grant, type Holder, isGranted } from "./grants.ts";
import { formatGrants } from "./grants-table.ts";

const grantOf = (role: Grant["role"], account: Grant["account"] = "MESH"): Grant => findGrant(role, account) as Grant;

const LEAF = { name: "edge-1", edgeServices: ["sensor", "lamp"] };

test("every role has a row, no row is there twice, and no list is empty", () => {
  assert.deepEqual(new Set(GRANTS.map((grant) => grant.role)), new Set([...ROLES, "application"]));
  assert.equal(new Set(GRANTS.map((grant) => `${grant.role} ${grant.account}`)).size, GRANTS.length);
  for (const grant of GRANTS)
    assert.ok(grant.publish.length > 0 && grant.subscribe.length > 0, `${grant.role} in ${grant.account}`);
});

test("only templates the server knows, no queue entries, no entry twice", () => {
  for (const { role, account, publish, subscribe } of GRANTS) {
    for (const list of [publish, subscribe]) {
      assert.equal(new Set(list).size, list.length, `${role} in ${account}`);
      for (const entry of list)
        assert.match(
          entry,
          /^(?:\{\{(?:name\(\)|tag\((?:direct|edge)\))\}\}|[^\s{}.]+)(?:\.(?:\{\{(?:name\(\)|tag\((?:direct|edge)\))\}\}|[^\s{}.]+))*$/,
        );
    }
  }
});

test("MESH reaches no JetStream and no system subject", () => {
  const entries = GRANTS.filter((grant) => grant.account === "MESH").flatMap((grant) => [
    ...grant.publish,
    ...grant.subscribe,
  ]);
  assert.deepEqual(
    entries.filter((entry) => /^(\$JS|\$KV|\$O|\$SYS|>|\*)/.test(entry)),
    [],
  );
});

test("the subjects of the contract are allowed to those who need them, in their own name only", () => {
  const service = { name: "cart" };
  const router = { name: "router-a" };
  const rows: [Grant, Holder, "publish" | "subscribe", string, boolean][] = [
    [grantOf("service"), service, "publish", callSubject("cart", "orders", "create"), true],
    [grantOf("service"), service, "publish", callSubject("orders", "cart", "add"), false],
    [grantOf("service"), service, "publish", viaSubject("router-a", "cart", "orders", "create"), true],
    [grantOf("service"), service, "publish", cancelSubject("router-a", "cart", "id"), true],
    [grantOf("service"), service, "publish", replySubject("router-a", "cart", "id"), true],
    [grantOf("service"), service, "publish", replySubject("router-a", "orders", "id"), false],
    [grantOf("service"), service, "publish", instanceSubject("cart", "i1"), true],
    [grantOf("service"), service, "publish", directSubject("orders", "i1", "cart", "create"), false],
    [
      grantOf("direct"),
      { ...service, directTo: ["orders"] },
      "publish",
      directSubject("orders", "i1", "cart", "create"),
      true,
    ],
    [
      grantOf("direct"),
      { ...service, directTo: ["orders"] },
      "publish",
      directSubject("payments", "i1", "cart", "Charge"),
      false,
    ],
    [grantOf("service"), service, "subscribe", subscriptions.run("cart", "i1"), true],
    [grantOf("service"), service, "subscribe", subscriptions.run("orders", "i1"), false],
    [grantOf("service"), service, "subscribe", subscriptions.direct("cart", "i1"), true],
    [grantOf("service"), service, "subscribe", subscriptions.inbox("cart", "c1"), true],
    [grantOf("service"), service, "subscribe", subscriptions.inbox("orders", "c1"), false],
    [grantOf("service"), service, "subscribe", subscriptions.instances, false],
    [grantOf("direct"), service, "subscribe", subscriptions.instances, true],
    [grantOf("router"), router, "publish", runSubject("cart", "i1", "orders", "add"), true],
    [grantOf("router"), router, "publish", serveSubject("cart", "add"), true],
    [grantOf("router"), router, "publish", inboxSubject("cart", "c1", "id"), true],
    [grantOf("router"), router, "publish", routerSubject("router-a"), true],
    [grantOf("router"), router, "publish", routerSubject("router-b"), false],
    [grantOf("router"), router, "subscribe", subscriptions.calls, true],
    [grantOf("router"), router, "subscribe", subscriptions.replies("router-b"), false],
    [grantOf("scaler"), { name: "scaler" }, "publish", callSubject("scaler", MESH_SERVICE, "policy"), true],
    [grantOf("scaler"), { name: "scaler" }, "publish", callSubject("scaler", "orders", "create"), false],
    [grantOf("leaf"), LEAF, "publish", callSubject("sensor", "orders", "create"), true],
    [grantOf("leaf"), LEAF, "publish", callSubject("orders", "sensor", "read"), false],
    [grantOf("leaf"), LEAF, "publish", callSubject("edge-1", "sensor", "read"), false],
    [grantOf("leaf"), LEAF, "publish", replySubject("router-a", "lamp", "id"), true],
    [grantOf("leaf"), LEAF, "publish", replySubject("router-a", "orders", "id"), false],
    [grantOf("leaf"), LEAF, "publish", runSubject("sensor", "i1", "orders", "read"), false],
    [grantOf("leaf"), LEAF, "publish", routerSubject("router-a"), false],
    [grantOf("leaf"), LEAF, "publish", POLICY_LIVE_SUBJECT, false],
    [grantOf("leaf"), LEAF, "subscribe", subscriptions.run("sensor", "i1"), true],
    [grantOf("leaf"), LEAF, "subscribe", subscriptions.run("orders", "i1"), false],
    [grantOf("leaf"), LEAF, "subscribe", subscriptions.calls, false],
    [grantOf("leaf"), { name: "edge-1" }, "publish", callSubject("edge-1", "orders", "create"), false],
    [grantOf("gateway"), { name: "gateway" }, "subscribe", POLICY_LIVE_SUBJECT, true],
    [grantOf("guest"), { name: "guest" }, "subscribe", POLICY_LIVE_SUBJECT, false],
  ];
  for (const [grant, holder, operation, subject, allowed] of rows) {
    assert.equal(isGranted(grant, holder, operation, subject), allowed, `${grant.role} ${operation} ${subject}`);
  }
});

test("no list of a leaf node is empty without a tag, since an empty one would allow everything", () => {
  const { publish, subscribe } = grantOf("leaf");
  for (const list of [publish, subscribe])
    assert.ok(list.some((entry) => fillTemplate(entry, { name: "edge-1" }).length > 0));
});

test("a template with a target is filled once per target and falls away without one", () => {
  const template = "mesh.direct.{{tag(direct)}}.*.{{name()}}.*";
  assert.deepEqual(fillTemplate(template, { name: "cart", directTo: ["a", "b"] }), [
    "mesh.direct.a.*.cart.*",
    "mesh.direct.b.*.cart.*",
  ]);
  assert.deepEqual(fillTemplate(template, { name: "cart" }), []);
});

/** A formatter may pad the cells of a table. */
const unpadded = (markdown: string): string =>
  markdown
    .replace(/ +\|/g, " |")
    .replace(/\| +/g, "| ")
    .replace(/-{3,}/g, "---")
    .replaceAll("| --- ", "|---")
    .replaceAll("--- |", "---|");

test("the table in the README is the data", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  assert.ok(unpadded(readme).includes(unpadded(formatGrants())), `put this into README.md:\n${formatGrants()}`);
});
