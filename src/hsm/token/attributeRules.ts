/**
 * Which attributes an object of a class may have, who may set them and when, and what they are where nobody says.
 * Source: PKCS #11 2.40, tables 12 to 27. Where it leaves a default to the token, keys are sensitive, not extractable.
 */
import type { AttributeValue } from "../rpc/attributes.ts";
import { CKA, CKO } from "./constants.ts";

export type ObjectClass = (typeof CKO)[keyof typeof CKO];

export interface AttributeRule {
  type: number;
  form: "flag" | "number" | "bytes" | "mechanisms";
  /** `given`: when the object is made; `later` also by C_SetAttributeValue; `token`: only the token says it. */
  set: "given" | "later" | "token";
  default?: AttributeValue;
  /** The only value that may be asked for: what the others would mean is not offered. */
  only?: number;
  /** A flag that may change in this direction only. */
  oneWay?: 0 | 1;
  /** Never told of a sensitive or unextractable key. */
  secret?: true;
}

const flag = (type: number, standard: 0 | 1, rest: Partial<AttributeRule> = {}): AttributeRule => ({
  type,
  form: "flag",
  set: "later",
  default: standard,
  ...rest,
});
const bytes = (type: number, set: AttributeRule["set"], rest: Partial<AttributeRule> = {}): AttributeRule => ({
  type,
  form: "bytes",
  set,
  ...rest,
});
const number = (type: number, set: AttributeRule["set"], rest: Partial<AttributeRule> = {}): AttributeRule => ({
  type,
  form: "number",
  set,
  ...rest,
});

const empty = Buffer.alloc(0);

const storage = (isPrivate: 0 | 1): AttributeRule[] => [
  number(CKA.CLASS, "given"),
  flag(CKA.TOKEN, 0, { set: "given" }),
  // Whatever it says, nothing is seen by who is not signed in.
  flag(CKA.PRIVATE, isPrivate, { set: "given" }),
  bytes(CKA.LABEL, "later", { default: empty }),
  bytes(CKA.UNIQUE_ID, "token"),
  flag(CKA.MODIFIABLE, 1, { set: "given" }),
  flag(CKA.COPYABLE, 0, { set: "given", only: 0 }),
  flag(CKA.DESTROYABLE, 1, { set: "given" }),
];

const key: AttributeRule[] = [
  number(CKA.KEY_TYPE, "given"),
  bytes(CKA.ID, "later", { default: empty }),
  flag(CKA.LOCAL, 0, { set: "token" }),
  number(CKA.KEY_GEN_MECHANISM, "token", { default: -1 }),
  { type: CKA.ALLOWED_MECHANISMS, form: "mechanisms", set: "given" },
];

const guarded: AttributeRule[] = [
  flag(CKA.SENSITIVE, 1, { oneWay: 1 }),
  flag(CKA.EXTRACTABLE, 0, { oneWay: 0 }),
  flag(CKA.ALWAYS_SENSITIVE, 0, { set: "token" }),
  flag(CKA.NEVER_EXTRACTABLE, 0, { set: "token" }),
  // No key here is trusted, so a key that only a trusted one may wrap is wrapped by none.
  flag(CKA.WRAP_WITH_TRUSTED, 0, { oneWay: 1 }),
];

const privateParts = [
  CKA.PRIVATE_EXPONENT,
  CKA.PRIME_1,
  CKA.PRIME_2,
  CKA.EXPONENT_1,
  CKA.EXPONENT_2,
  CKA.COEFFICIENT,
  CKA.VALUE,
].map((type) => bytes(type, "given", { secret: true }));

export const attributeRules: Readonly<Record<ObjectClass, readonly AttributeRule[]>> = {
  [CKO.SECRET_KEY]: [
    ...storage(1),
    ...key,
    ...guarded,
    flag(CKA.ENCRYPT, 0),
    flag(CKA.DECRYPT, 0),
    flag(CKA.SIGN, 0),
    flag(CKA.VERIFY, 0),
    flag(CKA.WRAP, 0),
    flag(CKA.UNWRAP, 0),
    flag(CKA.DERIVE, 0, { only: 0 }),
    flag(CKA.TRUSTED, 0, { only: 0 }),
    bytes(CKA.VALUE, "given", { secret: true }),
    number(CKA.VALUE_LEN, "given"),
  ],
  [CKO.PRIVATE_KEY]: [
    ...storage(1),
    ...key,
    ...guarded.map((rule) => (rule.type === CKA.SENSITIVE ? { ...rule, only: 1 } : rule)),
    bytes(CKA.SUBJECT, "later", { default: empty }),
    flag(CKA.DECRYPT, 0),
    flag(CKA.SIGN, 0),
    flag(CKA.SIGN_RECOVER, 0, { only: 0 }),
    flag(CKA.UNWRAP, 0),
    flag(CKA.DERIVE, 0),
    flag(CKA.ALWAYS_AUTHENTICATE, 0, { set: "given", only: 0 }),
    bytes(CKA.MODULUS, "given"),
    bytes(CKA.PUBLIC_EXPONENT, "given"),
    bytes(CKA.EC_PARAMS, "given"),
    bytes(CKA.PUBLIC_KEY_INFO, "given"),
    ...privateParts,
  ],
  [CKO.PUBLIC_KEY]: [
    ...storage(0),
    ...key,
    bytes(CKA.SUBJECT, "later", { default: empty }),
    flag(CKA.ENCRYPT, 0),
    flag(CKA.VERIFY, 0),
    flag(CKA.VERIFY_RECOVER, 0, { only: 0 }),
    flag(CKA.WRAP, 0),
    flag(CKA.DERIVE, 0),
    flag(CKA.TRUSTED, 0, { only: 0 }),
    bytes(CKA.MODULUS, "given"),
    number(CKA.MODULUS_BITS, "given"),
    bytes(CKA.PUBLIC_EXPONENT, "given"),
    bytes(CKA.EC_PARAMS, "given"),
    bytes(CKA.EC_POINT, "given"),
    bytes(CKA.PUBLIC_KEY_INFO, "given"),
  ],
  [CKO.CERTIFICATE]: [
    ...storage(0),
    number(CKA.CERTIFICATE_TYPE, "given"),
    number(CKA.CERTIFICATE_CATEGORY, "given", { default: 0 }),
    flag(CKA.TRUSTED, 0, { only: 0 }),
    bytes(CKA.SUBJECT, "given"),
    bytes(CKA.ID, "later", { default: empty }),
    bytes(CKA.ISSUER, "later", { default: empty }),
    bytes(CKA.SERIAL_NUMBER, "later", { default: empty }),
    bytes(CKA.VALUE, "given"),
  ],
  [CKO.DATA]: [
    ...storage(1),
    bytes(CKA.APPLICATION, "later", { default: empty }),
    bytes(CKA.OBJECT_ID, "given", { default: empty }),
    bytes(CKA.VALUE, "later", { default: empty }),
  ],
};
