/** Encrypting, signing, digests, random numbers. Source: PKCS #11 2.40, 5.8 to 5.12 and 5.14. */
import { constants, publicDecrypt, randomBytes, timingSafeEqual, verify } from "node:crypto";
import { verifyDigest } from "#keys/ecdsaDigest.ts";
import { verifyPss, type RsaHash } from "#keys/rsaDigest.ts";
import type { RpcName } from "../rpc/calls.ts";
import type { RpcValue } from "../rpc/messages.ts";
import type { Mechanism } from "../rpc/mechanisms.ts";
import type { HsmApplication } from "./application.ts";
import { bytesOf, roomOf, type Handler } from "./arguments.ts";
import { CKA, CKM, CKO, CKR, Failure } from "./constants.ts";
import { curveOf, derSignature } from "./curves.ts";
import { encryptRsa } from "./keyFunctions.ts";
import { mechanismFor, type MechanismRow } from "./mechanisms.ts";
import { DigestOperation, Operation, type OperationWork } from "./operation.ts";
import { checkParameters, hashOf, parameterOf } from "./parameters.ts";
import { publicKeyOf } from "./publicKeys.ts";
import type { OperationName, SeenObject, Session } from "./session.ts";
import { expectOffered, expectType } from "./usable.ts";

const mostRandom = 1024 * 1024;
const usage = { encrypt: CKA.ENCRYPT, decrypt: CKA.DECRYPT, sign: CKA.SIGN, verify: CKA.VERIFY } as const;
type KeyedOperation = keyof typeof usage;

export const cryptoFunctions: Partial<Record<RpcName, Handler>> = {
  C_EncryptInit: (...call) => begin("encrypt", ...call),
  C_Encrypt: (...call) => whole("encrypt", ...call),
  C_EncryptUpdate: (...call) => update("encrypt", ...call),
  C_EncryptFinal: (...call) => final("encrypt", ...call),
  C_DecryptInit: (...call) => begin("decrypt", ...call),
  C_Decrypt: (...call) => whole("decrypt", ...call),
  C_DecryptUpdate: (...call) => update("decrypt", ...call),
  C_DecryptFinal: (...call) => final("decrypt", ...call),
  C_SignInit: (...call) => begin("sign", ...call),
  C_Sign: (...call) => whole("sign", ...call),
  C_SignUpdate: (...call) => absorb("sign", ...call),
  C_SignFinal: (...call) => final("sign", ...call),
  C_VerifyInit: (...call) => begin("verify", ...call),
  C_VerifyUpdate: (...call) => absorb("verify", ...call),
  C_DigestUpdate: (...call) => absorb("digest", ...call),
  C_DigestFinal: (...call) => final("digest", ...call),
  C_Digest: (...call) => whole("digest", ...call),

  C_DigestInit: (application, [value, given]) => {
    const session = application.session(value);
    const mechanism = given as Mechanism;
    if (isCancel(mechanism)) return cancel(session, "digest");
    const { hash } = mechanismFor(mechanism.type, "digest");
    start(session, "digest", new DigestOperation(hash!, application.token.memory));
    return [];
  },

  C_Verify: async (application, [session, data, signature]) => {
    await finish(application.session(session), "verify", async (operation) => {
      if (operation.inParts) throw new Failure(CKR.OPERATION_ACTIVE);
      await check(operation, bytesOf(data), bytesOf(signature));
      return Buffer.alloc(0);
    });
    return [];
  },

  C_VerifyFinal: async (application, [session, signature]) => {
    await finish(application.session(session), "verify", async (operation) => {
      await check(operation, operation.gathered(), bytesOf(signature));
      return Buffer.alloc(0);
    });
    return [];
  },

  // Ours is not improved by an application's, and its own is no worse for being taken.
  C_SeedRandom: (application, [session]) => (application.session(session), []),

  C_GenerateRandom: (application, [session, room]) => {
    application.session(session);
    const count = roomOf(room);
    if (count > mostRandom) throw new Failure(CKR.ARGUMENTS_BAD);
    return [randomBytes(count)];
  },
};

