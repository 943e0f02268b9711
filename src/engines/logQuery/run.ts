/**
 * Runs a query over events as they come. What it keeps is bounded: as many rows as results may have, and a bounded
 * number of groups. Pure: no clock, no I/O.
 */
import type { Row } from "./expression.ts";
import type { Aggregate } from "./aggregates.ts";
import { discoverFields } from "./fields.ts";
import { type Command, mostResults, parseQuery } from "./parse.ts";
import { compare, isTrue, Time, toText, type Value } from "./values.ts";

export interface QueryEvent {
  timestamp: number;
  ingestedAt: number;
  message: string;
  logStream: string;
  /** `<account>:<group>`. */
  log: string;
  /** For GetLogRecord. */
  pointer: string;
}

export interface QueryResult {
  rows: { field: string; value: string }[][];
  recordsMatched: number;
  recordsScanned: number;
  bytesScanned: number;
}

/** Groups of one stats command; a query that makes more is refused rather than cut. */
const mostGroups = 100_000;

export class QueryTooLarge extends Error {
  constructor() {
    super(`the query makes more than ${mostGroups} groups`);
    this.name = "QueryTooLarge";
  }
}

/** A row of an event, or of a group, with what commands have computed. */
class QueryRow implements Row {
  readonly at: number;
  readonly event: QueryEvent | undefined;
  readonly values: Map<string, Value>;
  #discovered: Record<string, string | number | boolean> | undefined;

  constructor(event: QueryEvent | undefined, values = new Map<string, Value>()) {
    this.event = event;
    this.values = values;
    const time = values.get("@timestamp");
    this.at = event?.timestamp ?? (time instanceof Time ? time.at : 0);
  }

  get(name: string): Value {
    if (this.values.has(name)) return this.values.get(name);
    const { event } = this;
    if (!event) return undefined;
    switch (name) {
      case "@message":
        return event.message;
      case "@timestamp":
        return new Time(event.timestamp);
      case "@ingestionTime":
        return new Time(event.ingestedAt);
      case "@logStream":
        return event.logStream;
      case "@log":
        return event.log;
      case "@ptr":
        return event.pointer;
      default:
        this.#discovered ??= discoverFields(event.message);
        return this.#discovered[name];
    }
  }
}

interface Stage {
  push(row: QueryRow, next: (row: QueryRow) => void): void;
  /** Rows that waited for the end. */
  finish?(): Iterable<QueryRow>;
}

export class QueryRun {
  readonly #stages: Stage[];
  readonly #columns: readonly string[];
  readonly #grouped: boolean;
  readonly #out: QueryRow[] = [];
  #scanned = 0;
  #bytes = 0;
  #matched = 0;

  /** @throws QuerySyntaxError */
  constructor(query: string, limit = mostResults) {
    const commands = parseQuery(query);
    this.#grouped = commands.some(({ kind }) => kind === "stats");
    this.#columns = shownColumns(commands);
    const sorted = commands.some(({ kind }) => kind === "sort" || kind === "stats");
    // "If you don't use sort, results are in descending order of @timestamp."
    const all: Command[] = sorted
      ? commands
      : [
          ...beforeLimit(commands),
          { kind: "sort", keys: [{ evaluate: (row) => row.at, descending: true }] },
          ...fromLimit(commands),
        ];
    const firstStats = all.findIndex(({ kind }) => kind === "stats" || kind === "sort" || kind === "limit");
    this.#stages = [...all, { kind: "limit", count: Math.min(limit, mostResults) } as Command].flatMap(
      (command, index) => {
        const made = stage(command, all.slice(index + 1));
        const counting: Stage = {
          push: (row, next) => {
            this.#matched++;
            next(row);
          },
        };
        return index === (firstStats < 0 ? all.length : firstStats) ? [counting, made] : [made];
      },
    );
  }

  push(event: QueryEvent): void {
    this.#scanned++;
    this.#bytes += event.message.length;
    this.#feed(0, new QueryRow(event));
  }

  finish(): QueryResult {
    for (const [index, { finish }] of this.#stages.entries()) {
      for (const row of finish?.() ?? []) this.#feed(index + 1, row);
    }
    return {
      rows: this.#out.map((row) => this.#shown(row)),
      recordsMatched: this.#matched,
      recordsScanned: this.#scanned,
      bytesScanned: this.#bytes,
    };
  }

  #feed(index: number, row: QueryRow): void {
    const current = this.#stages[index];
    if (!current) this.#out.push(row);
    else current.push(row, (passed) => this.#feed(index + 1, passed));
  }

  #shown(row: QueryRow): { field: string; value: string }[] {
    const fields = this.#columns.flatMap((field) => {
      const value = row.get(field);
      return value === undefined ? [] : [{ field, value: toText(value) }];
    });
    return this.#grouped ? fields : [...fields, { field: "@ptr", value: toText(row.get("@ptr")) }];
  }
}

