import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import {
  type PassphraseSources,
  readNewPassphrase,
  readPassphrase,
  type Terminal,
  typedLine,
} from "./read-passphrase.ts";

const folder = mkdtempSync(join(tmpdir(), "malla-passphrase-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const NONE: PassphraseSources = { file: undefined, environment: undefined, terminal: undefined };

function typing(...answers: string[]): Terminal & { readonly questions: string[] } {
  const questions: string[] = [];
  const ask = async (question: string): Promise<string> => {
    questions.push(question);
    return answers.shift() ?? "";
  };
  return { questions, ask };
}

function file(text: string): string {
  const path = join(folder, "passphrase");
  writeFileSync(path, text);
  return path;
}

test("a file goes before the environment, and that before the terminal", async () => {
  const terminal = typing("typed by a person");
  const all = { file: file("from the first line\nnot from the second"), environment: "from outside", terminal };
  assert.equal(await readPassphrase(all), "from the first line");
  assert.equal(await readPassphrase({ ...all, file: undefined }), "from outside");
  assert.equal(await readPassphrase({ ...all, file: undefined, environment: "" }), "typed by a person");
  assert.deepEqual(terminal.questions, ["passphrase: "]);
});

test("without any of them the ways are named", async () => {
  await assert.rejects(readPassphrase(NONE), /--passphrase-file FILE or MALLA_BACKUP_PASSPHRASE/);
  await assert.rejects(readPassphrase({ ...NONE, file: join(folder, "nothing") }), /cannot be read/);
  await assert.rejects(readPassphrase({ ...NONE, file: file("\n") }), /first line is empty/);
});

test("a new one is long, and typed twice alike where it is typed", async () => {
  await assert.rejects(readNewPassphrase({ ...NONE, environment: "short" }), (error: Error) => {
    assert.match(error.message, /fewer than 12/);
    return !error.message.includes("short");
  });
  const twice = typing("correct horse", "correct horse");
  assert.equal(await readNewPassphrase({ ...NONE, terminal: twice }), "correct horse");
  await assert.rejects(
    readNewPassphrase({ ...NONE, terminal: typing("correct horse", "correct house") }),
    /two different passphrases/,
  );
});

test("a line is typed with the keys that take back, and ends at Enter", async () => {
  const typed = async (...chunks: string[]): Promise<string> => {
    const input = new PassThrough();
    const line = typedLine(input);
    for (const chunk of chunks) input.write(chunk);
    return await line;
  };
  assert.equal(await typed("ab", "c\r"), "abc");
  assert.equal(await typed("abd\u007fc\nnot this"), "abc");
  assert.equal(await typed("wrong\u0015right\r"), "right");
  await assert.rejects(typed("abc\u0003"), /nothing was done/);
  const closed = new PassThrough();
  const line = typedLine(closed);
  closed.end("abc");
  await assert.rejects(line, /nothing was done/);
});
