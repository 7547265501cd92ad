import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeQuestion, encodeAnswer, TYPE_A, TYPE_AAAA } from "./dns-message.ts";

function query(name: string, type = TYPE_A): Buffer {
  const header = Buffer.from([0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

function question(name: string, type = TYPE_A) {
  const decoded = decodeQuestion(query(name, type));
  assert.ok(decoded !== undefined);
  return decoded;
}

test("reads a question", () => {
  const { id, name, type, recursionDesired } = question("Web.shop.SVC");
  assert.deepEqual([id, name, type, recursionDesired], [0x1234, "web.shop.svc", TYPE_A, true]);
});

test("takes no message that is cut off, an answer, or of another class", () => {
  const whole = query("web.shop");
  for (let length = 0; length < whole.length; length++)
    assert.equal(decodeQuestion(whole.subarray(0, length)), undefined);
  const answer = Buffer.from(whole);
  answer[2] = 0x81;
  assert.equal(decodeQuestion(answer), undefined);
  const chaos = Buffer.from(whole);
  chaos[chaos.length - 1] = 3;
  assert.equal(decodeQuestion(chaos), undefined);
});

test("answers with addresses, none of another type, and no such name", () => {
  const addresses = ["10.0.0.1", "10.0.0.2"];
  const answer = encodeAnswer(question("web.shop"), addresses, 5);
  assert.deepEqual([answer.readUInt16BE(0), answer.readUInt16BE(6), answer.readUInt8(3) & 15], [0x1234, 2, 0]);
  assert.deepEqual([...answer.subarray(-4)], [10, 0, 0, 2]);
  const other = encodeAnswer(question("web.shop", TYPE_AAAA), addresses, 5);
  assert.deepEqual([other.readUInt16BE(6), other.readUInt8(3) & 15], [0, 0]);
  assert.equal(encodeAnswer(question("none.shop"), undefined, 5).readUInt8(3) & 15, 3);
});

test("says so when not all addresses have room", () => {
  const many = Array.from({ length: 100 }, (_, index) => `10.0.0.${index}`);
  const answer = encodeAnswer(question("web.shop"), many, 5);
  assert.ok(answer.length <= 512);
  assert.equal((answer.readUInt16BE(2) & 0x0200) !== 0, true);
});