/** The mechanism by which C_…Init ends an operation. */
const isCancel = ({ type }: Mechanism): boolean => type === 0xff_ff_ff_ff;

function begin(
  name: KeyedOperation,
  application: HsmApplication,
  [value, given, handle]: readonly RpcValue[],
): RpcValue[] {
  const session = application.session(value);
  const mechanism = given as Mechanism;
  if (isCancel(mechanism)) return cancel(session, name);
  if (session.operations.has(name)) throw new Failure(CKR.OPERATION_ACTIVE);
  const row = mechanismFor(mechanism.type, name);
  const object = application.keyFor(handle, usage[name], mechanism);
  expectType(object, row.keyType);
  checkParameters(mechanism, row.hash);
  if (object.key) expectOffered(application, mechanism);
  const work = works[name](application, object, mechanism, row);
  start(session, name, new Operation(work, application.token.memory));
  return [];
}

function start(session: Session, name: OperationName, operation: Operation): void {
  if (session.operations.has(name)) throw new Failure(CKR.OPERATION_ACTIVE);
  session.operations.set(name, operation);
}

function cancel(session: Session, name: OperationName): RpcValue[] {
  session.operations.get(name)?.end();
  session.operations.delete(name);
  return [];
}

async function whole(
  name: OperationName,
  application: HsmApplication,
  [session, data, room]: readonly RpcValue[],
): Promise<RpcValue[]> {
  // A question for the size may come without the data.
  const given = roomOf(room) === 0 && !Buffer.isBuffer(data) ? Buffer.alloc(0) : bytesOf(data);
  return finish(application.session(session), name, (operation) => operation.whole(given, roomOf(room)));
}

async function final(
  name: OperationName,
  application: HsmApplication,
  [session, room]: readonly RpcValue[],
): Promise<RpcValue[]> {
  return finish(application.session(session), name, (operation) => operation.final(roomOf(room)));
}

function update(
  name: OperationName,
  application: HsmApplication,
  [value, part, room]: readonly RpcValue[],
): RpcValue[] {
  const session = application.session(value);
  const operation = active(session, name);
  // A question for the size. The answer is more than will come, so that the next call has room.
  if (roomOf(room) === 0) return [{ length: operation.room(bytesOf(part).length) }];
  return guarded(session, name, () => (operation.add(bytesOf(part)), [Buffer.alloc(0)]));
}

function absorb(name: OperationName, application: HsmApplication, [value, part]: readonly RpcValue[]): RpcValue[] {
  const session = application.session(value);
  const operation = active(session, name);
  return guarded(session, name, () => (operation.add(bytesOf(part)), []));
}

/** An operation that fails is over. Source: PKCS #11 2.40, 5.2. */
function guarded(session: Session, name: OperationName, work: () => RpcValue[]): RpcValue[] {
  try {
    return work();
  } catch (error) {
    cancel(session, name);
    throw error;
  }
}

/** Ends the operation, unless its answer did not fit. */
async function finish(
  session: Session,
  name: OperationName,
  work: (operation: Operation) => Promise<Buffer | { length: number }>,
): Promise<RpcValue[]> {
  const operation = active(session, name);
  try {
    const result = await work(operation);
    if (Buffer.isBuffer(result)) cancel(session, name);
    return [result];
  } catch (error) {
    cancel(session, name);
    throw error;
  }
}

function active(session: Session, name: OperationName): Operation {
  const operation = session.operations.get(name);
  if (!operation) throw new Failure(CKR.OPERATION_NOT_INITIALIZED);
  return operation;
}

/** A verification computes one byte: whether. Data and signature travel as one. */
async function check(operation: Operation, data: Buffer, signature: Buffer): Promise<void> {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(signature.length);
  const verdict = await operation.compute(Buffer.concat([length, signature, data]));
  if (verdict[0] !== 1) throw new Failure(CKR.SIGNATURE_INVALID);
}

type MakeWork = (
  application: HsmApplication,
  object: SeenObject,
  mechanism: Mechanism,
  row: MechanismRow,
) => OperationWork;

const aesBlock = 16;

