/** What a query's process is told and what it says, a line of JSON each. */
import type { Cell } from "#engines/eventSql/schema.ts";

export interface QueryJob {
  sql: string;
  /** Counts the events that matched. */
  matched?: string;
  tables: { name: string; columns: number }[];
  /** The time of the statement, in the lake's form. */
  now: string;
  mostRows: number;
  mostBytes: number;
}

/** Table and row. */
export type Feed = [table: string, row: Cell[]];

export type Answer = { row: unknown } | { done: true; matched?: number } | { error: string };
