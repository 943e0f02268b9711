/** A crypto user's session over the cluster's socket: the protocol that every application speaks. */
import { createPublicKey } from "node:crypto";
import { connect } from "node:net";
import {
  HsmError,
  type HsmFailure,
  type HsmKey,
  type HsmKeyRef,
  type HsmPairKind,
  type HsmSession,
} from "./contract.ts";
import type { Attribute } from "./rpc/attributes.ts";
import { RpcClient, RpcLost } from "./rpc/client.ts";
import type { RpcName } from "./rpc/calls.ts";
import type { RpcValue } from "./rpc/messages.ts";
import type { Mechanism } from "./rpc/mechanisms.ts";
import { CKA, CKF, CKK, CKM, CKO, CKR, CKU, Failure } from "./token/constants.ts";
import { curves } from "./token/curves.ts";

const slot = 1;
const ivBytes = 12;
const tagBytes = 16;
/** IVs are fetched so many at a time. */
const ivsAtOnce = 64;
/** Handles that one answer brings. */
const foundAtOnce = 256;
const mostData = 64 * 1024;
/** How often a call goes to another HSM when the one it was at died. */
const mostAttempts = 4;
const pauseMs = 100;
/** An HSM that does not answer by then is given up. RSA keys of 4096 bits take seconds on a busy machine. */
const answerMs = 60_000;
/** One that has not answered its first call by then has not taken the connection. */
const greetingMs = 10_000;

interface Connection {
  client: RpcClient;
  session: number;
  /** Handles by id; they end with the connection. */
  handles: Map<string, number>;
  ivs: Buffer[];
}

export class SocketSession implements HsmSession {
  readonly clusterId: string;
  readonly user: string;
  readonly #path: string;
  #password: string | undefined;
  #connection: Promise<Connection> | undefined;
  /** The user or his password is not accepted: asking again would only lock him. */
  #refused: HsmError | undefined;

  private constructor(clusterId: string, path: string, { user, password }: { user: string; password: string }) {
    this.clusterId = clusterId;
    this.user = user;
    this.#path = path;
    this.#password = password;
  }

  static async open(
    clusterId: string,
    path: string,
    credentials: { user: string; password: string },
  ): Promise<SocketSession> {
    const session = new SocketSession(clusterId, path, credentials);
    await session.ping();
    return session;
  }

