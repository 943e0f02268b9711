/** The keyring of an installation on the client's side: which seal it is under, how it is opened, and how it is changed. */
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#kernel/clock.ts";
import { result } from "./answers.ts";
import { Sealed, SealError, type SealState } from "./contract.ts";
import { createDurably, isErrno } from "./files.ts";
import { type Keyring, KeyringFile } from "./keyring.ts";
import type { HolderProcess } from "./process.ts";
import { Op } from "./protocol.ts";
import { developmentKeyBytes } from "./seals/development.ts";
import { seals } from "./seals/index.ts";
import { unwrapOutside, wrapOutside } from "./seals/outside/client.ts";
import type { Proposal, Rekeying, SealFacts, SealSecret } from "./sealControl.ts";
import { type SealConfig, SealInputError } from "./seals/seal.ts";

const none = new Uint8Array(0);

export type Learned = "nothing" | "domain keys" | "another seal";

const fromFile: SealSecret = { bytes: none, boxed: false };

export class SealedKeyring {
  readonly #folder: string;
  readonly #first: SealConfig;
  readonly #recipient: Uint8Array | undefined;
  readonly #clock: Clock;
  readonly #file: KeyringFile;
  #keyring: Keyring | undefined;
  #proposal: { id: string; base: Keyring; keyring: Keyring; process: HolderProcess; since: number } | undefined;
  /** What the seal of a new installation handed out, in a box for the recipient. */
  firstHandedOut: Uint8Array | undefined;

  constructor(folder: string, first: SealConfig, clock: Clock, recipient?: Uint8Array) {
    this.#folder = folder;
    this.#first = first;
    this.#clock = clock;
    this.#recipient = recipient;
    this.#file = new KeyringFile(folder);
  }

