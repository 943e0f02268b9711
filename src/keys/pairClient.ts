/** The calls about key pairs and imported material, as `client.ts` sends them; `pairOperations.ts` answers. */
import type {
  KeyHolder,
  KeyToken,
  MaterialSpec,
  MessageType,
  OaepAlgorithm,
  SigningAlgorithm,
  WrappingAlgorithm,
  WrappingKey,
} from "./contract.ts";
import { Op } from "./protocol.ts";

type Calls =
  | "dataKeyPair"
  | "sign"
  | "verify"
  | "encryptOaep"
  | "decryptOaep"
  | "agree"
  | "encapsulate"
  | "decapsulate"
  | "newWrappingKey"
  | "importMaterial"
  | "rewrap";

const bytes = (text: string): Buffer => Buffer.from(text, "utf8");

export abstract class PairClient implements Pick<KeyHolder, Calls> {
  /** Sends a call about tokens; `fields` puts the three fields of each in their place. */
  protected abstract withToken(
    op: number,
    tokens: readonly KeyToken[],
    fields: (head: Uint8Array[]) => Uint8Array[],
  ): Promise<Buffer[]>;
  protected abstract call(op: number, fields: readonly Uint8Array[]): Promise<Buffer[]>;
  protected abstract newToken(
    bound: string,
    make: (tombstone: Uint8Array) => Promise<Buffer[]>,
  ): Promise<{ token: KeyToken; more: Buffer[] }>;

  async dataKeyPair(token: KeyToken, spec: MaterialSpec, aad: Uint8Array, withPlaintext: boolean) {
    const [publicKey, ciphertext, plaintext] = await this.withToken(Op.dataKeyPair, [token], (head) => [
      ...head,
      bytes(spec),
      aad,
      bytes(withPlaintext ? "plaintext" : ""),
    ]);
    return { publicKey: publicKey!, ciphertext: ciphertext!, ...(plaintext ? { plaintext } : {}) };
  }

  async sign(token: KeyToken, algorithm: SigningAlgorithm, messageType: MessageType, message: Uint8Array) {
    const words = [bytes(algorithm), bytes(messageType)];
    const [signature] = await this.withToken(Op.sign, [token], (head) => [...head, ...words, message]);
    return signature!;
  }

  async verify(
    token: KeyToken,
    algorithm: SigningAlgorithm,
    messageType: MessageType,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean> {
    const words = [bytes(algorithm), bytes(messageType)];
    const [valid] = await this.withToken(Op.verify, [token], (head) => [...head, ...words, message, signature]);
    return valid![0] === 1;
  }

  async encryptOaep(token: KeyToken, algorithm: OaepAlgorithm, plaintext: Uint8Array): Promise<Uint8Array> {
    const [ciphertext] = await this.withToken(Op.encryptOaep, [token], (head) => [
      ...head,
      bytes(algorithm),
      plaintext,
    ]);
    return ciphertext!;
  }

  async decryptOaep(token: KeyToken, algorithm: OaepAlgorithm, ciphertext: Uint8Array): Promise<Uint8Array> {
    const [plaintext] = await this.withToken(Op.decryptOaep, [token], (head) => [
      ...head,
      bytes(algorithm),
      ciphertext,
    ]);
    return plaintext!;
  }

  async agree(token: KeyToken, peer: Uint8Array): Promise<Uint8Array> {
    const [secret] = await this.withToken(Op.agree, [token], (head) => [...head, peer]);
    return secret!;
  }

  async encapsulate(token: KeyToken) {
    const [ciphertext, secret] = await this.withToken(Op.encapsulate, [token], (head) => head);
    return { ciphertext: ciphertext!, secret: secret! };
  }

  async decapsulate(token: KeyToken, ciphertext: Uint8Array): Promise<Uint8Array> {
    const [secret] = await this.withToken(Op.decapsulate, [token], (head) => [...head, ciphertext]);
    return secret!;
  }

  async newWrappingKey(spec: "RSA_2048" | "RSA_3072" | "RSA_4096", bound: string) {
    const [wrapped, publicKey] = await this.call(Op.newWrappingKey, [bytes(spec), bytes(bound)]);
    return { key: { wrapped: wrapped!, bound }, publicKey: publicKey! };
  }

  async importMaterial(
    spec: MaterialSpec,
    bound: string,
    wrapping: { key: WrappingKey; algorithm: WrappingAlgorithm },
    encrypted: Uint8Array,
    fingerprintKey: KeyToken,
  ): Promise<{ token: KeyToken; publicKey?: Uint8Array; fingerprint: Uint8Array }> {
    const { token, more } = await this.newToken(bound, (tombstone) =>
      this.withToken(Op.importMaterial, [fingerprintKey], (head) => [
        bytes(spec),
        bytes(bound),
        tombstone,
        wrapping.key.wrapped,
        bytes(wrapping.key.bound),
        bytes(wrapping.algorithm),
        encrypted,
        ...head,
      ]),
    );
    const [publicKey, fingerprint] = more;
    return { token, fingerprint: fingerprint!, ...(publicKey!.length > 0 ? { publicKey: publicKey! } : {}) };
  }

  async rewrap(from: KeyToken, bound: string): Promise<KeyToken> {
    const { token } = await this.newToken(bound, (tombstone) =>
      this.withToken(Op.rewrap, [from], (head) => [...head, bytes(bound), tombstone]),
    );
    return token;
  }
}
