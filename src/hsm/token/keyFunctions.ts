/** Keys: making, wrapping, unwrapping, agreeing on. Source: PKCS #11 2.40, 5.13. */
import { constants, publicEncrypt } from "node:crypto";
import type { RpcName } from "../rpc/calls.ts";
import type { Mechanism } from "../rpc/mechanisms.ts";
import type { HsmApplication } from "./application.ts";
import { bytesOf, roomOf, templateOf, type Handler } from "./arguments.ts";
import { AttributeSet } from "./attributeSet.ts";
import type { KeyReference, PairSpec } from "./backend.ts";
import { CKA, CKK, CKM, CKO, CKR, Failure } from "./constants.ts";
import { curveOf, unwrapPoint } from "./curves.ts";
import { mechanismFor } from "./mechanisms.ts";
import { expectWritable, keepObject, keyOptions, secretType } from "./objectFunctions.ts";
import { checkParameters, hashOf, parameterOf } from "./parameters.ts";
import { describePrivate, publicAttributes, publicKeyOf } from "./publicKeys.ts";
import type { SeenObject } from "./session.ts";
import { expectOffered, expectType } from "./usable.ts";

export const keyFunctions: Partial<Record<RpcName, Handler>> = {
  C_GenerateKey: async (application, [value, given, template]) => {
    const session = application.session(value);
    const mechanism = given as Mechanism;
    const { keyType, min, max } = mechanismFor(mechanism.type, "generate");
    expectOffered(application, mechanism);
    void application.login;
    const type = keyType === "AES" ? CKK.AES : CKK.GENERIC_SECRET;
    const attributes = AttributeSet.from(CKO.SECRET_KEY, templateOf(template), [[CKA.KEY_TYPE, type]]);
    if (attributes.get(CKA.VALUE) !== undefined) throw new Failure(CKR.TEMPLATE_INCONSISTENT);
    const length = attributes.number(CKA.VALUE_LEN);
    if (length === undefined) throw new Failure(CKR.TEMPLATE_INCOMPLETE);
    if (length < min || length > max || (keyType === "AES" && length % 8 !== 0)) throw new Failure(CKR.KEY_SIZE_RANGE);
    expectWritable(session, attributes);
    const key = await application.token.backend.generateSecret(secretType(type), length, keyOptions(attributes));
    markGenerated(attributes, mechanism);
    return [await keepObject(application, session, attributes, key)];
  },

  C_GenerateKeyPair: async (application, [value, given, publicTemplate, privateTemplate]) => {
    const session = application.session(value);
    const mechanism = given as Mechanism;
    const { keyType } = mechanismFor(mechanism.type, "generatePair");
    expectOffered(application, mechanism);
    void application.login;
    const type = keyType === "RSA" ? CKK.RSA : CKK.EC;
    const implied = [[CKA.KEY_TYPE, type]] as const;
    const publicKey = AttributeSet.from(CKO.PUBLIC_KEY, templateOf(publicTemplate), implied);
    const privateKey = AttributeSet.from(CKO.PRIVATE_KEY, templateOf(privateTemplate), implied);
    expectWritable(session, publicKey);
    expectWritable(session, privateKey);
    const spec = pairSpec(publicKey);
    const { key, spki } = await application.token.backend.generatePair(spec, keyOptions(privateKey));
    for (const [attribute, each] of publicAttributes(spki, "public")) publicKey.put(attribute, each);
    for (const [attribute, each] of publicAttributes(spki, "private")) privateKey.put(attribute, each);
    markGenerated(publicKey, mechanism);
    markGenerated(privateKey, mechanism);
    // The private key first: a public key alone is worth nothing.
    const privateHandle = await keepObject(application, session, privateKey, key);
    return [await keepObject(application, session, publicKey, undefined), privateHandle];
  },

  C_WrapKey: async (application, [session, given, wrapping, wrapped, room]) => {
    application.session(session);
    const mechanism = given as Mechanism;
    const row = mechanismFor(mechanism.type, "wrap");
    checkParameters(mechanism, row.hash);
    const by = application.keyFor(wrapping, CKA.WRAP, mechanism, CKR.WRAPPING_KEY_HANDLE_INVALID);
    expectType(by, row.keyType);
    const object = application.object(wrapped, CKR.KEY_HANDLE_INVALID);
    const { key, attributes } = object;
    // INVARIANT: only an extractable key leaves the HSM, and only its owner takes it out.
    if (!key || !attributes.flag(CKA.EXTRACTABLE)) throw new Failure(CKR.KEY_UNEXTRACTABLE);
    if (attributes.flag(CKA.WRAP_WITH_TRUSTED)) throw new Failure(CKR.KEY_NOT_WRAPPABLE);
    if (object.open && object.open.owner !== application.login.name) throw new Failure(CKR.ACTION_PROHIBITED);
    const value = await application.token.backend.export(key);
    try {
      const result = await wrap(application, by, mechanism, value);
      return [roomOf(room) < result.length ? { length: result.length } : result];
    } finally {
      value.fill(0);
    }
  },

  C_UnwrapKey: async (application, [value, given, unwrapping, wrapped, template]) => {
    const session = application.session(value);
    const mechanism = given as Mechanism;
    const row = mechanismFor(mechanism.type, "unwrap");
    checkParameters(mechanism, row.hash);
    const by = application.keyFor(unwrapping, CKA.UNWRAP, mechanism, CKR.UNWRAPPING_KEY_HANDLE_INVALID);
    expectType(by, row.keyType);
    if (!by.key) throw new Failure(CKR.UNWRAPPING_KEY_HANDLE_INVALID);
    expectOffered(application, mechanism);
    const content = await asWrapped(application.token.backend.decrypt(by.key, mechanism, bytesOf(wrapped)));
    try {
      const { attributes, key } = await unwrapped(application, templateOf(template), content, (made) =>
        expectWritable(session, made),
      );
      return [await keepObject(application, session, attributes, key)];
    } finally {
      content.fill(0);
    }
  },

  C_DeriveKey: async (application, [value, given, base, template]) => {
    const session = application.session(value);
    const mechanism = given as Mechanism;
    const row = mechanismFor(mechanism.type, "derive");
    const { kdf, shared, point } = parameterOf(mechanism, "ecdh");
    if (kdf !== noDerivationFunction || shared.length > 0) throw new Failure(CKR.MECHANISM_PARAM_INVALID);
    const by = application.keyFor(base, CKA.DERIVE, mechanism);
    expectType(by, row.keyType);
    if (!by.key) throw new Failure(CKR.KEY_HANDLE_INVALID);
    expectOffered(application, mechanism);
    const other = unwrapPoint(point, curveOf(by.attributes.require(CKA.EC_PARAMS)));
    const agreed = await application.token.backend.agree(by.key, other);
    const attributes = AttributeSet.from(CKO.SECRET_KEY, templateOf(template));
    expectWritable(session, attributes);
    const type = secretType(attributes.number(CKA.KEY_TYPE));
    const length = attributes.number(CKA.VALUE_LEN) ?? (type === "AES" ? 32 : agreed.length);
    if (length > agreed.length || length === 0 || (type === "AES" && ![16, 24, 32].includes(length))) {
      throw new Failure(CKR.KEY_SIZE_RANGE);
    }
    // The leading bytes, as PKCS #11 2.40, 2.3.8 says for CKD_NULL: truncated at the end.
    const key = await application.token.backend.importSecret(type, agreed.subarray(0, length), keyOptions(attributes));
    agreed.fill(0);
    attributes.put(CKA.VALUE_LEN, length);
    return [await keepObject(application, session, attributes, key)];
  },
};