function beforeLimit(commands: readonly Command[]): readonly Command[] {
  const at = commands.findIndex(({ kind }) => kind === "limit");
  return at < 0 ? commands : commands.slice(0, at);
}

function fromLimit(commands: readonly Command[]): readonly Command[] {
  return commands.slice(beforeLimit(commands).length);
}

/** `display` says which columns are shown; else those of `stats`, else those of `fields`. */
function shownColumns(commands: readonly Command[]): string[] {
  let columns: string[] = [];
  for (const command of commands) {
    if (command.kind === "fields") columns.push(...command.columns.map(({ name }) => name));
    if (command.kind === "display") columns = command.columns.map(({ name }) => name);
    if (command.kind === "stats") {
      columns = [...command.by.map(({ name }) => name), ...command.aggregates.map(({ name }) => name)];
    }
  }
  return [...new Set(columns.length === 0 ? ["@timestamp", "@message"] : columns)];
}

function stage(command: Command, later: readonly Command[]): Stage {
  switch (command.kind) {
    case "fields":
    case "display":
      return {
        push: (row, next) => {
          for (const { name, evaluate, computed } of command.columns) {
            if (computed) row.values.set(name, evaluate(row));
          }
          next(row);
        },
      };
    case "filter":
      return { push: (row, next) => (isTrue(command.test(row)) ? next(row) : undefined) };
    case "parse":
      return {
        push: (row, next) => {
          const text = command.source(row);
          const found = text === undefined ? undefined : command.extract(toText(text));
          for (const [name, value] of Object.entries(found ?? {})) row.values.set(name, value);
          next(row);
        },
      };
    case "limit": {
      let left = command.count;
      return { push: (row, next) => (left-- > 0 ? next(row) : undefined) };
    }
    case "dedup":
      return dedup(command);
    case "sort":
      return sort(command, later);
    case "stats":
      return stats(command);
  }
}

function keyOf(columns: Extract<Command, { kind: "dedup" }>["columns"], row: QueryRow): [string, Value[]] {
  const values = columns.map(({ evaluate }) => evaluate(row));
  return [JSON.stringify(values.map((value) => (value === undefined ? null : toText(value)))), values];
}

function dedup({ columns }: Extract<Command, { kind: "dedup" }>): Stage {
  const seen = new Set<string>();
  return {
    push: (row, next) => {
      const [key] = keyOf(columns, row);
      if (seen.has(key)) return;
      if (seen.size >= mostGroups) throw new QueryTooLarge();
      seen.add(key);
      next(row);
    },
  };
}

/** Keeps the best rows only: as many as a limit right behind lets through, else as many as results may have. */
function sort({ keys }: Extract<Command, { kind: "sort" }>, later: readonly Command[]): Stage {
  const [follower] = later;
  const keep = follower?.kind === "limit" ? follower.count : follower?.kind === "dedup" ? mostGroups : mostResults;
  let rows: { row: QueryRow; values: Value[] }[] = [];
  const order = (a: { values: Value[] }, b: { values: Value[] }): number => {
    for (const [index, { descending }] of keys.entries()) {
      const result = compare(a.values[index], b.values[index]);
      if (result !== 0) return descending ? -result : result;
    }
    return 0;
  };
  return {
    push: (row) => {
      rows.push({ row, values: keys.map(({ evaluate }) => evaluate(row)) });
      if (rows.length >= keep * 2 + 1_000) rows = rows.sort(order).slice(0, keep);
    },
    *finish() {
      for (const { row } of rows.sort(order).slice(0, keep)) yield row;
    },
  };
}

function stats({ aggregates, by }: Extract<Command, { kind: "stats" }>): Stage {
  const groups = new Map<string, { values: Value[]; made: Aggregate[] }>();
  return {
    push: (row) => {
      const [key, values] = keyOf(by, row);
      let group = groups.get(key);
      if (!group) {
        if (groups.size >= mostGroups) throw new QueryTooLarge();
        groups.set(key, (group = { values, made: aggregates.map(({ make }) => make()) }));
      }
      for (const [index, { argument }] of aggregates.entries()) group.made[index]!.add(argument(row), row.at);
    },
    *finish() {
      // A count of nothing is zero; a group of nothing is none.
      if (groups.size === 0 && by.length === 0)
        groups.set("", { values: [], made: aggregates.map(({ make }) => make()) });
      for (const { values, made } of groups.values()) {
        const row = new Map<string, Value>(by.map(({ name }, index) => [name, values[index]]));
        for (const [index, { name }] of aggregates.entries()) row.set(name, made[index]!.result());
        yield new QueryRow(undefined, row);
      }
    },
  };
}
