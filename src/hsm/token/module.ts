/**
 * The backend that leaves keys to a PKCS #11 module. The module runs in p11-kit's remoting server, a process of its own,
 * and is spoken to by the protocol that applications speak to us. Nothing native is loaded here.
 *
 * Keys are made in the module, sensitive and not extractable unless an application asks otherwise; an object's name in it
 * is random. Its PIN is in boxes that users open; while none is signed in, the module is not logged in.
 */
import { spawn } from "node:child_process";
import { createHash, createPrivateKey, randomBytes, timingSafeEqual } from "node:crypto";
import type { Attribute } from "../rpc/attributes.ts";
import { RpcClient } from "../rpc/client.ts";
import type { Mechanism } from "../rpc/mechanisms.ts";
import type { RpcName } from "../rpc/calls.ts";
import type { RpcValue } from "../rpc/messages.ts";
import type { TokenEvent } from "../process/messages.ts";
import type { KeyBackend, KeyOptions, KeyReference, PairSpec } from "./backend.ts";
import { CKA, CKF, CKK, CKM, CKO, CKR, CKU, Failure } from "./constants.ts";
import { curveRow } from "./curves.ts";
import { Ghash } from "./ghash.ts";
import { mechanismRow } from "./mechanisms.ts";
import { hashOf, parameterOf } from "./parameters.ts";
import { spkiOf } from "./publicKeys.ts";

export interface ModuleOptions {
  /** p11-kit. */
  program: string;
  module: string;
  /** Label of the token. */
  label: string;
  /** The token is ours to make, in a folder of this HSM's; otherwise it is there and its PIN is the operator's. */
  makesToken: boolean;
  variables: Readonly<Record<string, string>>;
}

/** Through p11-kit 0.24, which does not carry the parameters of others; GCM is put together from ECB. */
const offered: ReadonlySet<number> = new Set([
  CKM.AES_KEY_GEN,
  CKM.AES_ECB,
  CKM.AES_CBC,
  CKM.AES_CBC_PAD,
  CKM.AES_GCM,
  CKM.AES_CMAC,
  CKM.GENERIC_SECRET_KEY_GEN,
  CKM.SHA256_HMAC,
  CKM.SHA384_HMAC,
  CKM.SHA512_HMAC,
  CKM.RSA_PKCS_KEY_PAIR_GEN,
  CKM.RSA_PKCS,
  CKM.RSA_PKCS_OAEP,
  CKM.RSA_PKCS_PSS,
  CKM.SHA256_RSA_PKCS,
  CKM.SHA384_RSA_PKCS,
  CKM.SHA512_RSA_PKCS,
  CKM.SHA256_RSA_PKCS_PSS,
  CKM.SHA384_RSA_PKCS_PSS,
  CKM.SHA512_RSA_PKCS_PSS,
  CKM.EC_KEY_PAIR_GEN,
  CKM.ECDSA,
  CKM.ECDSA_SHA256,
  CKM.ECDSA_SHA384,
  CKM.ECDSA_SHA512,
]);

/** SoftHSM says the second of a key whose file is gone. */
const unknownHandle: ReadonlySet<number> = new Set([CKR.KEY_HANDLE_INVALID, CKR.OBJECT_HANDLE_INVALID]);

const block = 16;
const longestCall = 64 * 1024;
/** A module that has not answered its first call by then is ended. */
const answerMs = 60_000;

export class ModuleBackend implements KeyBackend {
  readonly kind = "pkcs11";
  readonly #options: ModuleOptions;
  readonly #onLost: () => void;
  #open: Promise<OpenModule> | undefined;
  /** Handles in the module by an object's name. */
  readonly #handles = new Map<string, number>();
  readonly #look: (event: TokenEvent) => Promise<string | undefined>;
  /** What writes to the token's folder, one after the other: so that it is known whose a new file is. */
  #writing: Promise<unknown> = Promise.resolve();

