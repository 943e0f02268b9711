/** An object of a user who is signed in: its attributes and its key in the backend. */
import type { KeyReference } from "../token/backend.ts";
import { AttributeSet } from "../token/attributeSet.ts";
import { CKA } from "../token/constants.ts";
import { close } from "./box.ts";

export interface ObjectContent {
  attributes: AttributeSet;
  /** Of secret and private keys. */
  key?: KeyReference;
}

export class OpenObject {
  readonly id: string;
  readonly owner: string;
  #key: Buffer;
  #attributes!: AttributeSet;
  #reference: KeyReference | undefined;
  #closed = false;

  constructor(id: string, owner: string, key: Buffer, content: Buffer) {
    this.id = id;
    this.owner = owner;
    this.#key = key;
    this.#read(content);
  }

  get key(): KeyReference | undefined {
    return this.#reference;
  }

  get attributes(): AttributeSet {
    return this.#attributes;
  }

  /** What its record is closed under. */
  get boxKey(): Buffer {
    return this.#key;
  }

  /** It was destroyed, or its user signed out. */
  get isClosed(): boolean {
    return this.#closed;
  }

  renew(key: Buffer, content: Buffer): void {
    this.#key = key;
    this.#read(content);
  }

  close(): void {
    this.#closed = true;
    this.#key.fill(0);
    this.#reference?.reference.fill(0);
  }

  #read(content: Buffer): void {
    const { attributes, key } = JSON.parse(content.toString("utf8")) as StoredContent;
    content.fill(0);
    this.#attributes = AttributeSet.fromJson(attributes);
    this.#attributes.put(CKA.UNIQUE_ID, Buffer.from(this.id));
    const reference = key && Buffer.from(key.reference, "base64");
    // The same key as before stays the same buffer: what was parsed of it is kept.
    if (reference && this.#reference?.reference.equals(reference)) return;
    this.#reference = key && { ...key, reference: reference! };
  }
}

interface StoredKey extends Pick<KeyReference, "class" | "type"> {
  reference: string;
}

interface StoredContent {
  attributes: unknown[];
  key?: StoredKey;
}

export function sealedObject(key: Buffer, id: string, { attributes, key: reference }: ObjectContent): string {
  const stored: StoredContent = {
    attributes: attributes.toJson(),
    ...(reference ? { key: storedKey(reference) } : {}),
  };
  const content = Buffer.from(JSON.stringify(stored));
  const sealed = close(key, `object ${id}`, content).toString("base64");
  content.fill(0);
  return sealed;
}

function storedKey({ class: kind, type, reference }: KeyReference): StoredKey {
  return { class: kind, type, reference: reference.toString("base64") };
}