const works: Readonly<Record<KeyedOperation, MakeWork>> = {
  encrypt({ token }, object, mechanism) {
    const { key, attributes } = object;
    if (attributes.class === CKO.PUBLIC_KEY) {
      return {
        compute: async (data) => encryptRsa(attributes, mechanism, data, CKR.DATA_LEN_RANGE),
        room: () => modulusBytes(object),
      };
    }
    return {
      compute: (data) => token.backend.encrypt(live(object), mechanism, data),
      room: (length) => length + 2 * aesBlock,
      ...noKey(key),
    };
  },
  decrypt({ token }, object, mechanism) {
    return {
      compute: (data) => token.backend.decrypt(live(object), mechanism, data),
      room: (length) => (object.key?.class === "private" ? modulusBytes(object) : length),
      ...noKey(object.key),
    };
  },
  sign({ token }, object, mechanism) {
    return {
      compute: (data) => token.backend.sign(live(object), mechanism, data),
      room: () => signatureBytes(object, mechanism),
      ...noKey(object.key),
    };
  },
  verify({ token }, object, mechanism, row) {
    return {
      room: () => 0,
      async compute(both) {
        const length = both.readUInt32BE(0);
        const signature = both.subarray(4, 4 + length);
        const data = both.subarray(4 + length);
        if (object.attributes.class === CKO.SECRET_KEY) {
          const expected = await token.backend.sign(live(object), mechanism, data);
          if (signature.length !== expected.length) throw new Failure(CKR.SIGNATURE_LEN_RANGE);
          return Buffer.of(timingSafeEqual(signature, expected) ? 1 : 0);
        }
        return Buffer.of(verifies(object, mechanism, row, data, signature) ? 1 : 0);
      },
    };
  },
};

/** Destroyed meanwhile, or its user signed out: the key is not there. */
function live({ key, open }: SeenObject): NonNullable<SeenObject["key"]> {
  const current = open ? open.key : key;
  if (!current || open?.isClosed) throw new Failure(CKR.KEY_HANDLE_INVALID);
  return current;
}

function noKey(key: SeenObject["key"]): object {
  if (!key) throw new Failure(CKR.KEY_TYPE_INCONSISTENT);
  return {};
}

function modulusBytes({ attributes }: SeenObject): number {
  return attributes.bytes(CKA.MODULUS)?.length ?? 0;
}

function signatureBytes(object: SeenObject, { type }: Mechanism): number {
  if (object.key?.type === "RSA") return modulusBytes(object);
  if (object.key?.type === "EC") return 2 * curveOf(object.attributes.require(CKA.EC_PARAMS)).bytes;
  return type === CKM.AES_CMAC ? aesBlock : 64;
}

function verifies(
  object: SeenObject,
  mechanism: Mechanism,
  { hash }: MechanismRow,
  data: Buffer,
  signature: Buffer,
): boolean {
  const { attributes } = object;
  if (attributes.class !== CKO.PUBLIC_KEY) throw new Failure(CKR.KEY_TYPE_INCONSISTENT);
  const key = publicKeyOf(attributes);
  if (key.asymmetricKeyType === "ec") {
    const { bytes, curve } = curveOf(attributes.require(CKA.EC_PARAMS));
    const der = derSignature(signature, bytes);
    if (!der) throw new Failure(CKR.SIGNATURE_LEN_RANGE);
    if (hash !== undefined) return verify(hash, data, { key, dsaEncoding: "ieee-p1363" }, signature);
    if (data.length === 0 || data.length > 64) throw new Failure(CKR.DATA_LEN_RANGE);
    return verifyDigest(curve, key, data, der);
  }
  if (signature.length !== modulusBytes(object)) throw new Failure(CKR.SIGNATURE_LEN_RANGE);
  if (mechanism.type === CKM.RSA_PKCS_PSS) {
    const { hash: named } = hashOf(parameterOf(mechanism, "pss"));
    return verifyPss(key, named as RsaHash, data, signature);
  }
  if (mechanism.parameter?.kind === "pss") {
    const { saltLength } = mechanism.parameter;
    return verify(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
  }
  if (hash !== undefined) return verify(hash, data, key, signature);
  try {
    return publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature).equals(data);
  } catch {
    return false;
  }
}
