/** How the vault of the holder process is opened, and how it comes under another seal. */
import { randomBytes, type KeyObject } from "node:crypto";
import { fstatSync, readSync } from "node:fs";
import { BoxReader, boxFor } from "./seals/box.ts";
import { seals } from "./seals/index.ts";
import { handedOutPurpose, secretPurpose, type SealDefinition, SealInputError } from "./seals/seal.ts";
import { readShare } from "./seals/shamir.ts";
import { Vault, VaultDecrypt } from "./vault.ts";

/** Of `keyring.ts`, as it comes over the pipe. */
export interface SealRecord {
  kind: string;
  parameters: Record<string, unknown>;
}

export interface KeyringRecord {
  seal: SealRecord;
  current: number;
  domainKeys: { id: number; wrapped: string }[];
}

const rootBytes = 32;
const lineBreaks = [10, 13];

export class Opening {
  readonly #hasSecretFile: boolean;
  readonly #reader = new BoxReader();
  /** Of a seal that was proposed and is not yet on disk. */
  #proposed: KeyObject | undefined;
  /** Shares that came one by one, by their index: their text. */
  readonly #offered = new Map<number, Buffer>();

  /** @param hasSecretFile descriptor 3 is the seal's secret file */
  constructor(hasSecretFile: boolean) {
    this.#hasSecretFile = hasSecretFile;
  }

  get publicKey(): Buffer {
    return this.#reader.publicKey;
  }

  /** What was sent, out of its box. */
  received(sent: Buffer, boxed: boolean): Buffer {
    if (!boxed) return sent;
    const secret = this.#reader.open(sent, secretPurpose);
    if (!secret) throw new SealInputError("the key holder was started again meanwhile; try again");
    return secret;
  }

  /**
   * A root under another seal, and every domain key under it, with a new one of number `newId`. Answers with the box for
   * `recipient` (empty for a seal whose secret was given), and the domain keys as JSON. Nothing of it is used before `adopt`.
   */
  propose(vault: Vault, seal: SealRecord, secret: Buffer, recipient: Buffer, newId: number): Buffer[] {
    const definition = definitionOf(seal);
    let handedOut: Buffer = Buffer.alloc(0);
    let root: KeyObject;
    if (definition.secret === "made") {
      const made = randomBytes(rootBytes);
      const shown = definition.handOut?.(made, seal.parameters) ?? Buffer.from(made);
      try {
        handedOut = boxFor(recipient, handedOutPurpose, shown);
      } catch {
        throw new SealInputError("nobody is there to keep what opens this seal");
      } finally {
        shown.fill(0);
      }
      root = Vault.root(made);
    } else {
      root = this.#root(seal, secret);
    }
    const domainKeys = [...vault.domainKeysUnder(root), { id: newId, wrapped: Vault.newDomainKey(root, newId) }];
    this.#proposed = root;
    const shown = domainKeys.map(({ id, wrapped }) => ({ id, wrapped: wrapped.toString("base64") }));
    return [handedOut, Buffer.from(JSON.stringify(shown))];
  }

  /** The keyring with what was proposed is on disk: it opens, and is used from now on. */
  adopt(vault: Vault, keyring: KeyringRecord): void {
    if (!this.#proposed) throw new SealInputError("no other seal was proposed");
    const root = this.#proposed;
    this.#proposed = undefined;
    vault.unseal(root, keyring.current, unwrappable(keyring));
  }

  /** Opens with the whole secret; an empty one means descriptor 3. @throws SealInputError */
  unseal(vault: Vault, keyring: KeyringRecord, secret: Buffer): void {
    const root = this.#root(keyring.seal, secret);
    try {
      vault.unseal(root, keyring.current, unwrappable(keyring));
    } catch (error) {
      if (error instanceof VaultDecrypt) throw new SealInputError("the secret does not open this keyring");
      throw error;
    }
  }

  /**
   * Takes one share, and opens when it is the last one needed. Answers JSON `{ entered, needed }`.
   * @throws SealInputError when it is none, or when the shares do not open it: never which of them is wrong
   */
  offer(vault: Vault, keyring: KeyringRecord, text: Buffer): Buffer {
    const needed = Number(keyring.seal.parameters["threshold"]);
    const share = readShare(text.toString("latin1"));
    if (!share) throw new SealInputError("this is not a share, or it is misspelled");
    share.value.fill(0);
    const before = this.#offered.get(share.index);
    if (before?.equals(text)) throw new SealInputError("this share has been entered already");
    // Another share of the same number cannot be of the same set; which of the two is wrong is not told.
    if (before) this.#refuseOffered();
    this.#offered.set(share.index, Buffer.from(text));
    const entered = this.#offered.size;
    if (entered >= needed) {
      const lines = Buffer.concat([...this.#offered.values()].flatMap((each) => [each, Buffer.from("\n")]));
      try {
        this.unseal(vault, keyring, lines);
      } catch (error) {
        if (error instanceof SealInputError) this.#refuseOffered();
        throw error;
      }
      this.#forgetOffered();
    }
    return Buffer.from(JSON.stringify({ entered, needed }));
  }

  #refuseOffered(): never {
    this.#forgetOffered();
    throw new SealInputError(
      "the shares do not open it: at least one is wrong, or of another set; enter all of them again",
    );
  }

  #forgetOffered(): void {
    for (const text of this.#offered.values()) text.fill(0);
    this.#offered.clear();
  }

  #root(seal: SealRecord, sent: Buffer): KeyObject {
    const definition = definitionOf(seal);
    const secret = sent.length > 0 ? sent : this.#fromFile();
    try {
      return Vault.root(definition.root(secret, seal.parameters));
    } finally {
      secret.fill(0);
    }
  }

  #fromFile(): Buffer {
    try {
      if (!this.#hasSecretFile) throw new Error("no descriptor was passed");
      const size = Math.min(fstatSync(3).size, 65536);
      const secret = Buffer.alloc(size);
      const read = readSync(3, secret, 0, size, 0);
      // A line break that an editor left at the end of a passphrase file is not part of the passphrase.
      let end = read;
      if (size !== rootBytes) while (end > 0 && lineBreaks.includes(secret[end - 1]!)) end--;
      return secret.subarray(0, end);
    } catch {
      throw new SealInputError("the seal's secret file cannot be read");
    }
  }
}

function definitionOf({ kind }: SealRecord): SealDefinition {
  const definition = seals[kind];
  if (!definition) throw new SealInputError(`unknown seal "${kind}"`);
  return definition;
}

function unwrappable({ domainKeys }: KeyringRecord): { id: number; wrapped: Buffer }[] {
  return domainKeys.map(({ id, wrapped }) => ({ id, wrapped: Buffer.from(wrapped, "base64") }));
}