const noDerivationFunction = 1;

function markGenerated(attributes: AttributeSet, mechanism: Mechanism): void {
  attributes.put(CKA.LOCAL, 1);
  attributes.put(CKA.KEY_GEN_MECHANISM, mechanism.type);
  if (attributes.class === CKO.PUBLIC_KEY) return;
  attributes.put(CKA.ALWAYS_SENSITIVE, attributes.flag(CKA.SENSITIVE) ? 1 : 0);
  attributes.put(CKA.NEVER_EXTRACTABLE, attributes.flag(CKA.EXTRACTABLE) ? 0 : 1);
}

const usualExponent = Buffer.from("010001", "hex");

function pairSpec(template: AttributeSet): PairSpec {
  if (template.number(CKA.KEY_TYPE) === CKK.EC)
    return { type: "EC", curve: curveOf(template.require(CKA.EC_PARAMS)).curve };
  const bits = template.number(CKA.MODULUS_BITS);
  if (bits === undefined) throw new Failure(CKR.TEMPLATE_INCOMPLETE);
  if (![2048, 3072, 4096].includes(bits)) throw new Failure(CKR.KEY_SIZE_RANGE);
  const exponent = template.bytes(CKA.PUBLIC_EXPONENT) ?? usualExponent;
  const bare = exponent.subarray(exponent.findIndex((byte) => byte !== 0));
  // FIPS 186-5, A.1.1 wants more than 2¹⁶; nobody uses another.
  if (!bare.equals(usualExponent)) throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID, "public exponent");
  return { type: "RSA", bits, exponent: bare };
}