  /**
   * @param onLost the module's process ended by itself: nothing of what was open in it is there any more
   * @param look has the keeper of the token's folder look at it, where the token is ours. Gives the file of a key that was made
   */
  constructor(
    options: ModuleOptions,
    onLost: () => void,
    look: (event: TokenEvent) => Promise<string | undefined> = async () => undefined,
  ) {
    this.#options = options;
    this.#onLost = onLost;
    this.#look = look;
  }

  offers(mechanism: number): boolean {
    return offered.has(mechanism);
  }

  /** Makes the token of a new cluster; gives its PIN, which nobody else knows. */
  async prepare(): Promise<Buffer> {
    const { label, makesToken } = this.#options;
    if (!makesToken) throw new Failure(CKR.PIN_INVALID, "the token is the operator's");
    const { client: module } = this.#start();
    try {
      await module.initialize();
      const [slots] = (await module.call("C_GetSlotList", [1, { room: 64 }])) as [number[]];
      const officerPin = randomBytes(16).toString("hex");
      await module.call("C_InitToken", [slots.at(-1)!, Buffer.from(officerPin), label.padEnd(32)]);
      const slot = await findToken(module, label);
      const [session] = await module.call("C_OpenSession", [slot, CKF.SERIAL_SESSION | CKF.RW_SESSION]);
      await module.call("C_Login", [session!, CKU.SO, Buffer.from(officerPin)]);
      const pin = Buffer.from(randomBytes(16).toString("hex"));
      await module.call("C_InitPIN", [session!, pin]);
      return pin;
    } finally {
      module.close();
    }
  }

  /** Logs in to the module. Nothing but this needs its PIN. */
  async unlock(pin: Buffer): Promise<void> {
    if (this.#open) {
      const isUp = await this.#open.then(({ client }) => !client.isLost).catch(() => false);
      if (isUp) return;
    }
    this.#handles.clear();
    const opening = this.#logIn(Buffer.from(pin));
    this.#open = opening;
    try {
      await opening;
    } catch (error) {
      if (this.#open === opening) this.#open = undefined;
      throw error;
    }
  }

  /** Nobody is signed in any more: neither is the module. */
  lock(): void {
    void this.#open?.then(({ client }) => client.close()).catch(() => {});
    this.#open = undefined;
    this.#handles.clear();
  }

  async generateSecret(type: "AES" | "GENERIC", bytes: number, options: KeyOptions): Promise<KeyReference> {
    const mechanism = { type: type === "AES" ? CKM.AES_KEY_GEN : CKM.GENERIC_SECRET_KEY_GEN };
    const name = newName();
    const template = [...secretTemplate(type, name, options), number(CKA.VALUE_LEN, bytes)];
    const [, file] = await this.#making(options, () => this.#call("C_GenerateKey", [mechanism, template]));
    return { class: "secret", type, reference: name, ...file };
  }

  async generatePair(spec: PairSpec, options: KeyOptions): Promise<{ key: KeyReference; spki: Buffer }> {
    const name = newName();
    const isRsa = spec.type === "RSA";
    const mechanism = { type: isRsa ? CKM.RSA_PKCS_KEY_PAIR_GEN : CKM.EC_KEY_PAIR_GEN };
    const parameters = isRsa
      ? [number(CKA.MODULUS_BITS, spec.bits), value(CKA.PUBLIC_EXPONENT, spec.exponent)]
      : [value(CKA.EC_PARAMS, curveRow(spec.curve).parameters)];
    const publicTemplate = [flag(CKA.TOKEN, 0), flag(CKA.VERIFY, 1), ...parameters];
    const template = privateTemplate(name, options);
    const [[handle], file] = await this.#making(options, () =>
      this.#call("C_GenerateKeyPair", [mechanism, publicTemplate, template]),
    );
    const types = isRsa ? [CKA.MODULUS, CKA.PUBLIC_EXPONENT] : [CKA.EC_POINT];
    const parts = await this.#attributes(handle as number, types);
    await this.#call("C_DestroyObject", [handle!]);
    return { key: { class: "private", type: spec.type, reference: name, ...file }, spki: spkiOf(spec, parts) };
  }

