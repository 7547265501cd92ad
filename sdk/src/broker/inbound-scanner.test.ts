import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import type { BrokerMessage } from "./broker.ts";
import { InboundScanner } from "./inbound-scanner.ts";

/** Subscriptions of ours have even numbers; what they hear, and what goes on to the client, in the order it came. */
function scanning() {
  const heard: string[] = [];
  const toClient: Buffer[] = [];
  const say = ({ subject, reply, headers, payload }: BrokerMessage): void =>
    void heard.push([subject, reply, latin1(headers), latin1(payload)].join("|"));
  const inner = { parse: (bytes: Uint8Array): void => void toClient.push(Buffer.from(bytes)) };
  const scanner = new InboundScanner(inner, (sid) => (sid % 2 === 0 ? say : undefined));
  return {
    heard,
    feed: (...pieces: readonly (string | Uint8Array)[]): void => {
      for (const piece of pieces) scanner.parse(typeof piece === "string" ? Buffer.from(piece, "utf8") : piece);
    },
    client: (): string => Buffer.concat(toClient).toString("utf8"),
    calls: (): number => toClient.length,
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

const HEADERS = "NATS/1.0\r\nA: b\r\n\r\n";

test("messages of ours come whole: with and without reply, headers, payload", () => {
  const { heard, feed, client } = scanning();
  feed(
    "MSG a.b 2 5\r\nhello\r\n",
    "MSG a.b 2 r.1 0\r\n\r\n",
    `HMSG a.c 4 ${HEADERS.length} ${HEADERS.length}\r\n${HEADERS}\r\n`,
    `HMSG a.c 12 r.2 ${HEADERS.length} ${HEADERS.length + 2}\r\n${HEADERS}\r\n\r\n`,
  );
  assert.deepEqual(heard, ["a.b|||hello", "a.b|r.1||", `a.c||${HEADERS}|`, `a.c|r.2|${HEADERS}|\r\n`]);
  assert.equal(client(), "");
});

test("all else is the client's, as it came and in its place", () => {
  const order: string[] = [];
  const inner = { parse: (bytes: Uint8Array): void => void order.push(latin1(bytes)) };
  const scanner = new InboundScanner(inner, (sid) => (sid === 2 ? ({ subject }) => order.push(subject) : undefined));
  const pieces = [
    'INFO {"x":"MSG "}\r\n',
    "PING\r\n",
    "MSG a 2 0\r\n\r\n",
    "MSG b 1 2\r\nPI\r\n",
    "PONG\r\n",
    "+OK\r\n",
  ];
  scanner.parse(Buffer.from(`${pieces.join("")}-ERR 'no'\r\n`));
  assert.deepEqual(order, [pieces[0], pieces[1], "a", pieces[3], pieces[4], pieces[5], "-ERR 'no'\r\n"]);
});

test("a subject in UTF-8 is read as such", () => {
  const { heard, feed } = scanning();
  feed("MSG zażółć.gęślą 2 jaźń 1\r\nx\r\n");
  assert.deepEqual(heard, ["zażółć.gęślą|jaźń||x"]);
});

test("what was cut in two, anywhere, is as if it were not", () => {
  const stream = `PING\r\nHMSG a.c 4 r.2 ${HEADERS.length} ${HEADERS.length + 3}\r\n${HEADERS}xyz\r\nMSG b 1 2\r\nPI\r\nMSG a 2 1\r\nq\r\n+OK\r\n`;
  const whole = scanning();
  whole.feed(stream);
  for (let cut = 0; cut <= stream.length; cut++) {
    const parts = scanning();
    parts.feed(stream.slice(0, cut), stream.slice(cut));
    assert.deepEqual([parts.heard, parts.client()], [whole.heard, whole.client()], `cut at ${cut}`);
  }
});

test("what it holds of a chunk is no more than it needs, and a large payload is copied once", () => {
  const { heard, feed } = scanning();
  const payload = "p".repeat(300_000);
  const stream = Buffer.from(`MSG a 2 ${payload.length}\r\n${payload}\r\nMSG a 2 1\r\nq\r\nMS`);
  for (let at = 0; at < stream.length; at += 65_536) feed(stream.subarray(at, at + 65_536));
  feed("G a 2 1\r\nr\r\n");
  assert.deepEqual(
    heard.map((line) => line.length),
    [payload.length + 4, 5, 5],
  );
  assert.ok(heard[2]?.endsWith("r"));
});

test("what no server writes is given to the client, and all that follows", () => {
  for (const odd of [
    "MSG a 2\r\n",
    "MSG a x 1\r\n",
    "MSG a 2 -1\r\n",
    "MSG a 2 1 2 3\r\n",
    "HMSG a 2 5\r\n",
    "HMSG a 2 9 5\r\n",
    "MSG  a 2 1\r\n",
    "MSG a 2 1\n",
    "MSG a 2 999999999\r\n",
  ]) {
    const { heard, feed, client } = scanning();
    feed("MSG a 2 1\r\nx\r\n", `PING\r\n${odd}`, "MSG a 2 1\r\ny\r\n");
    assert.deepEqual([heard.length, client()], [1, `PING\r\n${odd}MSG a 2 1\r\ny\r\n`], odd);
  }
});

test("a line that never ends is not collected for ever", () => {
  const { feed, client, calls } = scanning();
  for (let i = 0; i < 100; i++) feed("x".repeat(1_000));
  assert.ok(calls() > 1);
  feed("y");
  assert.equal(client().length, 100_001);
});

const command = fc.oneof(
  fc.constantFrom("PING\r\n", "PONG\r\n", "+OK\r\n", "-ERR 'x y'\r\n", 'INFO {"a":1}\r\n'),
  fc
    .record({
      subject: fc.stringMatching(/^[a-zA-Z0-9_.-]{1,40}$/),
      sid: fc.integer({ min: 1, max: 9_999 }),
      reply: fc.option(fc.stringMatching(/^[a-zA-Z0-9_.-]{1,40}$/), { nil: "" }),
      headers: fc.option(fc.stringMatching(/^[ -~]{0,60}$/), { nil: undefined }),
      payload: fc.oneof(fc.stringMatching(/^[ -~]{0,200}$/), fc.constantFrom("\r\n", "MSG a 2 1\r\nx\r\n", "PING\r\n")),
    })
    .map(({ subject, sid, reply, headers, payload }) => {
      const to = `${subject} ${sid}${reply === "" ? "" : ` ${reply}`}`;
      if (headers === undefined) return `MSG ${to} ${payload.length}\r\n${payload}\r\n`;
      return `HMSG ${to} ${headers.length} ${headers.length + payload.length}\r\n${headers}${payload}\r\n`;
    }),
);

test("any stream, cut anywhere, says the same as whole", () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
      (commands, cuts) => {
        const stream = Buffer.from(commands.join(""));
        const [whole, parts] = [scanning(), scanning()];
        for (const one of commands) whole.feed(one);
        for (let at = 0, n = 0; at < stream.length; n++) {
          const to = at + (cuts[n % cuts.length] as number);
          parts.feed(stream.subarray(at, to));
          at = to;
        }
        assert.deepEqual([parts.heard, parts.client()], [whole.heard, whole.client()]);
        assert.equal(
          whole.heard.length,
          commands.filter((one) => /^H?MSG \S+ \d*[02468] /.test(one)).length,
          "every message of ours is heard",
        );
      },
    ),
    { numRuns: 2_000 },
  );
});
