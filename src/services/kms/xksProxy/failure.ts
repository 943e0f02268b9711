import { type XksErrorName, xksErrors } from "#keys/stores/xksApi.ts";

/** What a proxy answers instead; the message is printable ASCII of less than 512 characters. */
export class ProxyError extends Error {
  readonly errorName: XksErrorName;

  constructor(errorName: XksErrorName, message: string) {
    super(message);
    this.name = "ProxyError";
    this.errorName = errorName;
  }

  get status(): number {
    return xksErrors[this.errorName];
  }
}
