/** Why a response is not believed. */
export type RefusalKind =
  /** It is no SAML response, or not of the shape that is asked for. */
  | "malformed"
  /** Nobody that is trusted has signed it, or it was changed, or it cannot be decrypted. */
  | "signature"
  /** Who has signed it speaks for somebody else. */
  | "issuer"
  /** The identity provider itself reports a failure. */
  | "status";

export class Refusal extends Error {
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export const refuse = (kind: RefusalKind, message: string): Refusal => new Refusal(kind, message);
