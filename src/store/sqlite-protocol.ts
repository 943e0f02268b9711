/** What the owner of a SQLite file and its writer thread say to each other. Everything is structured-cloned. */
import type { SqliteConnection } from "./sqlite-connection.ts";

/** One write: the command's name, the time it was asked at (epoch milliseconds), its arguments. */
export type Write = [command: string, now: number, args: readonly unknown[]];

export type ToWriter = { writes: Write[] } | { use: string; options: unknown } | { close: true };

/** How one write ended. `refusal` is what a command refused with; its effects were rolled back. */
export type Outcome =
  | { value: unknown }
  | { refusal: unknown }
  | { unavailable: string; unknown: boolean }
  | { failure: string };

export type FromWriter =
  | {
      /** How many writes were answered, in their order. Those that are not told of succeeded without a value. */
      count: number;
      outcomes: [position: number, outcome: Outcome][];
      /** Messages of the owner that these were. */
      messages: number;
      /** By command set, what its `finish` gave: what readers who wait are to be told. */
      marks: Record<string, unknown>;
      /** Set when nothing more is promised: the file has to be opened anew. */
      broken?: string;
    }
  | { used: string; value?: unknown; failure?: string }
  | { closed: true; failure?: string };

/** Thrown by a command: the caller's wish cannot be granted as things are. `value` goes to the caller. */
export class Refusal extends Error {
  readonly value: unknown;
  /** Nothing had been written when it was thrown. */
  readonly clean: boolean;
  constructor(value: unknown, clean = false) {
    super("refused");
    this.value = value;
    this.clean = clean;
  }
}

/** Receives the events of a batch in its transaction, in place of the outbox. `fresh`: the id is new by definition. */
export type EventSink = (
  entry: { stream: string; key: string; id: string; event: string; fresh: boolean },
  now: number,
) => void;

/** What command sets of one file share. */
export interface WriterShared {
  sink?: EventSink;
}

/**
 * The writes of one component, run on the writer's thread. A module that is named to `SqliteDatabase.use` exports
 * `createCommands(connection, shared, options)`.
 */
export interface CommandSet {
  commands: Record<string, (now: number, ...args: never[]) => unknown>;
  /** What `use` answers. */
  value?: unknown;
  /** A command begins; what it holds in memory must be undone by `undo`. */
  begin?(): void;
  undo?(): void;
  /** Before COMMIT: writes what was held back, gives what is announced when it is durable. */
  finish?(): unknown;
  /** The group was not committed: nothing held in memory is true any more. */
  lost?(): void;
}

export interface CommandModule {
  createCommands(connection: SqliteConnection, shared: WriterShared, options: never): CommandSet;
}
