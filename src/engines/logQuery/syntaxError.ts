/** A query that cannot be read; positions are characters of the query text, the end exclusive. */
export class QuerySyntaxError extends Error {
  readonly start: number;
  readonly end: number;

  constructor(message: string, start: number, end: number) {
    super(message);
    this.name = "QuerySyntaxError";
    this.start = start;
    this.end = end;
  }
}