  async importSecret(type: "AES" | "GENERIC", secret: Buffer, options: KeyOptions): Promise<KeyReference> {
    const name = newName();
    const template = [
      number(CKA.CLASS, CKO.SECRET_KEY),
      ...secretTemplate(type, name, options),
      value(CKA.VALUE, secret),
    ];
    const [, file] = await this.#making(options, () => this.#call("C_CreateObject", [template]));
    return { class: "secret", type, reference: name, ...file };
  }

  async importPrivate(type: "RSA" | "EC", pkcs8: Buffer, options: KeyOptions): Promise<KeyReference> {
    const name = newName();
    const parts = privateParts(type, pkcs8);
    const template = [
      number(CKA.CLASS, CKO.PRIVATE_KEY),
      number(CKA.KEY_TYPE, type === "RSA" ? CKK.RSA : CKK.EC),
      ...privateTemplate(name, options),
      ...parts,
    ];
    const [, file] = await this.#making(options, () => this.#call("C_CreateObject", [template]));
    for (const part of parts) (part.value as Buffer).fill(0);
    return { class: "private", type, reference: name, ...file };
  }

  async encrypt(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    if (mechanism.type !== CKM.AES_GCM) return this.#cipher("Encrypt", key, mechanism, data);
    const { iv, aad, tagBits } = gcmOf(mechanism);
    const { stream, tagMask, subkey } = await this.#counter(key, iv, data.length);
    const body = xor(data, stream);
    return Buffer.concat([body, tagOf(subkey, tagMask, aad, body).subarray(0, tagBits / 8)]);
  }

  async decrypt(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    if (mechanism.type === CKM.RSA_PKCS_OAEP && hashOf(parameterOf(mechanism, "oaep")).hash !== "sha1") {
      throw new Failure(CKR.MECHANISM_PARAM_INVALID, "the module has OAEP with SHA-1 only");
    }
    if (mechanism.type !== CKM.AES_GCM) return this.#cipher("Decrypt", key, mechanism, data);
    const { iv, aad, tagBits } = gcmOf(mechanism);
    const at = data.length - tagBits / 8;
    if (at < 0) throw new Failure(CKR.ENCRYPTED_DATA_LEN_RANGE);
    const { stream, tagMask, subkey } = await this.#counter(key, iv, at);
    const body = data.subarray(0, at);
    const expected = tagOf(subkey, tagMask, aad, body).subarray(0, tagBits / 8);
    // INVARIANT: nothing is decrypted that is not what was encrypted.
    if (!timingSafeEqual(expected, data.subarray(at))) throw new Failure(CKR.ENCRYPTED_DATA_INVALID);
    return xor(body, stream);
  }

  async sign(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    const hash = mechanismRow(mechanism.type)?.hash;
    if (key.class === "secret" || hash === undefined) return this.#sign(key, mechanism, data);
    const digest = createHash(hash).update(data).digest();
    if (key.type === "EC") return this.#sign(key, { type: CKM.ECDSA }, digest);
    const { parameter } = mechanism;
    if (parameter?.kind === "pss") return this.#sign(key, { type: CKM.RSA_PKCS_PSS, parameter }, digest);
    return this.#sign(key, { type: CKM.RSA_PKCS }, Buffer.concat([digestInfo[hash]!, digest]));
  }

  async agree(): Promise<Buffer> {
    throw new Failure(CKR.MECHANISM_INVALID);
  }

  async export(key: KeyReference): Promise<Buffer> {
    if (key.class !== "secret") throw new Failure(CKR.KEY_UNEXTRACTABLE);
    const [secret] = await this.#attributes(await this.#handle(key), [CKA.VALUE]);
    return secret!;
  }

