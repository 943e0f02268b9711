import { join } from "node:path";
import { type Clock, systemClock } from "#kernel/clock.ts";
import type { Logger } from "#kernel/log.ts";
import { result } from "./answers.ts";
import {
  DecryptError,
  type EncryptionAlgorithm,
  KeyDestroyed,
  type KeyHolder,
  KeyHolderUnavailable,
  type KeyToken,
  type MaterialSpec,
  Sealed,
  type SealState,
} from "./contract.ts";
import { isErrno, makeFolder } from "./files.ts";
import { PairClient } from "./pairClient.ts";
import { HolderProcess } from "./process.ts";
import { type Message, Op, Status } from "./protocol.ts";
import { AskNoMore } from "./seals/outside/client.ts";
import type { Proposal, Rekeying, SealControl, SealFacts, SealSecret } from "./sealControl.ts";
import { SealedKeyring } from "./sealedKeyring.ts";
import type { SealConfig } from "./seals/seal.ts";
import { TombstoneFiles } from "./tombstones.ts";
import { groupOf } from "./vault.ts";

export interface KeyHolderOptions {
  /** The installation's data folder; everything of ours is under `keys/`. */
  dataDir: string;
  seal: SealConfig;
  /** Who keeps what the seal of a new installation hands out: public key of a `BoxReader`. */
  recipient?: Uint8Array;
  logger: Logger;
  clock?: Clock;
  /** How long a call waits for a holder that is starting again before it is rejected; 10 s. */
  waitMs?: number;
  /** Tells the other processes with this keyring that they are to forget a group; `destroy` rejects when that fails. */
  onDestroyed?: (group: string) => Promise<void>;
  /** Whether this process, of several with one keyring, is to make the next domain key; asked when one is due. */
  mayRotate?: () => Promise<boolean>;
}

const none = new Uint8Array(0);
/** Domain keys are changed monthly, like those of AWS KMS ("AWS KMS cryptographic details", domain keys). */
const domainKeyAgeMs = 30 * 24 * 3600_000;
const slowestRestartMs = 5_000;
const developmentWarning =
  "DEVELOPMENT SEAL: the key of all keys lies in the data folder; `jikimi seal rekey` moves to another";
/** How long a start waits for something outside to open the seal; it goes on sealed then. */
const outsidePatienceMs = 6_000;
const firstAskAgainMs = 1_000;
const slowestAskAgainMs = 60_000;
/** Processes in a row that ended before they answered, after which the first start is given up; 3 s of pauses. */
const firstStartTries = 7;

/**
 * Starts the holder process and returns its client. Resolves when the process answers, sealed or not. Rejects with
 * `SealError` when the data folder was sealed in another way, or its keyring is damaged, and with
 * `KeyHolderUnavailable` when the process ends again and again before it answers. How long it takes is no reason: argon2id
 * on a busy machine is slow, and who started this role has a limit of its own.
 */
export async function startKeyHolder(
  options: KeyHolderOptions,
): Promise<KeyHolder & SealControl & { readonly pid: number | undefined }> {
  const client = new KeyHolderClient(options);
  await client.start();
  return client;
}

class KeyHolderClient extends PairClient implements KeyHolder, SealControl {
  readonly #options: KeyHolderOptions;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #sealed: SealedKeyring;
  readonly #tombstones: TombstoneFiles;
  /** Groups destroyed by this process: closes the gap between reading a tombstone key and its destruction. */
  readonly #destroyed = new Set<string>();
  /** One generation per group at a time, so that a group gets one tombstone key. */
  readonly #generating = new Map<string, Promise<unknown>>();
  #process: HolderProcess | undefined;
  #state: SealState | undefined;
  /** Since when it has been open, or sealed; restarts in between do not count. */
  #since = { sealed: true, at: 0 };
  /** Resolves when the state is known again after a (re)start. */
  #ready: Promise<void> = Promise.resolve();
  #closed = false;
  /** Somebody sealed it: it stays sealed over restarts until somebody unseals. */
  #sealedByHand = false;
  #failures = 0;
  #changing: Promise<unknown> = Promise.resolve();
  #rotation: NodeJS.Timeout | undefined;

