/**
 * The keys that documents and events are sealed under. Each process makes one a day, protected by the key holder, and writes
 * it down before anything is sealed with it. What a process knows it forgets after a minute and asks for again, so that
 * sealing the installation closes what is sealed under them.
 */
import { createSecretKey, type KeyObject } from "node:crypto";
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { globalRegion, type DocumentKey, type Operation, type Store } from "#store/contract.ts";
import type { SealingKey, SealingKeys } from "#store/sealing.ts";

const purpose = "document-key";
const knownMs = 60_000;
const dayMs = 86_400_000;
/** Values that are sealed under one key at most; a counter far below the nonce's length. */
const mostSealed = 2 ** 32;

interface KeyDocument {
  /** Base64. */
  wrapped: string;
}

interface Known {
  key: KeyObject;
  until: number;
}

interface Own {
  id: string;
  madeAt: number;
  sealed: number;
}

export interface DocumentKeysParts {
  /** As it is: keys are not sealed under themselves. */
  store: Pick<Store, "get" | "commit">;
  keys: Pick<KeyHolder, "protect" | "reveal">;
  clock: Clock;
  random: Random;
}

export class DocumentKeys implements SealingKeys {
  readonly #parts: DocumentKeysParts;
  readonly #known = new Map<string, Known>();
  readonly #revealing = new Map<string, Promise<KeyObject>>();
  #own: Own | undefined;
  #making: Promise<SealingKey> | undefined;

  constructor(parts: DocumentKeysParts) {
    this.#parts = parts;
  }

  current(): SealingKey | Promise<SealingKey> {
    const own = this.#own;
    if (own && own.sealed < mostSealed && this.#parts.clock.now() - own.madeAt < dayMs) {
      const known = this.#at(own.id);
      if (known) return sealingKey(own, known);
      return this.#reveal(own.id).then((key) => sealingKey(own, key));
    }
    return (this.#making ??= this.#make().finally(() => (this.#making = undefined)));
  }

  /**
   * What puts the keys of the other processes into a store that takes this one's place: they go on with them, and do not
   * know that it is another.
   */
  async ofOthers(store: Pick<Store, "list">): Promise<Operation[]> {
    const { service, type } = documentOf("");
    const puts: Operation[] = [];
    for (let after: string | undefined; ;) {
      const page = await store.list({ service, type, limit: 1_000, ...(after === undefined ? {} : { after }) });
      for (const { key, value } of page.items)
        if (key.id !== this.#own?.id) puts.push({ op: "put", key, value, ifVersion: 0 });
      if (page.next === undefined) return puts;
      after = page.next;
    }
  }

  byId(id: string): KeyObject | Promise<KeyObject> {
    return this.#at(id) ?? this.#reveal(id);
  }

  #at(id: string): KeyObject | undefined {
    const known = this.#known.get(id);
    if (known && this.#parts.clock.now() < known.until) return known.key;
    this.#known.delete(id);
    return undefined;
  }

  #remember(id: string, bytes: Uint8Array): KeyObject {
    const key = createSecretKey(bytes);
    this.#known.set(id, { key, until: this.#parts.clock.now() + knownMs });
    return key;
  }

  async #make(): Promise<SealingKey> {
    const { store, keys, random, clock } = this.#parts;
    const id = random.uuid();
    const bytes = random.bytes(32);
    const wrapped = await keys.protect(purpose, id, bytes);
    const value: KeyDocument = { wrapped: Buffer.from(wrapped).toString("base64") };
    await store.commit([{ op: "put", key: documentOf(id), value, ifVersion: 0 }]);
    this.#own = { id, madeAt: clock.now(), sealed: 0 };
    return sealingKey(this.#own, this.#remember(id, bytes));
  }

  #reveal(id: string): Promise<KeyObject> {
    let revealing = this.#revealing.get(id);
    if (!revealing) {
      revealing = this.#read(id).finally(() => this.#revealing.delete(id));
      this.#revealing.set(id, revealing);
    }
    return revealing;
  }

  async #read(id: string): Promise<KeyObject> {
    const { store, keys } = this.#parts;
    const document = await store.get<KeyDocument>(documentOf(id));
    if (!document) throw new Error(`the key ${id} of a sealed document is not there`);
    return this.#remember(id, await keys.reveal(purpose, id, Buffer.from(document.value.wrapped, "base64")));
  }
}

function documentOf(id: string): DocumentKey {
  return { account: "000000000000", region: globalRegion, service: "installation", type: "document-key", id };
}

function sealingKey(own: Own, key: KeyObject): SealingKey {
  return {
    id: own.id,
    key,
    nonce() {
      const nonce = Buffer.alloc(12);
      nonce.writeBigUInt64BE(BigInt(own.sealed++), 4);
      return nonce;
    },
  };
}