  async destroy(key: KeyReference, isToken: boolean): Promise<void> {
    const handle = await this.#handle(key);
    this.#handles.delete(key.reference.toString("hex"));
    if (!isToken || !this.#options.makesToken) return void (await this.#call("C_DestroyObject", [handle]));
    await this.#alone(async () => {
      // So that what is gone afterwards was not gone before.
      await this.#look("missing");
      await this.#call("C_DestroyObject", [handle]);
      await this.#look("destroyed");
    });
  }

  /** Makes a key; its file, where it has one, is known before anything else is made. */
  #making(
    { token }: KeyOptions,
    make: () => Promise<RpcValue[]>,
  ): Promise<[answer: RpcValue[], file: Pick<KeyReference, "file">]> {
    if (!token || !this.#options.makesToken) return make().then((answer) => [answer, {}]);
    return this.#alone(async () => {
      const opened = await this.#opened();
      const answer = await make().catch(async (error: unknown) => {
        // What a process wrote that is being ended is there when it has.
        if (opened.client.isLost) await opened.ended;
        await this.#look("failed");
        throw error;
      });
      const file = await this.#look("made");
      return [answer, file === undefined ? {} : { file }];
    });
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(work);
    this.#writing = result.catch(() => {});
    return result;
  }

  /** Blocks of the counter, encrypted in one call: the first two for the tag, the rest for the data. */
  async #counter(
    key: KeyReference,
    iv: Buffer,
    length: number,
  ): Promise<{ subkey: Buffer; tagMask: Buffer; stream: Buffer }> {
    const count = Math.ceil(length / block);
    const blocks = Buffer.alloc((count + 2) * block);
    for (let index = 0; index <= count; index++) {
      iv.copy(blocks, (index + 1) * block);
      blocks.writeUInt32BE(index + 1, (index + 1) * block + 12);
    }
    const encrypted = await this.#cipher("Encrypt", key, { type: CKM.AES_ECB }, blocks);
    return {
      subkey: encrypted.subarray(0, block),
      tagMask: encrypted.subarray(block, 2 * block),
      stream: encrypted.subarray(2 * block),
    };
  }

  async #cipher(name: "Encrypt" | "Decrypt", key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    if (data.length > longestCall && mechanism.type === CKM.AES_ECB) return this.#inPieces(name, key, mechanism, data);
    const values: RpcValue[] = [data, { room: data.length + 1024 }];
    const bad = name === "Encrypt" ? CKR.DATA_LEN_RANGE : CKR.ENCRYPTED_DATA_INVALID;
    return this.#with(key, (handle) => this.#pair(`C_${name}Init`, [mechanism, handle], `C_${name}`, values, bad));
  }

  async #inPieces(name: "Encrypt" | "Decrypt", key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let at = 0; at < data.length; at += longestCall) {
      pieces.push(await this.#cipher(name, key, mechanism, data.subarray(at, at + longestCall)));
    }
    return Buffer.concat(pieces);
  }

  async #sign(key: KeyReference, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    return this.#with(key, (handle) =>
      this.#pair("C_SignInit", [mechanism, handle], "C_Sign", [data, { room: 1024 }], CKR.DATA_LEN_RANGE),
    );
  }

  /** A module that does not know a handle any more is asked for the key anew. */
  async #with<T>(key: KeyReference, use: (handle: number) => Promise<T>): Promise<T> {
    try {
      return await use(await this.#handle(key));
    } catch (error) {
      const isUnknown = error instanceof Failure && unknownHandle.has(error.code);
      if (!isUnknown || !this.#handles.delete(key.reference.toString("hex"))) throw error;
      return use(await this.#handle(key));
    }
  }

  async #handle(key: KeyReference): Promise<number> {
    const name = key.reference.toString("hex");
    const known = this.#handles.get(name);
    if (known !== undefined) return known;
    let handle = await this.#find(key);
    if (handle === undefined && this.#options.makesToken) {
      // The module may not have noticed a file that another HSM's key is in.
      await this.#alone(() => this.#look("missing"));
      handle = await this.#find(key);
    }
    if (handle === undefined) throw new Failure(CKR.KEY_HANDLE_INVALID, "the module does not have the key");
    this.#handles.set(name, handle);
    return handle;
  }

  async #find({ reference, class: kind }: KeyReference): Promise<number | undefined> {
    const { client, session } = await this.#opened();
    const template = [
      value(CKA.ID, reference),
      number(CKA.CLASS, kind === "secret" ? CKO.SECRET_KEY : CKO.PRIVATE_KEY),
    ];
    const [, found] = await Promise.all([
      client.call("C_FindObjectsInit", [session, template]),
      client.call("C_FindObjects", [session, { room: 2 }]),
      client.call("C_FindObjectsFinal", [session]),
    ]);
    return (found![0] as number[])[0];
  }

  /** An operation's two calls go together. A module says of bad data all sorts of things; `bad` is what it is. */
  async #pair(init: RpcName, initial: RpcValue[], name: RpcName, values: RpcValue[], bad: number): Promise<Buffer> {
    const { client, session } = await this.#opened();
    const [begun, done] = await Promise.allSettled([
      client.call(init, [session, ...initial]),
      client.call(name, [session, ...values]),
    ]);
    if (begun.status === "rejected") throw begun.reason;
    if (done.status === "rejected")
      throw done.reason instanceof Failure ? new Failure(bad, done.reason.message) : done.reason;
    const [result] = done.value;
    if (!Buffer.isBuffer(result)) throw new Failure(CKR.BUFFER_TOO_SMALL);
    return result;
  }

  async #attributes(handle: number, types: readonly number[]): Promise<Buffer[]> {
    const [attributes, code] = await this.#call("C_GetAttributeValue", [
      handle,
      types.map((type) => ({ type, room: 4096 })),
    ]);
    if (code !== CKR.OK) throw new Failure(code as number);
    return (attributes as Attribute[]).map((each) => each.value as Buffer);
  }

  async #call(name: RpcName, values: RpcValue[]): Promise<RpcValue[]> {
    const { client, session } = await this.#opened();
    return client.call(name, [session, ...values]);
  }

  #opened(): Promise<OpenModule> {
    if (!this.#open) throw new Failure(CKR.USER_NOT_LOGGED_IN, "the module is not logged in");
    return this.#open;
  }

  async #logIn(pin: Buffer): Promise<OpenModule> {
    let isOpen = false;
    const { client, ended } = this.#start(() => isOpen && this.#onLost());
    try {
      await client.initialize();
      const slot = await findToken(client, this.#options.label);
      const [session] = await client.call("C_OpenSession", [slot, CKF.SERIAL_SESSION | CKF.RW_SESSION]);
      await client.call("C_Login", [session!, CKU.USER, pin]);
      isOpen = true;
      return { client, ended, session: session as number };
    } catch (error) {
      client.close();
      throw error;
    } finally {
      pin.fill(0);
    }
  }

  #start(lost: () => void = () => {}): Pick<OpenModule, "client" | "ended"> {
    const { program, module, variables } = this.#options;
    const child = spawn(program, ["remote", module], {
      env: { ...variables },
      cwd: "/",
      stdio: ["pipe", "pipe", "ignore"],
    });
    const ended = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), answerMs);
    const end = (): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
    };
    const client = new RpcClient(child.stdout, child.stdin, { end, lost });
    // It has answered once: from then on it may take its time.
    const initialize = client.initialize.bind(client);
    client.initialize = async () => {
      const answer = await initialize();
      clearTimeout(timer);
      return answer;
    };
    return { client, ended };
  }
}

