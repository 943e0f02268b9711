import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "#kernel/clock.ts";
import type { Logger } from "#kernel/log.ts";
import {
  DecryptError,
  type EncryptionAlgorithm,
  InvalidInput,
  InvalidWrappingKey,
  KeyDestroyed,
  type KeyHolder,
  KeyHolderUnavailable,
  type KeyToken,
  type MaterialSpec,
  Sealed,
  SealError,
  type SealState,
  UnsupportedMaterial,
} from "./contract.ts";
import { createDurably, isErrno, makeFolder } from "./files.ts";
import { type Keyring, KeyringFile } from "./keyring.ts";
import { PairClient } from "./pairClient.ts";
import { HolderProcess } from "./process.ts";
import { type Message, Op, Status } from "./protocol.ts";
import { developmentKeyBytes } from "./seals/development.ts";
import { seals } from "./seals/index.ts";
import type { SealConfig } from "./seals/seal.ts";
import { TombstoneFiles } from "./tombstones.ts";
import { groupOf } from "./vault.ts";

export interface KeyHolderOptions {
  /** The installation's data folder; everything of ours is under `keys/`. */
  dataDir: string;
  seal: SealConfig;
  logger: Logger;
  clock?: Clock;
  /** How long a call waits for a holder that is starting again before it is rejected; 10 s. */
  waitMs?: number;
}

const none = new Uint8Array(0);
/** Domain keys are changed monthly, like those of AWS KMS ("AWS KMS cryptographic details", domain keys). */
const domainKeyAgeMs = 30 * 24 * 3600_000;
const slowestRestartMs = 5_000;

/**
 * Starts the holder process and returns its client. Resolves when the process answers, sealed or not. Rejects with
 * `SealError` when the data folder was sealed in another way, or its keyring is damaged, and with
 * `KeyHolderUnavailable` when the process does not come up within `waitMs`.
 */
export async function startKeyHolder(
  options: KeyHolderOptions,
): Promise<KeyHolder & { readonly pid: number | undefined }> {
  const client = new KeyHolderClient(options);
  await client.start();
  return client;
}

class KeyHolderClient extends PairClient implements KeyHolder {
  readonly #options: KeyHolderOptions;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #keyringFile: KeyringFile;
  readonly #tombstones: TombstoneFiles;
  /** Groups destroyed by this process: closes the gap between reading a tombstone key and its destruction. */
  readonly #destroyed = new Set<string>();
  /** One generation per group at a time, so that a group gets one tombstone key. */
  readonly #generating = new Map<string, Promise<unknown>>();
  #keyring: Keyring | undefined;
  #process: HolderProcess | undefined;
  #state: SealState | undefined;
  /** Resolves when the state is known again after a (re)start. */
  #ready: Promise<void> = Promise.resolve();
  #closed = false;
  /** Somebody sealed it: it stays sealed over restarts until somebody unseals. */
  #sealedByHand = false;
  #failures = 0;
  #rotating: Promise<void> = Promise.resolve();
  #rotation: NodeJS.Timeout | undefined;