async function wrap(application: HsmApplication, by: SeenObject, mechanism: Mechanism, value: Buffer): Promise<Buffer> {
  if (by.attributes.class === CKO.PUBLIC_KEY) return encryptRsa(by.attributes, mechanism, value, CKR.KEY_SIZE_RANGE);
  if (!by.key || by.key.class !== "secret") throw new Failure(CKR.WRAPPING_KEY_HANDLE_INVALID);
  expectOffered(application, mechanism);
  return application.token.backend.encrypt(by.key, mechanism, value);
}

/** Public keys are used here: there is nothing in them for a backend to keep. */
export function encryptRsa(attributes: AttributeSet, mechanism: Mechanism, data: Buffer, tooLong: number): Buffer {
  const key = publicKeyOf(attributes);
  try {
    if (mechanism.type === CKM.RSA_PKCS) return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data);
    const parameter = parameterOf(mechanism, "oaep");
    const { hash: oaepHash } = hashOf(parameter);
    return publicEncrypt(
      { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash, oaepLabel: parameter.label },
      data,
    );
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(tooLong, (error as Error).message);
  }
}

async function asWrapped(content: Promise<Buffer>): Promise<Buffer> {
  try {
    return await content;
  } catch (error) {
    if (error instanceof Failure && error.code !== CKR.FUNCTION_NOT_SUPPORTED)
      throw new Failure(CKR.WRAPPED_KEY_INVALID);
    throw error;
  }
}

async function unwrapped(
  { token }: HsmApplication,
  template: Parameters<typeof AttributeSet.from>[1],
  content: Buffer,
  check: (attributes: AttributeSet) => void,
): Promise<{ attributes: AttributeSet; key: KeyReference }> {
  const objectClass = template.find(({ type }) => type === CKA.CLASS)?.value;
  if (objectClass !== CKO.SECRET_KEY && objectClass !== CKO.PRIVATE_KEY) throw new Failure(CKR.TEMPLATE_INCOMPLETE);
  const attributes = AttributeSet.from(objectClass, template);
  check(attributes);
  if (objectClass === CKO.SECRET_KEY) {
    const type = secretType(attributes.number(CKA.KEY_TYPE));
    if (type === "AES" && ![16, 24, 32].includes(content.length)) throw new Failure(CKR.WRAPPED_KEY_INVALID);
    const key = await token.backend.importSecret(type, content, keyOptions(attributes));
    attributes.put(CKA.VALUE_LEN, content.length);
    return { attributes, key };
  }
  const described = describePrivate(content);
  const key = await token.backend.importPrivate(described.type, described.pkcs8, keyOptions(attributes));
  for (const [type, value] of publicAttributes(described.spki, "private")) attributes.put(type, value);
  return { attributes, key };
}
