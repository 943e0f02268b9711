/** What an operator does with the seal, beside what the product does with keys (`contract.ts`). */
import type { SealState } from "./contract.ts";
import type { SealConfig } from "./seals/seal.ts";

/** A secret of the seal: as it is, or in a box for the holder process (`seals/box.ts`). Empty: where the seal has it. */
export interface SealSecret {
  bytes: Uint8Array;
  boxed: boolean;
}

/** The seal to come to, the secret where it is given, and who reads what it hands out. */
export interface Rekeying {
  to: SealConfig;
  secret?: SealSecret;
  /** Public key of a `BoxReader`. */
  recipient?: Uint8Array;
}

/** What a change of the seal waits for: that what it handed out is kept. */
export interface Proposal {
  id: string;
  /** In a box for the recipient. */
  handedOut?: Uint8Array;
}

/** What there is to know of the seal. Times are epoch milliseconds of the installation's clock. */
export interface SealFacts {
  state: SealState;
  /** Since when this process has had it open, or sealed. */
  since: number;
  /** When the seal of now was set or changed; absent for one that was set by an older version. */
  setAt?: number;
  /** Nobody has to come for it to open at a start. */
  opensItself: boolean;
  /** Something outside the installation keeps the root. */
  keptOutside: boolean;
  /** How many domain keys there are, and since when the one in use wraps what is new. */
  domainKeys: { count: number; currentSince?: number };
  /** A change to another seal that waits until what it handed out is kept. */
  pending?: { to: string; since: number };
}

/** Every call rejects with `SealError` when it cannot be, with the reason. */
export interface SealControl {
  /** Public key for boxes that the holder process reads; another one after each of its starts. */
  boxKey(): Promise<Uint8Array>;
  /** As `unseal`; of a seal with shares, one of them at a time. Resolves with the state after it. */
  offer(secret: SealSecret): Promise<SealState>;
  facts(): Promise<SealFacts>;
  /** Takes over what another process of the installation has made of the keyring; opens a new seal that opens itself. */
  catchUp(): Promise<SealState>;
  /** Another process of the installation has destroyed this group: nothing of it is opened here any more. */
  forget(group: string): Promise<void>;
  /** @see SealedKeyring.propose */
  proposeRekey(rekeying: Rekeying): Promise<Proposal>;
  /** @see SealedKeyring.confirm */
  confirmRekey(id: string): Promise<SealState>;
  /** What the seal of a new installation handed out, in a box for the recipient; once. */
  takeHandedOut(): Uint8Array | undefined;
}
