// What the processes of a contender are told.
import type { Cell } from "./cell.ts";
import type { Connection } from "./transport.ts";

/** A process on the way of a call, by what it is there. */
export interface OnTheWay {
  readonly name: string;
  readonly pid: number;
}

export interface CallerSettings {
  /** URL of the transport's module. */
  readonly transport: string;
  readonly connection: Connection;
}

export interface CalleeSettings extends CallerSettings {
  /** How to call the next of the chain; undefined: the last one. */
  readonly next?: Connection;
}

/** To a caller. */
export interface RunOrder {
  readonly cell: Cell;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Everybody on the way but the caller itself. */
  readonly others: readonly OnTheWay[];
}

export interface KeeperSettings {
  /** Removed when it ends. */
  readonly folder: string;
}

/** To the keeper. */
export interface KeepOrder {
  readonly file: string;
  readonly args: readonly string[];
  readonly logFile: string;
}
