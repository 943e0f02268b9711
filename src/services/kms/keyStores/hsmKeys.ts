/**
 * Keys in CloudHSM key stores: AES-256, born in the cluster and used there, directly: what KMS encrypts under one was
 * never encrypted by the key holder. Behind the header of a blob stands what an HSM made:
 *
 *     1, IV (12), tag (16), ciphertext        AES-256-GCM; additional data: header and encryption context
 *
 * INVARIANT: no key of a store that is not CONNECTED is used: the store is read with every use.
 */
import { createHash } from "node:crypto";
import type { CallContext, JobContext } from "#gateway/context.ts";
import type { HsmKeyRef, HsmSession } from "#hsm/contract.ts";
import { HsmError } from "#hsm/contract.ts";
import { Sealed } from "#keys/contract.ts";
import { invalidCiphertext, invalidState } from "../errors.ts";
import type { KeyDocument } from "../state.ts";
import { isOfSession, noStoreHere, notConnectedToHsm, onHsmUse } from "./hsmFailures.ts";
import { HsmSessions, type KeyStorePlane, kmsUser } from "./hsmSessions.ts";
import { type HsmStoreDocument, isHsmStore, type KeyStoreDocument, storeOf, storeTypes } from "./state.ts";

const mark = 1;
const ivBytes = 12;
const tagBytes = 16;
const headBytes = 1 + ivBytes + tagBytes;

export interface HsmKeyDocument extends KeyDocument {
  hsm: NonNullable<KeyDocument["hsm"]>;
}

export function isInHsm(key: KeyDocument): key is HsmKeyDocument {
  return key.hsm !== undefined;
}

export class HsmKeys {
  readonly plane: KeyStorePlane | undefined;
  readonly sessions: HsmSessions | undefined;
  /** Objects by store and CKA_ID: they do not change while they are there. */
  readonly #found = new Map<string, HsmKeyRef>();

  /** @param plane absent where no HSM is served: then there is no such store either */
  constructor(plane: KeyStorePlane | undefined) {
    this.plane = plane;
    this.sessions = plane && new HsmSessions(plane);
  }

  /** @throws KMSInvalidStateException when the key's store is not connected */
  async connectedStore(ctx: CallContext, key: HsmKeyDocument): Promise<HsmStoreDocument> {
    const store = await storeOf(ctx, key, key.hsm.storeId);
    if (!isHsmStore(store) || store.connection.state !== "CONNECTED") throw invalidState(notConnectedToHsm);
    return store;
  }

  /** @throws KMSInvalidStateException */
  async encrypt(ctx: CallContext, key: HsmKeyDocument, plaintext: Uint8Array, aad: Uint8Array): Promise<Buffer> {
    const made = await this.#withKey(ctx, key, (session, ref) => session.encrypt(ref, plaintext, digest(aad)));
    return Buffer.concat([Buffer.of(mark), made.iv, made.tag, made.ciphertext]);
  }

  /** @throws KMSInvalidStateException, InvalidCiphertextException */
  async decrypt(ctx: CallContext, key: HsmKeyDocument, sealed: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    if (sealed[0] !== mark || sealed.length <= headBytes) throw invalidCiphertext();
    const parts = {
      iv: sealed.subarray(1, 1 + ivBytes),
      tag: sealed.subarray(1 + ivBytes, headBytes),
      ciphertext: sealed.subarray(headBytes),
    };
    return await this.#withKey(ctx, key, (session, ref) => session.decrypt(ref, parts, digest(aad)));
  }

  /** From the generator of an HSM. @throws KMSInvalidStateException */
  async random(ctx: CallContext, store: HsmStoreDocument, count: number): Promise<Uint8Array> {
    return await this.#retrying(ctx, store, ctx.account, (session) => session.random(count));
  }