interface OpenModule {
  client: RpcClient;
  /** Its process is gone. */
  ended: Promise<void>;
  session: number;
}

async function findToken(client: RpcClient, label: string): Promise<number> {
  const [slots] = (await client.call("C_GetSlotList", [1, { room: 64 }])) as [number[]];
  for (const slot of slots) {
    const [found] = await client.call("C_GetTokenInfo", [slot]);
    if ((found as string).trimEnd() === label) return slot;
  }
  throw new Failure(CKR.TOKEN_NOT_PRESENT, `the module has no token ${label}`);
}

const newName = (): Buffer => randomBytes(16);

const flag = (type: number, set: 0 | 1): Attribute => ({ type, value: set });
const number = (type: number, given: number): Attribute => ({ type, value: given });
const value = (type: number, given: Buffer): Attribute => ({ type, value: given });

function guarded(name: Buffer, { token, extractable }: KeyOptions): Attribute[] {
  return [
    flag(CKA.TOKEN, token ? 1 : 0),
    flag(CKA.PRIVATE, 1),
    value(CKA.ID, name),
    value(CKA.LABEL, Buffer.from("jikimi")),
    flag(CKA.SENSITIVE, extractable ? 0 : 1),
    flag(CKA.EXTRACTABLE, extractable ? 1 : 0),
  ];
}

