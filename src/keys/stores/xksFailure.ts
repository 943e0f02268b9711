import type { XksErrorName } from "./xksApi.ts";

/** Why a proxy did not do what it was asked for: its own word, or what the client saw instead of an answer. */
export type XksFailureKind =
  | XksErrorName
  /** No connection, or no such name. */
  | "unreachable"
  /** No TLS connection: version, certificate, name. */
  | "tls"
  | "timeout"
  /** An answer that is none of the specification's. */
  | "malformed"
  /** The proxy answers, and every key manager behind it is out of service. */
  | "noKeyManager";

export class XksFailure extends Error {
  readonly kind: XksFailureKind;

  /** @param detail for the log only: what the proxy says is not told to callers */
  constructor(kind: XksFailureKind, detail: string) {
    super(`${kind}: ${detail}`);
    this.name = "XksFailure";
    this.kind = kind;
  }
}