  constructor(options: KeyHolderOptions) {
    super();
    this.#options = options;
    this.#folder = join(options.dataDir, "keys");
    this.#clock = options.clock ?? systemClock;
    this.#sealed = new SealedKeyring(this.#folder, options.seal, this.#clock, options.recipient);
    this.#tombstones = new TombstoneFiles(this.#folder);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    await makeFolder(this.#folder);
    await this.#sealed.load();
    this.#ready = this.#spawn(firstStartTries);
    try {
      await this.#ready;
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#rotation = setInterval(() => void this.#rotateWhenDue(), 3600_000).unref();
  }

  async state(): Promise<SealState> {
    await this.#ready;
    return this.#state ?? this.#sealed.sealedState("the key holder is restarting");
  }

  async unseal(secret: Uint8Array): Promise<void> {
    await this.offer({ bytes: secret, boxed: false });
  }

  async offer(secret: SealSecret): Promise<SealState> {
    for (let attempt = 1; ; attempt++) {
      await this.#ready;
      const process = this.#process;
      if (!process || this.#closed) throw new KeyHolderUnavailable();
      try {
        // Shares of an open one would only be collected.
        if (this.#state?.sealed === false && this.#sealed.kind === "shamir") return this.#state;
        await this.#open(process, secret);
        this.#sealedByHand = false;
        return this.#state!;
      } catch (error) {
        // It died under us: the next one is on its way, and has the same keyring, but another key for boxes.
        if (!(error instanceof KeyHolderUnavailable) || secret.boxed || attempt === 3) throw error;
      }
    }
  }

  async boxKey(): Promise<Uint8Array> {
    await this.#ready;
    if (!this.#process || this.#closed) throw new KeyHolderUnavailable();
    return result(await this.#process.call(Op.boxKey, []))[0]!;
  }

  proposeRekey(rekeying: Rekeying): Promise<Proposal> {
    return this.#changeKeyring(async () => {
      await this.#sealed.learn(this.#ask);
      return await this.#sealed.propose(this.#opened(), rekeying);
    });
  }

  async catchUp(): Promise<SealState> {
    if (this.#state?.sealed === false) await this.#learn();
    // What it waited for may be of a seal that is no more.
    else await this.#changeKeyring(() => this.#restart());
    return await this.state();
  }

  /**
   * After another process of the installation has changed the keyring: its new domain keys, or its new seal. True when
   * what could not be opened may be tried again.
   */
  #learn(): Promise<boolean> {
    return this.#changeKeyring(async () => {
      const process = this.#opened();
      const learned = await this.#sealed.learn(this.#ask);
      if (learned === "another seal" && this.#process === process) {
        this.#options.logger.info("another process has changed the seal; it is opened anew");
        await this.#restart();
      }
      return learned !== "nothing";
    });
  }

  confirmRekey(id: string): Promise<SealState> {
    return this.#changeKeyring(async () => {
      const state = this.#become(await this.#sealed.confirm(this.#opened(), id));
      this.#options.logger.info({ seal: state.seal }, "the keys are under another seal");
      this.#logState();
      return state;
    });
  }

  async facts(): Promise<SealFacts> {
    const state = await this.state();
    return { state, since: this.#since.at, ...this.#sealed.facts(this.#process) };
  }

  takeHandedOut(): Uint8Array | undefined {
    const handedOut = this.#sealed.firstHandedOut;
    this.#sealed.firstHandedOut = undefined;
    return handedOut;
  }

  #opened(): HolderProcess {
    if (!this.#process || this.#closed) throw new KeyHolderUnavailable();
    if (this.#state?.sealed !== false) throw new Sealed();
    return this.#process;
  }

  async seal(): Promise<void> {
    this.#sealedByHand = true;
    this.#become(this.#sealed.sealedState("sealed by an operator"));
    await this.#restart();
  }

  /** Another process, with nothing of this one's in its memory. */
  async #restart(): Promise<void> {
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
    await this.forget(group);
    await this.#options.onDestroyed?.(group);
  }

  async forget(group: string): Promise<void> {
    this.#destroyed.add(group);
    // A holder that is not there, or dies here, has forgotten it anyway.
    await this.#process?.call(Op.forget, [bytes(group)]).catch(() => undefined);
  }

  rotateDomainKey(): Promise<void> {
    return this.#changeKeyring(() => this.#sealed.addDomainKey(this.#ask));
  }

  /** One after the other: two rotations at once would give two keys the same id, and lose one of them. */
  #changeKeyring<T>(change: () => Promise<T>): Promise<T> {
    const work = this.#changing.catch(() => undefined).then(change);
    this.#changing = work;
    return work;
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
    let learned = false;
    for (;;) {
      const head: Uint8Array[] = [];
      for (const [index, token] of tokens.entries()) head.push(token.wrapped, bytes(token.bound), held[index]!);
      const answer = await this.#send(op, fields(head));
      if (answer.code === Status.unknownDomainKey && !learned && (await this.#learn())) {
        learned = true;
        continue;
      }
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
    const answer = await this.#send(op, fields);
    if (answer.code !== Status.unknownDomainKey || !(await this.#learn())) return result(answer);
    return result(await this.#send(op, fields));
  }

  /** A call about the keyring itself. */
  readonly #ask = async (op: number, fields: readonly Uint8Array[]): Promise<Buffer[]> =>
    result(await this.#send(op, fields));

  #send(op: number, fields: readonly Uint8Array[]): Promise<Message> {
    const process = this.#process;
    if (process && this.#state?.sealed === false && !this.#closed) return process.call(op, fields);
    return this.#sendWhenReady(op, fields);
  }

  async #sendWhenReady(op: number, fields: readonly Uint8Array[]): Promise<Message> {
    if (this.#state?.sealed !== false) await this.#waitUntilReady();
    return this.#opened().call(op, fields);
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

  /**
   * Starts a process and brings it to a known state; starts another with growing pauses while that fails. Rejects, with
   * `KeyHolderUnavailable`, only after so many `tries`.
   */
  async #spawn(tries = Infinity): Promise<void> {
    while (!this.#closed) {
      try {
        this.#state = undefined;
        await this.#sealed.refresh();
        const process = this.#startProcess();
        this.#process = process;
        await this.#settle(process);
        this.#failures = 0;
        return;
      } catch (error) {
        if (!(error instanceof KeyHolderUnavailable)) {
          // A wrong or missing secret: a further start would meet the same.
          const reason = error instanceof Error ? error.message : "unknown";
          this.#become(this.#sealed.sealedState(reason));
          this.#options.logger.error({ reason }, "the key holder stays sealed");
          return;
        }
        if (this.#failures + 1 >= tries) throw error;
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
      process = start(this.#sealed.secretFile());
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
      this.#become(this.#sealed.sealedState("sealed by an operator"));
    } else if (this.#sealed.outside && this.#sealed.isThere) {
      this.#become(this.#sealed.sealedState());
      await Promise.race([this.#askOutside(process), after(outsidePatienceMs)]);
    } else if (this.#sealed.opensItself) {
      await this.#open(process);
    } else {
      this.#become(this.#sealed.sealedState());
      this.#logState();
    }
  }

  /** Once now; then, while it does not open, again and again without anybody waiting. Never rejects. */
  async #askOutside(process: HolderProcess, pauseMs = firstAskAgainMs): Promise<void> {
    if (this.#process !== process || this.#closed || this.#sealedByHand || this.#state?.sealed !== true) return;
    try {
      await this.#open(process);
    } catch (error) {
      if (error instanceof KeyHolderUnavailable || this.#process !== process) return;
      const reason = error instanceof Error ? error.message : "unknown";
      this.#become(this.#sealed.sealedState(reason));
      this.#options.logger.error({ reason }, "the key holder stays sealed");
      if (error instanceof AskNoMore) return;
      const again = (): void => void this.#askOutside(process, Math.min(2 * pauseMs, slowestAskAgainMs));
      setTimeout(again, pauseMs).unref();
    }
  }

  /** Opens the seal in a process; makes the keyring first where there is none. Without a secret: descriptor 3. */
  async #open(process: HolderProcess, secret?: SealSecret): Promise<void> {
    this.#become(await this.#sealed.open(process, secret));
    this.#logState();
    void this.#rotateWhenDue();
  }

  #become(state: SealState): SealState {
    if (this.#since.at === 0 || this.#since.sealed !== state.sealed) {
      this.#since = { sealed: state.sealed, at: this.#clock.now() };
    }
    return (this.#state = state);
  }

  #logState(): void {
    const { logger } = this.#options;
    const state = this.#state;
    if (state?.sealed) logger.warn({ reason: state.reason, ...state.shares }, "the key holder is sealed");
    else if (state?.development) logger.warn(developmentWarning);
    else logger.info({ seal: state?.seal }, "the key holder is open");
  }

  get #isDue(): boolean {
    const since = this.#sealed.currentSince;
    return since !== undefined && this.#state?.sealed === false && this.#clock.now() - since >= domainKeyAgeMs;
  }

  async #rotateWhenDue(): Promise<void> {
    if (!this.#isDue) return;
    try {
      if (this.#options.mayRotate && !(await this.#options.mayRotate())) return;
      // Another process may have made one meanwhile.
      await this.#learn();
      if (!this.#isDue) return;
      await this.rotateDomainKey();
      this.#options.logger.info("a new domain key is in use");
    } catch (error) {
      this.#options.logger.warn({ reason: error instanceof Error ? error.message : "" }, "domain key rotation failed");
    }
  }
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

function bytes(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

function wholeNumber(count: number): number {
  if (!Number.isInteger(count) || count < 1 || count > 65536) throw new RangeError("a number of bytes from 1 to 65536");
  return count;
}