  constructor(options: KeyHolderOptions) {
    super();
    this.#options = options;
    this.#folder = join(options.dataDir, "keys");
    this.#clock = options.clock ?? systemClock;
    this.#keyringFile = new KeyringFile(this.#folder);
    this.#tombstones = new TombstoneFiles(this.#folder);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    const { seal } = this.#options;
    await makeFolder(this.#folder);
    this.#keyring = await this.#keyringFile.read();
    if (this.#keyring && this.#keyring.seal.kind !== seal.kind) {
      throw new SealError(`this data folder is sealed with "${this.#keyring.seal.kind}", not "${seal.kind}"`);
    }
    if (seal.kind === "development" && !this.#keyring) await this.#makeDevelopmentKey();
    this.#ready = this.#spawn();
    try {
      await this.#waitUntilReady();
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#rotation = setInterval(() => void this.#rotateWhenDue(), 3600_000).unref();
  }

  async state(): Promise<SealState> {
    await this.#ready;
    return this.#state ?? this.#sealedState("the key holder is restarting");
  }

  async unseal(secret: Uint8Array): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#ready;
      const process = this.#process;
      if (!process || this.#closed) throw new KeyHolderUnavailable();
      try {
        await this.#open(process, this.#options.seal.kind === "development" ? none : secret);
        this.#sealedByHand = false;
        return;
      } catch (error) {
        // It died under us: the next one is on its way, and has the same keyring.
        if (!(error instanceof KeyHolderUnavailable) || attempt === 3) throw error;
      }
    }
  }

  async seal(): Promise<void> {
    this.#sealedByHand = true;
    this.#state = this.#sealedState("sealed by an operator");
    this.#process?.kill();
    this.#process = undefined;
    this.#ready = this.#spawn();
    await this.#ready;
  }

  async generate(spec: MaterialSpec, bound: string): Promise<{ token: KeyToken; publicKey?: Uint8Array }> {
    const { token, more } = await this.#newToken(bound, (tombstone) =>
      this.#call(Op.generate, [bytes(spec), bytes(bound), tombstone]),
    );
    return { token, ...(more[0]!.length > 0 ? { publicKey: more[0]! } : {}) };
  }

  /**
   * A token that `make` makes, under the group's wrapped tombstone key or, for an empty one, under a new one; it
   * answers with the wrapped token, the tombstone key that it made (or nothing), and more.
   */
  #newToken(
    bound: string,
    make: (tombstone: Uint8Array) => Promise<Buffer[]>,
  ): Promise<{ token: KeyToken; more: Buffer[] }> {
    const group = groupOf(bound);
    const before = this.#generating.get(group) ?? Promise.resolve();
    const work = before
      .catch(() => undefined)
      .then(async () => {
        const tombstone = await this.#tombstone(group);
        const [wrapped, made, ...more] = await make(tombstone ?? none);
        // INVARIANT: a token is handed out only when its tombstone key is on disk.
        if (made && made.length > 0) await this.#tombstones.create(group, made);
        return { token: { wrapped: wrapped!, bound }, more };
      });
    this.#generating.set(group, work);
    const done = (): void => {
      if (this.#generating.get(group) === work) this.#generating.delete(group);
    };
    work.then(done, done);
    return work;
  }

  async encrypt(token: KeyToken, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const [blob] = await this.#withToken(Op.encrypt, [token], (head) => [...head, plaintext, aad]);
    return blob!;
  }

  async decrypt(token: KeyToken, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const [plaintext] = await this.#withToken(Op.decrypt, [token], (head) => [...head, ciphertext, aad]);
    return plaintext!;
  }

  async reencrypt(
    from: { token: KeyToken; ciphertext: Uint8Array; aad: Uint8Array; algorithm?: EncryptionAlgorithm },
    to: { token: KeyToken; aad: Uint8Array; algorithm?: EncryptionAlgorithm },
  ): Promise<Uint8Array> {
    const [blob] = await this.#withToken(Op.reencrypt, [from.token, to.token], (head) => [
      ...head.slice(0, 3),
      from.ciphertext,
      from.aad,
      ...head.slice(3),
      to.aad,
      bytes(from.algorithm ?? "SYMMETRIC_DEFAULT"),
      bytes(to.algorithm ?? "SYMMETRIC_DEFAULT"),
    ]);
    return blob!;
  }

  async random(count: number): Promise<Uint8Array> {
    const [random] = await this.#call(Op.random, [bytes(String(wholeNumber(count)))]);
    return random!;
  }

  async dataKey(token: KeyToken, count: number, aad: Uint8Array) {
    const size = bytes(String(wholeNumber(count)));
    const answer = await this.#withToken(Op.dataKey, [token], (head) => [...head, size, aad, bytes("plaintext")]);
    return { ciphertext: answer[0]!, plaintext: answer[1]! };
  }

  async wrappedDataKey(token: KeyToken, count: number, aad: Uint8Array): Promise<Uint8Array> {
    const size = bytes(String(wholeNumber(count)));
    const [ciphertext] = await this.#withToken(Op.dataKey, [token], (head) => [...head, size, aad]);
    return ciphertext!;
  }

  async mac(token: KeyToken, message: Uint8Array): Promise<Uint8Array> {
    const [mac] = await this.#withToken(Op.mac, [token], (head) => [...head, message]);
    return mac!;
  }

  async verifyMac(token: KeyToken, message: Uint8Array, mac: Uint8Array): Promise<boolean> {
    const [valid] = await this.#withToken(Op.verifyMac, [token], (head) => [...head, message, mac]);
    return valid![0] === 1;
  }

  protected withToken(
    op: number,
    tokens: readonly KeyToken[],
    fields: (head: Uint8Array[]) => Uint8Array[],
  ): Promise<Buffer[]> {
    return this.#withToken(op, tokens, fields);
  }

  protected call(op: number, fields: readonly Uint8Array[]): Promise<Buffer[]> {
    return this.#call(op, fields);
  }

  protected newToken(bound: string, make: (tombstone: Uint8Array) => Promise<Buffer[]>) {
    return this.#newToken(bound, make);
  }

  async destroy(bound: string): Promise<void> {
    const group = groupOf(bound);
    this.#destroyed.add(group);
    await this.#generating.get(group)?.catch(() => undefined);
    await this.#tombstones.destroy(group, this.#clock.now());
    // A holder that is not there, or dies here, has forgotten it anyway.
    await this.#process?.call(Op.forget, [bytes(group)]).catch(() => undefined);
  }

  rotateDomainKey(): Promise<void> {
    // One after the other: two rotations at once would give two keys the same id, and lose one of them.
    const work = this.#rotating.catch(() => undefined).then(() => this.#addDomainKey());
    this.#rotating = work;
    return work;
  }

  async #addDomainKey(): Promise<void> {
    const keyring = this.#keyring;
    if (!keyring) throw new Sealed();
    const id = Math.max(...keyring.domainKeys.map((key) => key.id)) + 1;
    const [wrapped] = await this.#call(Op.newDomainKey, [bytes(String(id))]);
    const entry = { id, createdAt: this.#clock.now(), wrapped: Buffer.from(wrapped!).toString("base64") };
    const next: Keyring = { ...keyring, current: id, domainKeys: [...keyring.domainKeys, entry] };
    // INVARIANT: a domain key wraps nothing before it is on disk.
    await this.#keyringFile.write(next);
    this.#keyring = next;
    await this.#call(Op.useDomainKey, [bytes(String(id)), wrapped!]);
  }

  async protect(purpose: string, bound: string, secret: Uint8Array): Promise<Uint8Array> {
    const [blob] = await this.#call(Op.protect, [bytes(purpose), bytes(bound), secret]);
    return blob!;
  }

  async reveal(purpose: string, bound: string, protectedSecret: Uint8Array): Promise<Uint8Array> {
    const [secret] = await this.#call(Op.reveal, [bytes(purpose), bytes(bound), protectedSecret]);
    return secret!;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#rotation);
    this.#process?.kill();
    this.#process = undefined;
    await this.#ready.catch(() => undefined);
  }

  /** Sends a call about tokens, with their tombstone keys when the holder asks for them. */
  async #withToken(
    op: number,
    tokens: readonly KeyToken[],
    fields: (head: Uint8Array[]) => Uint8Array[],
  ): Promise<Buffer[]> {
    if (this.#destroyed.size > 0) {
      for (const token of tokens) if (this.#destroyed.has(groupOf(token.bound))) throw new KeyDestroyed();
    }
    const held: Uint8Array[] = tokens.map(() => none);
    for (;;) {
      const head: Uint8Array[] = [];
      for (const [index, token] of tokens.entries()) head.push(token.wrapped, bytes(token.bound), held[index]!);
      const answer = await this.#send(op, fields(head));
      if (answer.code !== Status.needsTombstoneKey) return result(answer);
      const group = answer.fields[0]!.toString("utf8");
      const index = tokens.findIndex((token, at) => groupOf(token.bound) === group && held[at] === none);
      if (index < 0) throw new DecryptError();
      const tombstone = await this.#tombstone(group);
      if (!tombstone) throw new DecryptError();
      held[index] = tombstone;
    }
  }

  async #tombstone(group: string): Promise<Buffer | undefined> {
    const tombstone = await this.#tombstones.get(group);
    // INVARIANT: after `destroy` began, no tombstone key of the group is sent again, though it was read before.
    if (tombstone === "destroyed" || this.#destroyed.has(group)) throw new KeyDestroyed();
    return tombstone;
  }

  async #call(op: number, fields: readonly Uint8Array[]): Promise<Buffer[]> {
    return result(await this.#send(op, fields));
  }

  #send(op: number, fields: readonly Uint8Array[]): Promise<Message> {
    const process = this.#process;
    if (process && this.#state?.sealed === false && !this.#closed) return process.call(op, fields);
    return this.#sendWhenReady(op, fields);
  }

  async #sendWhenReady(op: number, fields: readonly Uint8Array[]): Promise<Message> {
    if (this.#state?.sealed !== false) await this.#waitUntilReady();
    const process = this.#process;
    if (!process || this.#closed) throw new KeyHolderUnavailable();
    if (this.#state?.sealed !== false) throw new Sealed();
    return process.call(op, fields);
  }

  async #waitUntilReady(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new KeyHolderUnavailable()), this.#options.waitMs ?? 10_000);
    });
    try {
      await Promise.race([this.#ready, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Starts a process and brings it to a known state; starts another with growing pauses while that fails. Never rejects. */
  async #spawn(): Promise<void> {
    while (!this.#closed) {
      try {
        this.#state = undefined;
        const process = this.#startProcess();
        this.#process = process;
        await this.#settle(process);
        this.#failures = 0;
        return;
      } catch (error) {
        if (!(error instanceof KeyHolderUnavailable)) {
          // A wrong or missing secret: a further start would meet the same.
          const reason = error instanceof Error ? error.message : "unknown";
          this.#state = this.#sealedState(reason);
          this.#options.logger.error({ reason }, "the key holder stays sealed");
          return;
        }
        const pause = Math.min(slowestRestartMs, 25 * 2 ** this.#failures++);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  #startProcess(): HolderProcess {
    const onExit = (): void => {
      // While the state is unknown, `#spawn` is at work on this process and sees its end by itself.
      if (this.#process !== process || this.#closed || this.#state === undefined) return;
      this.#ready = this.#spawn();
    };
    const start = (file: string | undefined): HolderProcess => new HolderProcess(file, this.#options.logger, onExit);
    let process: HolderProcess;
    try {
      process = start(this.#secretFile());
    } catch (error) {
      if (!isErrno(error, "ENOENT") && !isErrno(error, "EACCES")) throw error;
      // Without its secret it answers "cannot be read", which becomes the reason of the sealed state.
      process = start(undefined);
    }
    return process;
  }

  async #settle(process: HolderProcess): Promise<void> {
    // A sign of life; also rejects with `KeyHolderUnavailable` when the process ended at once.
    result(await process.call(Op.forget, [none]));
    if (this.#sealedByHand) {
      this.#state = this.#sealedState("sealed by an operator");
    } else if (this.#secretFile() === undefined) {
      this.#state = this.#sealedState(this.#keyring ? "waiting for the passphrase" : "waiting for a first passphrase");
    } else {
      await this.#open(process, none);
    }
  }

  /** Opens the seal in a process; makes the keyring first where there is none. An empty secret means descriptor 3. */
  async #open(process: HolderProcess, secret: Uint8Array): Promise<void> {
    if (!this.#keyring) {
      const kind = this.#options.seal.kind;
      const seal = { kind, parameters: seals[kind]!.newParameters() };
      const [wrapped] = result(await process.call(Op.create, [bytes(JSON.stringify(seal)), secret]));
      const keyring: Keyring = {
        version: 1,
        seal,
        current: 1,
        domainKeys: [{ id: 1, createdAt: this.#clock.now(), wrapped: Buffer.from(wrapped!).toString("base64") }],
      };
      await this.#keyringFile.write(keyring);
      this.#keyring = keyring;
    }
    result(await process.call(Op.unseal, [bytes(JSON.stringify(this.#keyring)), secret]));
    const { kind, development } = seals[this.#keyring.seal.kind]!;
    this.#state = { sealed: false, seal: kind, development };
    if (development) {
      this.#options.logger.warn(
        "DEVELOPMENT SEAL: the key of all keys lies in the data folder; use a passphrase seal for anything real",
      );
    }
    void this.#rotateWhenDue();
  }

  async #rotateWhenDue(): Promise<void> {
    const current = this.#keyring?.domainKeys.find((key) => key.id === this.#keyring?.current);
    if (!current || this.#state?.sealed !== false) return;
    if (this.#clock.now() - current.createdAt < domainKeyAgeMs) return;
    try {
      await this.rotateDomainKey();
      this.#options.logger.info("a new domain key is in use");
    } catch (error) {
      this.#options.logger.warn({ reason: error instanceof Error ? error.message : "" }, "domain key rotation failed");
    }
  }

  #sealedState(reason: string): SealState & { sealed: true } {
    return { sealed: true, seal: this.#options.seal.kind, reason };
  }

  #secretFile(): string | undefined {
    const { seal } = this.#options;
    return seal.kind === "development" ? join(this.#folder, "development.key") : seal.file;
  }

  async #makeDevelopmentKey(): Promise<void> {
    const path = join(this.#folder, "development.key");
    if (existsSync(path)) return;
    const key = randomBytes(developmentKeyBytes);
    try {
      await createDurably(path, key);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    } finally {
      key.fill(0);
    }
  }
}

function bytes(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

function wholeNumber(count: number): number {
  if (!Number.isInteger(count) || count < 1 || count > 65536) throw new RangeError("a number of bytes from 1 to 65536");
  return count;
}

/** The fields of a good answer; the error that the status stands for otherwise. */
function result(answer: { code: number; fields: Buffer[] }): Buffer[] {
  const detail = (): string => answer.fields[0]?.toString("utf8") ?? "";
  switch (answer.code) {
    case Status.ok:
      return answer.fields;
    case Status.sealed:
      throw new Sealed();
    case Status.decrypt:
    case Status.needsTombstoneKey:
      throw new DecryptError();
    case Status.seal:
      throw new SealError(detail());
    case Status.unsupported:
      throw new UnsupportedMaterial(detail());
    case Status.input:
      throw new InvalidInput(detail());
    case Status.wrappingKey:
      throw new InvalidWrappingKey();
    default:
      throw new Error(`the key holder failed: ${detail()}`);
  }
}
