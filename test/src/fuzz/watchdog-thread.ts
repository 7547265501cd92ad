// The thread of `watchdog.ts`.
import { writeSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { type WatchdogData, WORD } from "./watchdog.ts";

const { words: shared, text, hangMs } = workerData as WatchdogData;
const words = new Int32Array(shared);
const POLLS = 20;

let begun = -1;
let still = 0;
setInterval(() => {
  const now = Atomics.load(words, WORD.begun);
  const stands = now === begun && Atomics.load(words, WORD.running) === 1;
  still = stands ? still + 1 : 0;
  begun = now;
  if (still < POLLS) return;
  const told = Buffer.from(text).subarray(0, Atomics.load(words, WORD.length)).toString("latin1");
  writeSync(2, `\nhangs: an input was not left within ${hangMs} ms; --replay ${told}\n`);
  // The thread that hangs hears nothing but this.
  process.kill(process.pid, "SIGKILL");
}, hangMs / POLLS);
