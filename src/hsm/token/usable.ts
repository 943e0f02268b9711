/** Whether key and mechanism go together. */
import type { Mechanism } from "../rpc/mechanisms.ts";
import type { HsmApplication } from "./application.ts";
import type { KeyReference } from "./backend.ts";
import { CKA, CKK, CKR, Failure } from "./constants.ts";
import type { SeenObject } from "./session.ts";

const keyTypes: Readonly<Record<KeyReference["type"], number>> = {
  AES: CKK.AES,
  GENERIC: CKK.GENERIC_SECRET,
  RSA: CKK.RSA,
  EC: CKK.EC,
};

export function expectType({ attributes }: SeenObject, type: KeyReference["type"] | undefined): void {
  if (type === undefined || attributes.number(CKA.KEY_TYPE) !== keyTypes[type])
    throw new Failure(CKR.KEY_TYPE_INCONSISTENT);
}

export function expectOffered({ token }: HsmApplication, { type }: Mechanism): void {
  if (!token.backend.offers(type)) throw new Failure(CKR.MECHANISM_INVALID, "the module does not have it");
}