  /** @throws SealError when the folder is sealed in another way, or the keyring is damaged */
  async load(): Promise<void> {
    this.#keyring = await this.#file.read();
    if (this.#keyring && this.#keyring.seal.kind !== this.#first.kind) {
      throw new SealError(`this data folder is sealed with "${this.#keyring.seal.kind}", not "${this.#first.kind}"`);
    }
    if (this.#first.kind === "development" && !this.#keyring) await this.#makeDevelopmentKey();
    await this.#removeUnusedKey();
  }

  /** Takes what is on disk: another process of the installation may have brought it under another seal. */
  async refresh(): Promise<void> {
    this.#keyring = (await this.#file.read()) ?? this.#keyring;
  }

  get kind(): string {
    return this.#keyring?.seal.kind ?? this.#first.kind;
  }

  /** When the domain key in use was made, epoch milliseconds. */
  get currentSince(): number | undefined {
    return this.#keyring?.domainKeys.find((key) => key.id === this.#keyring?.current)?.createdAt;
  }

  /** @param process that of now: a proposal made with another one is not pending any more */
  facts(process: HolderProcess | undefined): Omit<SealFacts, "state" | "since"> {
    const { seal, domainKeys = [] } = this.#keyring ?? {};
    const { currentSince } = this;
    const proposal = this.#proposal;
    const isPending = proposal !== undefined && proposal.process === process && proposal.base === this.#keyring;
    return {
      ...(seal?.setAt === undefined ? {} : { setAt: seal.setAt }),
      opensItself: this.opensItself,
      keptOutside: this.outside,
      domainKeys: { count: domainKeys.length, ...(currentSince === undefined ? {} : { currentSince }) },
      ...(isPending ? { pending: { to: proposal.keyring.seal.kind, since: proposal.since } } : {}),
    };
  }

  /** The file from which the seal opens by itself. */
  secretFile(): string | undefined {
    if (this.kind === "development") return this.#developmentKey;
    if (this.kind !== "passphrase") return undefined;
    const told = this.#keyring?.seal.file;
    if (told !== undefined && existsSync(told)) return told;
    return this.#first.kind === "passphrase" ? this.#first.file : undefined;
  }

  /** It has been sealed before: there is something to open. */
  get isThere(): boolean {
    return this.#keyring !== undefined;
  }

  /** True when nobody has to come for it to open. */
  get opensItself(): boolean {
    if (this.secretFile() !== undefined || this.outside) return true;
    return !this.#keyring && seals[this.kind]?.secret === "made";
  }

  /** Something outside keeps the root: when it does not answer, it is asked again. */
  get outside(): boolean {
    return seals[this.kind]?.outside === true;
  }

  sealedState(reason = this.#waiting()): SealState & { sealed: true } {
    return { sealed: true, seal: this.kind, reason };
  }

  /** Opens it; makes the keyring first where there is none. */
  async open(process: HolderProcess, given: SealSecret = fromFile): Promise<SealState> {
    const secret = this.kind === "development" ? fromFile : given;
    if (!this.#keyring) return await this.#make(process, secret);
    if (this.kind === "shamir") return await this.#offer(process, secret);
    if (this.outside) return await this.#openFromOutside(process, this.#keyring);
    result(await process.call(Op.unseal, [json(this.#keyring), ...fields(secret)]));
    return this.#openState();
  }

  async #openFromOutside(process: HolderProcess, keyring: Keyring): Promise<SealState> {
    const [recipient] = result(await process.call(Op.boxKey, []));
    const box = await unwrapOutside(keyring.seal.kind, keyring.seal.parameters, recipient!);
    result(await process.call(Op.unseal, [json(keyring), ...fields({ bytes: box, boxed: true })]));
    return this.#openState();
  }

  async #offer(process: HolderProcess, share: SealSecret): Promise<SealState> {
    const [answer] = result(await process.call(Op.offer, [json(this.#keyring), ...fields(share)]));
    const progress = JSON.parse(answer!.toString("utf8")) as { entered: number; needed: number };
    if (progress.entered >= progress.needed) return this.#openState();
    return { ...this.sealedState(), shares: progress };
  }

  async #make(process: HolderProcess, secret: SealSecret): Promise<SealState> {
    const seal = newSeal(this.#first);
    const recipient = this.#recipient;
    const { keyring, handedOut } = await this.#propose(process, seal, secret, recipient, []);
    await this.#commit(process, keyring);
    this.firstHandedOut = handedOut;
    return this.#openState();
  }

  /**
   * First half of coming under another seal, or under the same one with another secret: a new root, and a new domain
   * key, so that what is made from now on is not opened by the old seal and an old copy of the keyring. Resolves with
   * the id for `confirm` and with what the new seal hands out. Nothing has changed yet: whoever is to keep it has it first.
   */
  async propose(process: HolderProcess, { to, secret, recipient }: Rekeying): Promise<Proposal> {
    const base = await this.#unchanged();
    if (to.kind === "development" && base.seal.kind === "development") {
      throw new SealError("the development seal has one key only");
    }
    // A role that is started again is told of the old file; of a first seal it is told each time, or is not to open itself.
    const told = to.kind === "passphrase" && to.file !== undefined ? { file: to.file } : {};
    const seal = { ...newSeal(to), ...told };
    if (to.kind === "development") await this.#makeDevelopmentKey();
    const given = to.kind === "development" ? { bytes: await readFile(this.#developmentKey), boxed: false } : secret;
    if (seals[seal.kind]!.secret === "given" && (given === undefined || given.bytes.length === 0)) {
      throw new SealError("the secret of the new seal is missing");
    }
    const made = await this.#propose(process, seal, given ?? fromFile, recipient, base.domainKeys);
    const id = randomUUID();
    this.#proposal = { id, base, keyring: made.keyring, process, since: this.#clock.now() };
    return { id, ...(made.handedOut ? { handedOut: made.handedOut } : {}) };
  }

  /**
   * Second half. The old seal is of no use when it resolves. Rejects with `SealError`, and all is as it was, when the
   * holder was started again since, or the keyring has changed.
   *
   * INVARIANT: the keyring file is under the old seal or under the new one, at every instant: it is replaced whole, when
   * everything in it is there.
   */
  async confirm(process: HolderProcess, id: string): Promise<SealState> {
    const proposal = this.#proposal;
    const base = await this.#unchanged();
    if (proposal?.id !== id || proposal.process !== process || proposal.base !== base) {
      throw new SealError("this change of the seal is not pending any more; begin again");
    }
    this.#proposal = undefined;
    await this.#commit(process, proposal.keyring);
    await this.#removeUnusedKey();
    return this.#openState();
  }

  /** New tokens are wrapped under a new domain key from now on. @param call reaches the open vault */
  async addDomainKey(call: (op: number, fields: readonly Uint8Array[]) => Promise<Buffer[]>): Promise<void> {
    const keyring = await this.#unchanged();
    const id = nextId(keyring.domainKeys);
    const [wrapped] = await call(Op.newDomainKey, [Buffer.from(String(id))]);
    const entry = { id, createdAt: this.#clock.now(), wrapped: Buffer.from(wrapped!).toString("base64") };
    const next: Keyring = { ...keyring, current: id, domainKeys: [...keyring.domainKeys, entry] };
    // INVARIANT: a domain key wraps nothing before it is on disk.
    await this.#file.write(next);
    this.#keyring = next;
    await call(Op.useDomainKey, [Buffer.from(String(id)), wrapped!]);
  }

  /**
   * Takes the domain keys that another process of the installation has made since. Resolves with what there was:
   * "nothing", "domain keys", or "another seal", under which this process has to be opened anew.
   */
  async learn(call: (op: number, fields: readonly Uint8Array[]) => Promise<Buffer[]>): Promise<Learned> {
    const known = this.#keyring;
    if (!known) throw new Sealed();
    const found = await this.#file.read();
    if (!found) throw new SealError("the keyring is gone");
    if (JSON.stringify(found.seal) !== JSON.stringify(known.seal)) return "another seal";
    const fresh = found.domainKeys.filter(({ id }) => !known.domainKeys.some((each) => each.id === id));
    if (fresh.length === 0) return "nothing";
    for (const { id, wrapped } of fresh) await call(Op.useDomainKey, [Buffer.from(String(id)), fromBase64(wrapped)]);
    this.#keyring = found;
    return "domain keys";
  }

  /** What is on disk is what this process opened: no other process of the installation has changed it. */
  async #unchanged(): Promise<Keyring> {
    if (!this.#keyring) throw new Sealed();
    const found = await this.#file.read();
    if (JSON.stringify(found) !== JSON.stringify(this.#keyring)) {
      throw new SealError("another process has changed the keyring; start this one again");
    }
    return this.#keyring;
  }

  async #propose(
    process: HolderProcess,
    seal: Keyring["seal"],
    secret: SealSecret,
    recipient: Uint8Array | undefined,
    existing: Keyring["domainKeys"],
  ): Promise<{ keyring: Keyring; handedOut: Uint8Array | undefined }> {
    const id = nextId(existing);
    const ask = async (reader: Uint8Array | undefined): Promise<Buffer[]> => {
      const sent = [json(seal), ...fields(secret), reader ?? none, Buffer.from(String(id))];
      return result(await process.call(Op.propose, sent));
    };
    let proposed: Buffer | undefined;
    let handedOut: Buffer | undefined;
    if (seals[seal.kind]!.outside) {
      const parameters = await wrapOutside(seal.kind, seal.parameters, async (reader) => {
        const [box, keys] = await ask(reader);
        proposed = keys;
        return box!;
      });
      seal = { ...seal, parameters };
    } else {
      [handedOut, proposed] = await ask(recipient);
    }
    const made = new Map(existing.map((key) => [key.id, key.createdAt]));
    const keys = JSON.parse(proposed!.toString("utf8")) as { id: number; wrapped: string }[];
    // INVARIANT: no domain key is left behind: what it wrapped could never be opened again.
    if (existing.some((key) => !keys.some((each) => each.id === key.id)))
      throw new SealError("a domain key is missing");
    const domainKeys = keys.map((key) => ({ ...key, createdAt: made.get(key.id) ?? this.#clock.now() }));
    const setAt = this.#clock.now();
    const keyring: Keyring = { version: 1, seal: { ...seal, setAt }, current: id, domainKeys };
    return { keyring, handedOut: handedOut && handedOut.length > 0 ? handedOut : undefined };
  }

  async #commit(process: HolderProcess, keyring: Keyring): Promise<void> {
    await this.#file.write(keyring);
    this.#keyring = keyring;
    result(await process.call(Op.adopt, [json(keyring)]));
  }

  #openState(): SealState {
    const { kind, development } = seals[this.kind]!;
    return { sealed: false, seal: kind, development };
  }

  #waiting(): string {
    if (this.outside) return `asking the ${this.kind} seal`;
    if (this.kind === "shamir") return `waiting for ${String(this.#keyring?.seal.parameters["threshold"])} shares`;
    return this.#keyring ? "waiting for the passphrase" : "waiting for a first passphrase";
  }

  get #developmentKey(): string {
    return join(this.#folder, "development.key");
  }

  /** Of a seal that is not, or no longer, the installation's. */
  async #removeUnusedKey(): Promise<void> {
    if (this.#keyring && this.kind !== "development") await rm(this.#developmentKey, { force: true });
  }

  async #makeDevelopmentKey(): Promise<void> {
    if (existsSync(this.#developmentKey)) return;
    const key = randomBytes(developmentKeyBytes);
    try {
      await createDurably(this.#developmentKey, key);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    } finally {
      key.fill(0);
    }
  }
}

function newSeal(config: SealConfig): Keyring["seal"] {
  try {
    return { kind: config.kind, parameters: seals[config.kind]!.newParameters(config) };
  } catch (error) {
    throw error instanceof SealInputError ? new SealError(error.message) : error;
  }
}

function nextId(keys: Keyring["domainKeys"]): number {
  return Math.max(0, ...keys.map((key) => key.id)) + 1;
}

const fromBase64 = (text: string): Buffer => Buffer.from(text, "base64");
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), "utf8");
const fields = ({ bytes, boxed }: SealSecret): Uint8Array[] => [bytes, Buffer.from(boxed ? "box" : "")];