function secretTemplate(type: "AES" | "GENERIC", name: Buffer, options: KeyOptions): Attribute[] {
  const uses = type === "AES" ? [CKA.ENCRYPT, CKA.DECRYPT, CKA.SIGN, CKA.VERIFY] : [CKA.SIGN, CKA.VERIFY];
  const keyType = number(CKA.KEY_TYPE, type === "AES" ? CKK.AES : CKK.GENERIC_SECRET);
  return [keyType, ...guarded(name, options), ...uses.map((use) => flag(use, 1))];
}

/** A private key stays in the module, always: p11-kit 0.24 has no wrapping that would let it out in one piece. */
function privateTemplate(name: Buffer, options: KeyOptions): Attribute[] {
  if (options.extractable) throw new Failure(CKR.TEMPLATE_INCONSISTENT, "private keys of a module are not extractable");
  return [...guarded(name, options), flag(CKA.SIGN, 1), flag(CKA.DECRYPT, 1)];
}

function privateParts(type: "RSA" | "EC", pkcs8: Buffer): Attribute[] {
  const jwk = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }).export({ format: "jwk" });
  const part = (attribute: number, text: string | undefined): Attribute =>
    value(attribute, Buffer.from(text!, "base64url"));
  if (type === "EC") {
    const row = curveRow(jwk.crv as Parameters<typeof curveRow>[0]);
    return [value(CKA.EC_PARAMS, Buffer.from(row.parameters)), part(CKA.VALUE, jwk.d)];
  }
  return [
    part(CKA.MODULUS, jwk.n),
    part(CKA.PUBLIC_EXPONENT, jwk.e),
    part(CKA.PRIVATE_EXPONENT, jwk.d),
    part(CKA.PRIME_1, jwk.p),
    part(CKA.PRIME_2, jwk.q),
    part(CKA.EXPONENT_1, jwk.dp),
    part(CKA.EXPONENT_2, jwk.dq),
    part(CKA.COEFFICIENT, jwk.qi),
  ];
}

function gcmOf(mechanism: Mechanism): { iv: Buffer; aad: Buffer; tagBits: number } {
  const parameter = parameterOf(mechanism, "gcm");
  if (parameter.iv.length !== 12) throw new Failure(CKR.MECHANISM_PARAM_INVALID, "an IV of 12 bytes");
  return parameter;
}

function tagOf(subkey: Buffer, mask: Buffer, aad: Buffer, body: Buffer): Buffer {
  const lengths = Buffer.alloc(block);
  lengths.writeBigUInt64BE(BigInt(aad.length) * 8n, 0);
  lengths.writeBigUInt64BE(BigInt(body.length) * 8n, 8);
  return xor(new Ghash(subkey).update(aad).update(body).update(lengths).digest(), mask);
}

function xor(data: Buffer, stream: Buffer): Buffer {
  const out = Buffer.allocUnsafe(data.length);
  for (let i = 0; i < data.length; i++) out[i] = data[i]! ^ stream[i]!;
  return out;
}

/** DER of DigestInfo up to the digest: RFC 8017, section 9.2, note 1. */
const digestInfo: Readonly<Record<string, Buffer>> = {
  sha256: Buffer.from("3031300d060960864801650304020105000420", "hex"),
  sha384: Buffer.from("3041300d060960864801650304020205000430", "hex"),
  sha512: Buffer.from("3051300d060960864801650304020305000440", "hex"),
};
