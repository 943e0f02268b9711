/** The pattern is not one of the filter pattern language; the caller answers AWS's error. */
export class InvalidFilterPattern extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvalidFilterPattern";
  }
}
