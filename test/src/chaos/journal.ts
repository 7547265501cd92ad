// What callers and workers write down before they do it, a line each. One system call a line: a kill -9 loses none that was
// written, and tears none.
import { openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

export type CallKind = "read" | "write";

/** A call as its caller began it. Instants are of `nowUs`. */
export interface Sent {
  readonly id: string;
  readonly service: string;
  readonly kind: CallKind;
  readonly atUs: number;
  readonly deadlineUs: number;
}

/** How a call ended at its caller: `OK`, or reason and origin of its error: `gone@router`. */
export interface Ended {
  readonly id: string;
  readonly atUs: number;
  readonly outcome: string;
  /** How long the caller's own process had been kept from running just then, in µs: nobody can end a call while it is. */
  readonly lagUs: number;
}

/** A handler that began. */
export interface Ran {
  readonly id: string;
  readonly atUs: number;
  readonly instance: string;
}

export interface Ledger {
  readonly sent: readonly Sent[];
  readonly ended: readonly Ended[];
  readonly ran: readonly Ran[];
  /** Names of callers whose journal says that they ended by themselves: every call of theirs must have ended. */
  readonly finished: ReadonlySet<string>;
}

/** The machine's monotonic clock, in µs: the same in every process. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** The name of the caller whose call this is. */
export function callerOf(id: string): string {
  return id.slice(0, id.lastIndexOf("-"));
}

export class Journal {
  readonly #fd: number;

  constructor(folder: string, name: string) {
    this.#fd = openSync(join(folder, `${name}.journal`), "a");
  }

  sent({ id, service, kind, atUs, deadlineUs }: Sent): void {
    writeSync(this.#fd, `S ${id} ${service} ${kind} ${atUs} ${deadlineUs}\n`);
  }

  ended({ id, atUs, outcome, lagUs }: Ended): void {
    writeSync(this.#fd, `E ${id} ${atUs} ${outcome} ${lagUs}\n`);
  }

  ran({ id, atUs, instance }: Ran): void {
    writeSync(this.#fd, `R ${id} ${atUs} ${instance}\n`);
  }

  /** This caller has ended by itself, with none of its calls left open. */
  finished(caller: string): void {
    writeSync(this.#fd, `F ${caller}\n`);
  }
}

function readEnd(id: string, [at, outcome = "", lag]: readonly string[]): Ended {
  return { id, atUs: Number(at), outcome, lagUs: Number(lag) };
}

/** Everything that was written into a folder of calls whose id begins so. Throws at a line that no journal writes. */
export function readLedger(folder: string, prefix = ""): Ledger {
  const ledger = { sent: [] as Sent[], ended: [] as Ended[], ran: [] as Ran[], finished: new Set<string>() };
  for (const file of readdirSync(folder)) {
    if (!file.endsWith(".journal")) continue;
    for (const line of readFileSync(join(folder, file), "latin1").split("\n")) {
      const [mark, id = "", ...rest] = line.split(" ");
      if (mark !== "" && !id.startsWith(prefix)) continue;
      if (mark === "S") {
        const [service = "", kind, at, deadline] = rest;
        ledger.sent.push({ id, service, kind: kind as CallKind, atUs: Number(at), deadlineUs: Number(deadline) });
      } else if (mark === "E") ledger.ended.push(readEnd(id, rest));
      else if (mark === "R") ledger.ran.push({ id, atUs: Number(rest[0]), instance: rest[1] ?? "" });
      else if (mark === "F") ledger.finished.add(id);
      else if (line !== "") throw new Error(`${file}: no journal writes the line ${JSON.stringify(line)}`);
    }
  }
  return ledger;
}
