import assert from "node:assert/strict";
import { test } from "node:test";
import { errors } from "nats";
import { connectError, isRefusal } from "./connect-error.ts";

function failed(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

function told(cause: unknown, server = "nats://a:4222"): string {
  return connectError([{ server, cause }]).message;
}

test("every server that was tried is named, and what they said once", () => {
  const cause = new errors.ConnectionError("connection refused");
  const { message } = connectError([
    { server: "nats://a:4222", cause },
    { server: "nats://b:4222", cause },
    { server: "nats://c:4222", cause: new errors.TimeoutError() },
  ]);
  assert.match(
    message,
    /^no broker answers at nats:\/\/a:4222, nats:\/\/b:4222, nats:\/\/c:4222 \(connection refused; timeout\)/,
  );
});

test("what stands before the @ is not shown", () => {
  assert.doesNotMatch(told(new Error("connection refused"), "nats://me:secret@a:4222"), /secret/);
  assert.doesNotMatch(told(new errors.AuthorizationError("Authorization Violation"), "me:secret@a"), /secret/);
});

test("one server that refuses the credentials is what is told, whatever the others are", () => {
  const { message } = connectError([
    { server: "nats://a:4222", cause: new errors.ConnectionError("connection refused") },
    { server: "nats://b:4222", cause: new errors.AuthorizationError("Authorization Violation") },
  ]);
  assert.match(message, /the broker at nats:\/\/b:4222 refused these credentials/);
});

test("a certificate that does not do is told with what to do", () => {
  assert.match(told(failed("SELF_SIGNED_CERT_IN_CHAIN")), /NATS_CA/);
  assert.match(told(failed("UNABLE_TO_VERIFY_LEAF_SIGNATURE")), /NATS_CA/);
  assert.match(told(failed("ERR_TLS_CERT_ALTNAME_INVALID")), /not for this host/);
  assert.match(told(failed("CERT_HAS_EXPIRED")), /has expired/);
  assert.match(
    told(failed("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "certificate required")),
    /NATS_CERT and NATS_KEY/,
  );
  assert.match(told(new errors.ConnectionError("server does not support 'tls'")), /does not speak TLS/);
});

test("refusals are told from silence", () => {
  assert.ok(isRefusal(new errors.AuthorizationError("Authorization Violation")));
  assert.ok(isRefusal(new errors.UserAuthenticationExpiredError("User Authentication Expired")));
  assert.ok(!isRefusal(new errors.ConnectionError("connection refused")));
  assert.ok(!isRefusal(new errors.TimeoutError()));
});