  async generateAesKey({ label, keyId }: { label: string; keyId: Uint8Array }): Promise<HsmKey> {
    return this.#make(keyId, "secret", async (at) => {
      const template = [
        ...keyTemplate(label, keyId),
        flag(CKA.EXTRACTABLE, 0),
        flag(CKA.ENCRYPT, 1),
        flag(CKA.DECRYPT, 1),
      ];
      await this.#call(at, "C_GenerateKey", [
        at.session,
        { type: CKM.AES_KEY_GEN },
        [...template, number(CKA.VALUE_LEN, 32)],
      ]);
    });
  }

  async generateKeyPair(
    kind: HsmPairKind,
    { label, keyId }: { label: string; keyId: Uint8Array },
  ): Promise<{ privateKey: HsmKey; publicKey: HsmKey; spki: Uint8Array }> {
    const privateKey = await this.#make(keyId, "private", async (at) => {
      const { mechanism, parameters } = pairOf(kind);
      const common = storageTemplate(label, keyId);
      const publicTemplate = [
        ...common,
        ...parameters,
        flag(CKA.VERIFY, 1),
        ...(kind.startsWith("RSA") ? [flag(CKA.ENCRYPT, 1)] : []),
      ];
      const privateTemplate = [
        ...keyTemplate(label, keyId),
        flag(CKA.EXTRACTABLE, 0),
        flag(CKA.SIGN, 1),
        flag(kind.startsWith("RSA") ? CKA.DECRYPT : CKA.DERIVE, 1),
      ];
      await this.#call(at, "C_GenerateKeyPair", [at.session, mechanism, publicTemplate, privateTemplate]);
    });
    const publicKey = await this.find(keyId, "public");
    if (!publicKey) throw new HsmError("failed", "the pair has no public key");
    const spki = await this.#try(async (at) => {
      const handle = await this.#handle(at, publicKey);
      return (await this.#attributes(at, handle, [CKA.PUBLIC_KEY_INFO]))[0] as Buffer;
    });
    // What is no key is not handed out.
    createPublicKey({ key: spki, format: "der", type: "spki" });
    return { privateKey, publicKey, spki };
  }

  async find(keyId: Uint8Array, kind?: HsmKey["class"]): Promise<HsmKey | undefined> {
    return this.#try((at) => this.#find(at, keyId, kind));
  }

  async list(): Promise<HsmKey[]> {
    return this.#try(async (at) => {
      const keys: HsmKey[] = [];
      for (const handle of await this.#searchAll(at)) {
        const kind = await this.#classOf(at, handle);
        if (kind) keys.push(await this.#describe(at, handle, kind));
      }
      return keys;
    });
  }

  async encrypt(
    key: HsmKeyRef,
    data: Uint8Array,
    aad: Uint8Array,
  ): Promise<{ iv: Uint8Array; ciphertext: Uint8Array; tag: Uint8Array }> {
    if (data.length > mostData || aad.length > mostData)
      throw new HsmError("invalid-argument", `at most ${mostData} bytes`);
    return this.#try(async (at) => {
      const handle = await this.#handle(at, key);
      const iv = await this.#iv(at);
      const room = { room: data.length + tagBytes };
      const sealed = await this.#pair(at, "C_EncryptInit", gcm(iv, aad), handle, "C_Encrypt", [bytes(data), room]);
      const end = sealed.length - tagBytes;
      return { iv, ciphertext: sealed.subarray(0, end), tag: sealed.subarray(end) };
    });
  }

  async decrypt(
    key: HsmKeyRef,
    { iv, ciphertext, tag }: { iv: Uint8Array; ciphertext: Uint8Array; tag: Uint8Array },
    aad: Uint8Array,
  ): Promise<Uint8Array> {
    if (iv.length !== ivBytes || tag.length !== tagBytes || ciphertext.length > mostData || aad.length > mostData) {
      throw new HsmError("invalid-ciphertext", "not what an HSM encrypted");
    }
    return this.#try(async (at) => {
      const handle = await this.#handle(at, key);
      const sealed = Buffer.concat([ciphertext, tag]);
      return this.#pair(at, "C_DecryptInit", gcm(bytes(iv), aad), handle, "C_Decrypt", [
        sealed,
        { room: sealed.length },
      ]);
    });
  }

  async signDigest(key: HsmKeyRef, sha256: Uint8Array): Promise<Uint8Array> {
    if (sha256.length !== 32) throw new HsmError("invalid-argument", "a digest of SHA-256 has 32 bytes");
    return this.#try(async (at) => {
      const handle = await this.#handle(at, key);
      const [type] = await this.#attributes(at, handle, [CKA.KEY_TYPE]);
      const isRsa = type === CKK.RSA;
      const data = isRsa ? Buffer.concat([sha256DigestInfo, sha256]) : bytes(sha256);
      const mechanism = { type: isRsa ? CKM.RSA_PKCS : CKM.ECDSA };
      return this.#pair(at, "C_SignInit", mechanism, handle, "C_Sign", [data, { room: 1024 }]);
    });
  }

  async random(count: number): Promise<Uint8Array> {
    if (!Number.isInteger(count) || count < 1 || count > 4096)
      throw new HsmError("invalid-argument", "1 to 4096 bytes");
    return this.#try((at) => this.#random(at, count));
  }

  async destroy(key: HsmKeyRef): Promise<void> {
    await this.#try(async (at) => {
      const handle = await this.#handle(at, key);
      await this.#call(at, "C_DestroyObject", [at.session, handle]);
      at.handles.delete(key.id);
    });
  }

  async ping(): Promise<void> {
    await this.#try(async (at) => {
      const [, state] = await this.#call(at, "C_GetSessionInfo", [at.session]);
      if (state !== signedIn) throw new Failure(CKR.USER_NOT_LOGGED_IN);
    });
  }

  async close(): Promise<void> {
    this.#password = undefined;
    const connection = await this.#connection?.catch(() => undefined);
    this.#connection = undefined;
    connection?.client.close();
  }

  /** Makes a key unless it is there; when the answer was lost, what it had made is found. */
  async #make(keyId: Uint8Array, kind: "secret" | "private", make: (at: Connection) => Promise<void>): Promise<HsmKey> {
    let attempts = 0;
    return this.#try(async (at) => {
      const known = await this.#find(at, keyId, kind);
      if (known && attempts++ > 0) return known;
      if (known) throw new HsmError("key-exists", "there is a key with this id");
      attempts++;
      await make(at);
      const made = await this.#find(at, keyId, kind);
      if (!made) throw new HsmError("failed", "the key that was made is not there");
      return made;
    });
  }

  async #find(at: Connection, keyId: Uint8Array, kind: HsmKey["class"] | undefined): Promise<HsmKey | undefined> {
    const wanted = [attribute(CKA.ID, bytes(keyId)), ...(kind ? [number(CKA.CLASS, classes[kind])] : [])];
    for (const handle of await this.#search(at, wanted)) {
      const found = await this.#classOf(at, handle);
      if (found) return this.#describe(at, handle, found);
    }
    return undefined;
  }

  /** `undefined` for what is no key. */
  async #classOf(at: Connection, handle: number): Promise<HsmKey["class"] | undefined> {
    const [objectClass] = await this.#attributes(at, handle, [CKA.CLASS]);
    return (Object.keys(classes) as HsmKey["class"][]).find((name) => classes[name] === objectClass);
  }

  async #describe(at: Connection, handle: number, kind: HsmKey["class"]): Promise<HsmKey> {
    const asked = [CKA.UNIQUE_ID, CKA.LABEL, CKA.ID, CKA.KEY_TYPE, ...(kind === "public" ? [] : [CKA.EXTRACTABLE])];
    const [id, label, keyId, type, extractable] = await this.#attributes(at, handle, asked);
    const key: HsmKey = {
      id: (id as Buffer).toString(),
      label: (label as Buffer).toString(),
      keyId: keyId as Buffer,
      kind: kinds.get(type as number) ?? "GENERIC",
      class: kind,
      extractable: kind === "public" || extractable === 1,
    };
    at.handles.set(key.id, handle);
    return key;
  }

  async #handle(at: Connection, { id }: HsmKeyRef): Promise<number> {
    const known = at.handles.get(id);
    if (known !== undefined) return known;
    const [handle] = await this.#search(at, [attribute(CKA.UNIQUE_ID, Buffer.from(id))]);
    if (handle === undefined) throw new HsmError("key-missing", "the user has no such key");
    at.handles.set(id, handle);
    return handle;
  }

  /** Its three calls go together: on one session, nothing comes between. */
  async #search(at: Connection, template: Attribute[]): Promise<readonly number[]> {
    const [, found] = await all(
      this.#call(at, "C_FindObjectsInit", [at.session, template]),
      this.#call(at, "C_FindObjects", [at.session, { room: 16 }]),
      this.#call(at, "C_FindObjectsFinal", [at.session]),
    );
    return found![0] as readonly number[];
  }

  /** However many there are. In a session of its own, so that searches between its calls are not in its way. */
  async #searchAll(at: Connection): Promise<readonly number[]> {
    const [session] = await this.#call(at, "C_OpenSession", [slot, CKF.SERIAL_SESSION]);
    try {
      return await this.#allIn(at, session as number);
    } finally {
      await this.#call(at, "C_CloseSession", [session!]);
    }
  }

  async #allIn(at: Connection, session: number): Promise<readonly number[]> {
    await this.#call(at, "C_FindObjectsInit", [session, []]);
    const handles: number[] = [];
    for (;;) {
      const [found] = await this.#call(at, "C_FindObjects", [session, { room: foundAtOnce }]);
      const some = found as readonly number[];
      handles.push(...some);
      if (some.length < foundAtOnce) return handles;
    }
  }

  async #attributes(at: Connection, handle: number, types: readonly number[]): Promise<readonly unknown[]> {
    const rooms = types.map((type) => ({ type, room: 8 * 1024 }));
    const [attributes, code] = await this.#call(at, "C_GetAttributeValue", [at.session, handle, rooms]);
    if (code !== CKR.OK) throw new Failure(code as number);
    return (attributes as Attribute[]).map(({ value }) => value);
  }

  /** Begins an operation and does it, in one round trip. */
  async #pair(
    at: Connection,
    init: RpcName,
    mechanism: Mechanism,
    handle: number,
    name: RpcName,
    values: RpcValue[],
  ): Promise<Buffer> {
    const [, result] = await all(
      this.#call(at, init, [at.session, mechanism, handle]),
      this.#call(at, name, [at.session, ...values]),
    );
    const [value] = result!;
    if (!Buffer.isBuffer(value)) throw new Failure(CKR.BUFFER_TOO_SMALL);
    return value;
  }

  async #iv(at: Connection): Promise<Buffer> {
    const ready = at.ivs.pop();
    if (ready) return ready;
    const random = await this.#random(at, ivBytes * ivsAtOnce);
    for (let index = 1; index < ivsAtOnce; index++)
      at.ivs.push(random.subarray(index * ivBytes, (index + 1) * ivBytes));
    return random.subarray(0, ivBytes);
  }

  async #random(at: Connection, count: number): Promise<Buffer> {
    const [random] = await this.#call(at, "C_GenerateRandom", [at.session, { room: count }]);
    return random as Buffer;
  }

  async #call(at: Connection, name: RpcName, values: RpcValue[]): Promise<RpcValue[]> {
    const timer = setTimeout(() => at.client.close(), answerMs);
    try {
      return await at.client.call(name, values);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Does it where an HSM lives. What is tried again has no effect twice. */
  async #try<T>(work: (at: Connection) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(await this.#connected());
      } catch (error) {
        if (error instanceof RpcLost && this.#password !== undefined) {
          this.#connection = undefined;
          if (attempt < mostAttempts) {
            await new Promise((resolve) => setTimeout(resolve, pauseMs * attempt));
            continue;
          }
          throw new HsmError("no-hsm", "no HSM of the cluster answers", error);
        }
        throw hsmError(error);
      }
    }
  }

  #connected(): Promise<Connection> {
    if (this.#refused) return Promise.reject(this.#refused);
    if (this.#password === undefined) return Promise.reject(new HsmError("unavailable", "the session is closed"));
    this.#connection ??= this.#connect(this.#password);
    const connection = this.#connection;
    connection.catch(() => {
      if (this.#connection === connection) this.#connection = undefined;
    });
    return connection;
  }

  async #connect(password: string): Promise<Connection> {
    const socket = connect(this.#path);
    const client = new RpcClient(socket, socket, { end: () => socket.destroy() });
    const at: Connection = { client, session: 0, handles: new Map(), ivs: [] };
    try {
      const timer = setTimeout(() => client.close(), greetingMs);
      await client.initialize().finally(() => clearTimeout(timer));
      const [session] = await this.#call(at, "C_OpenSession", [slot, CKF.SERIAL_SESSION | CKF.RW_SESSION]);
      at.session = session as number;
      await this.#call(at, "C_Login", [at.session, CKU.USER, Buffer.from(`${this.user}:${password}`)]);
      return at;
    } catch (error) {
      client.close();
      if (error instanceof RpcLost) throw error;
      const known = hsmError(error);
      if (known.kind === "login-refused" || known.kind === "user-locked") this.#refused = known;
      throw known;
    }
  }
}

/** The first that failed is why. */
async function all<T>(...calls: Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(calls);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return results.map((result) => (result as PromiseFulfilledResult<T>).value);
}

/** RW user functions. */
const signedIn = 3;
/** DER of DigestInfo up to the digest: RFC 8017, section 9.2, note 1. */
const sha256DigestInfo = Buffer.from("3031300d060960864801650304020105000420", "hex");

const classes: Readonly<Record<HsmKey["class"], number>> = {
  secret: CKO.SECRET_KEY,
  private: CKO.PRIVATE_KEY,
  public: CKO.PUBLIC_KEY,
};

const kinds = new Map<number, HsmKey["kind"]>([
  [CKK.AES, "AES"],
  [CKK.RSA, "RSA"],
  [CKK.EC, "EC"],
]);

const failures = new Map<number, HsmFailure>([
  [CKR.PIN_INCORRECT, "login-refused"],
  [CKR.PIN_INVALID, "login-refused"],
  [CKR.PIN_LEN_RANGE, "login-refused"],
  [CKR.USER_NOT_LOGGED_IN, "login-refused"],
  [CKR.SESSION_HANDLE_INVALID, "login-refused"],
  [CKR.PIN_LOCKED, "user-locked"],
  [CKR.USER_TYPE_INVALID, "forbidden"],
  [CKR.ACTION_PROHIBITED, "forbidden"],
  [CKR.KEY_FUNCTION_NOT_PERMITTED, "forbidden"],
  [CKR.TOKEN_NOT_PRESENT, "not-active"],
  [CKR.SLOT_ID_INVALID, "not-active"],
  [CKR.OBJECT_HANDLE_INVALID, "key-missing"],
  [CKR.KEY_HANDLE_INVALID, "key-missing"],
  [CKR.ENCRYPTED_DATA_INVALID, "invalid-ciphertext"],
  [CKR.ENCRYPTED_DATA_LEN_RANGE, "invalid-ciphertext"],
  [CKR.MECHANISM_INVALID, "unsupported"],
]);

function hsmError(error: unknown): HsmError {
  if (error instanceof HsmError) return error;
  if (error instanceof Failure) return new HsmError(failures.get(error.code) ?? "failed", error.message, error);
  return new HsmError("failed", (error as Error).message, error);
}

function pairOf(kind: HsmPairKind): { mechanism: Mechanism; parameters: Attribute[] } {
  const curve = curves.find((row) => row.curve === kind);
  if (curve)
    return { mechanism: { type: CKM.EC_KEY_PAIR_GEN }, parameters: [attribute(CKA.EC_PARAMS, curve.parameters)] };
  const bits = Number(kind.slice("RSA_".length));
  return { mechanism: { type: CKM.RSA_PKCS_KEY_PAIR_GEN }, parameters: [number(CKA.MODULUS_BITS, bits)] };
}

function storageTemplate(label: string, keyId: Uint8Array): Attribute[] {
  return [flag(CKA.TOKEN, 1), attribute(CKA.LABEL, Buffer.from(label)), attribute(CKA.ID, bytes(keyId))];
}

function keyTemplate(label: string, keyId: Uint8Array): Attribute[] {
  return [...storageTemplate(label, keyId), flag(CKA.PRIVATE, 1), flag(CKA.SENSITIVE, 1)];
}

function gcm(iv: Buffer, aad: Uint8Array): Mechanism {
  return { type: CKM.AES_GCM, parameter: { kind: "gcm", iv, aad: bytes(aad), tagBits: tagBytes * 8 } };
}

function bytes(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

const attribute = (type: number, value: Buffer): Attribute => ({ type, value });
const flag = (type: number, value: 0 | 1): Attribute => ({ type, value });
const number = (type: number, value: number): Attribute => ({ type, value });
