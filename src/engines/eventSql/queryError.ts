/** A statement that cannot be run as it is written. The text says where, as Trino does: `line 1:8: Column 'x' cannot be resolved`. */
export class QueryError extends Error {
  constructor(message: string, at?: { line: number; column: number }) {
    super(at ? `line ${at.line}:${at.column}: ${message}` : message);
    this.name = "QueryError";
  }
}
