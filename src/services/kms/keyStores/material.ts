/**
 * Where the material of a symmetric key is, and what follows from it: in the key holder; there and, once more around it,
 * in an external key manager; or in the HSMs of a cluster alone.
 */
import type { CallContext } from "#gateway/context.ts";
import type { EncryptionAlgorithm } from "#keys/contract.ts";
import { holding } from "../errors.ts";
import { type KeyDocument, type MaterialVersion, tokenOf } from "../state.ts";
import { type ExternalKeys, opened } from "./externalKeys.ts";
import { type HsmKeys, isInHsm } from "./hsmKeys.ts";

/** One end of a re-encryption. */
interface End {
  key: KeyDocument;
  version: MaterialVersion;
  aad: Uint8Array;
  algorithm: EncryptionAlgorithm;
}

const symmetric = "SYMMETRIC_DEFAULT";

export class Material {
  readonly external: ExternalKeys;
  readonly hsm: HsmKeys;

  constructor(external: ExternalKeys, hsm: HsmKeys) {
    this.external = external;
    this.hsm = hsm;
  }

  /** @throws KMSInvalidStateException when the key is in a store that is not connected */
  async requireConnected(ctx: CallContext, key: KeyDocument): Promise<void> {
    if (isInHsm(key)) await this.hsm.connectedStore(ctx, key);
    else if (key.external) await this.external.requireConnected(ctx, key);
  }

  /** What stands behind the header of a blob. */
  async encrypt(
    ctx: CallContext,
    key: KeyDocument,
    version: MaterialVersion,
    plaintext: Uint8Array,
    aad: Uint8Array,
  ): Promise<Uint8Array> {
    if (isInHsm(key)) return await this.hsm.encrypt(ctx, key, plaintext, aad);
    const sealed = await holding(ctx.keys.encrypt(tokenOf(key, version), plaintext, aad), key.arn);
    return key.external ? await this.external.close(ctx, key, sealed, aad) : sealed;
  }

  async decrypt(
    ctx: CallContext,
    key: KeyDocument,
    version: MaterialVersion,
    sealed: Uint8Array,
    aad: Uint8Array,
  ): Promise<Uint8Array> {
    if (isInHsm(key)) return await this.hsm.decrypt(ctx, key, sealed, aad);
    if (!key.external) return await holding(ctx.keys.decrypt(tokenOf(key, version), sealed, aad), key.arn);
    const inner = await this.external.open(ctx, key, sealed, aad);
    return await opened(key, ctx.keys.decrypt(tokenOf(key, version), inner, aad));
  }

  async dataKey(ctx: CallContext, key: KeyDocument, version: MaterialVersion, bytes: number, aad: Uint8Array) {
    if (isInHsm(key)) {
      const plaintext = await this.hsm.random(ctx, await this.hsm.connectedStore(ctx, key), bytes);
      return { plaintext, ciphertext: await this.hsm.encrypt(ctx, key, plaintext, aad) };
    }
    const made = await holding(ctx.keys.dataKey(tokenOf(key, version), bytes, aad), key.arn);
    if (!key.external) return made;
    return { plaintext: made.plaintext, ciphertext: await this.external.close(ctx, key, made.ciphertext, aad) };
  }

  /** INVARIANT: but for keys in HSMs, the plaintext does not leave the key holder. */
  async wrappedDataKey(ctx: CallContext, key: KeyDocument, version: MaterialVersion, bytes: number, aad: Uint8Array) {
    if (isInHsm(key)) return (await this.dataKey(ctx, key, version, bytes, aad)).ciphertext;
    const sealed = await holding(ctx.keys.wrappedDataKey(tokenOf(key, version), bytes, aad), key.arn);
    return await this.external.close(ctx, key, sealed, aad);
  }

  /** INVARIANT: the plaintext stays in the key holder, unless one of the two keys is in an HSM: those have no other way. */
  async reencrypt(ctx: CallContext, from: End & { sealed: Uint8Array }, to: End): Promise<Uint8Array> {
    if (!isInHsm(from.key) && !isInHsm(to.key)) {
      const ciphertext = await this.external.open(ctx, from.key, from.sealed, from.aad);
      const sealed = await opened(
        from.key,
        ctx.keys.reencrypt(
          { token: tokenOf(from.key, from.version), ciphertext, aad: from.aad, algorithm: from.algorithm },
          { token: tokenOf(to.key, to.version), aad: to.aad, algorithm: to.algorithm },
        ),
      );
      return await this.external.close(ctx, to.key, sealed, to.aad);
    }
    const plaintext = await this.#open(ctx, from);
    try {
      return await this.#close(ctx, to, plaintext);
    } finally {
      plaintext.fill(0);
    }
  }

  async #open(ctx: CallContext, { key, version, sealed, aad, algorithm }: End & { sealed: Uint8Array }) {
    if (algorithm === symmetric) return await this.decrypt(ctx, key, version, sealed, aad);
    return await holding(ctx.keys.decryptOaep(tokenOf(key, version), algorithm, sealed), key.arn);
  }

  async #close(ctx: CallContext, { key, version, aad, algorithm }: End, plaintext: Uint8Array) {
    if (algorithm === symmetric) return await this.encrypt(ctx, key, version, plaintext, aad);
    return await holding(ctx.keys.encryptOaep(tokenOf(key, version), algorithm, plaintext), key.arn);
  }
}