  /** A new key under a CKA_ID that is new; a repeated call finds the one that was made. @throws HsmError */
  async generate(ctx: CallContext, store: HsmStoreDocument, label: string, ckaId: Buffer): Promise<void> {
    await this.#retrying(ctx, store, ctx.account, async (session) => {
      try {
        await session.generateAesKey({ label, keyId: ckaId });
      } catch (error) {
        if (!(error instanceof HsmError) || error.kind !== "key-exists") throw error;
      }
    });
  }

  /**
   * Destroys the material of a key whose time has come. "AWS KMS makes a best effort to delete the key material from the
   * associated cluster. However, you might need to manually delete the orphaned key material": of a store that is not
   * connected it stays. Rejects while the cluster does not answer. Source: KMS Developer Guide, "Deleting keys".
   */
  async destroy(ctx: JobContext, key: HsmKeyDocument): Promise<void> {
    const at = { account: key.account, region: key.region, service: "kms", type: storeTypes.keyStore };
    const read = async () => (await ctx.store.get<KeyStoreDocument>({ ...at, id: key.hsm.storeId }))?.value;
    const store = await read();
    if (!this.sessions || !store || !isHsmStore(store) || store.connection.state !== "CONNECTED") {
      ctx.log.warn({ key: key.arn, ckaId: key.hsm.ckaId }, "key material stays in a cluster that is not connected");
      return;
    }
    try {
      const session = await this.sessions.get(store, ctx.keys, (attempt) => isConnected(read, attempt));
      const found = await session.find(Buffer.from(key.hsm.ckaId, "hex"), "secret");
      if (found) await session.destroy(found);
    } catch (error) {
      if (isOfSession(error)) this.sessions.end(store.id);
      if (error instanceof HsmError && (error.kind === "key-missing" || error.kind === "no-such-cluster")) return;
      throw error;
    }
  }

  async #withKey<T>(
    ctx: CallContext,
    key: HsmKeyDocument,
    use: (session: HsmSession, ref: HsmKeyRef) => Promise<T>,
  ): Promise<T> {
    const store = await this.connectedStore(ctx, key);
    const name = `${store.id}/${key.hsm.ckaId}`;
    return await this.#retrying(ctx, store, key.account, async (session) => {
      const known = this.#found.get(name);
      try {
        return await use(session, known ?? (await this.#find(session, name, key)));
      } catch (error) {
        if (!known || !(error instanceof HsmError) || error.kind !== "key-missing") throw error;
        // A cluster that was made of a backup may know it by another name.
        this.#found.delete(name);
        return await use(session, await this.#find(session, name, key));
      }
    });
  }

  /** @throws HsmError key-missing */
  async #find(session: HsmSession, name: string, { hsm: { ckaId } }: HsmKeyDocument): Promise<HsmKeyRef> {
    const ref = await session.find(Buffer.from(ckaId, "hex"), "secret");
    if (!ref) throw new HsmError("key-missing", `${kmsUser} has no key ${ckaId}`);
    this.#remember(name, ref);
    return ref;
  }

  #remember(name: string, ref: HsmKeyRef): void {
    const [oldest] = this.#found.keys();
    if (this.#found.size >= mostFound && oldest !== undefined) this.#found.delete(oldest);
    this.#found.set(name, ref);
  }

  /** Once more with a new session where the one at hand was at fault. @throws KMSInvalidStateException */
  async #retrying<T>(
    ctx: CallContext,
    store: HsmStoreDocument,
    account: string,
    work: (session: HsmSession) => Promise<T>,
  ): Promise<T> {
    const { sessions } = this;
    if (!sessions) throw noStoreHere();
    // INVARIANT: sealed is sealed, for keys as well that the key holder has never seen.
    if ((await ctx.keys.state()).sealed) throw new Sealed();
    const { state } = ctx;
    const read = async () => (await state.get<KeyStoreDocument>(storeTypes.keyStore, store.id, { account }))?.value;
    const still = (attempt: string) => isConnected(read, attempt);
    try {
      for (let attempt = 1; ; attempt++) {
        const session = await sessions.get(store, ctx.keys, still);
        try {
          return await work(session);
        } catch (error) {
          if (!isOfSession(error)) throw error;
          sessions.end(store.id, session);
          if (attempt === 2) throw error;
        }
      }
    } catch (error) {
      throw onHsmUse(error);
    }
  }
}

const mostFound = 10_000;

async function isConnected(read: () => Promise<KeyStoreDocument | undefined>, attempt: string): Promise<boolean> {
  const connection = (await read())?.connection;
  return connection?.state === "CONNECTED" && (connection.attempt ?? "") === attempt;
}

/** Encryption contexts have any length; the additional data of an HSM's mechanism has not. */
function digest(aad: Uint8Array): Buffer {
  return createHash("sha256").update(aad).digest();
}
