/** What the plane and the process of an HSM say to each other over the channel of `fork`. Nothing secret but passwords of officers' actions. */
import type { HsmFailure } from "../contract.ts";
import type { ModuleOptions } from "../token/module.ts";
import type { TokenNames } from "../token/token.ts";
import type { Change, Entry, PasswordCost } from "../vault/records.ts";
import type { Officers } from "../vault/officers.ts";

/** What holds the keys. */
export type BackendChoice = { kind: "embedded" } | ({ kind: "pkcs11" } & ModuleOptions);

export interface HsmStart {
  names: TokenNames;
  entries: Entry[];
  cost: PasswordCost;
  backend: BackendChoice;
  /** Offset of the installation's clock, milliseconds. */
  clockOffset: number;
}

/**
 * What a module did to the files of its token, told while it makes and destroys nothing: a key was `made`, or one was tried
 * and `failed`; a key of which no file is known was `destroyed`; a key that ought to be there is `missing`.
 */
export type TokenEvent = "made" | "failed" | "destroyed" | "missing";

/** Actions of `Officers` by name. */
export type OfficerAction = Exclude<keyof Officers, "initialize"> | "initialize";

export type ToHsm =
  | { type: "start"; start: HsmStart }
  /** With a socket: one application. */
  | { type: "connection"; id: number }
  | { type: "apply"; id: number; entries: Entry[] }
  | { type: "committed"; id: number; done: boolean; entries: Entry[] }
  | { type: "refused"; id: number; reason: string }
  /** The plane has looked at the token's files. `file`: of the key that was made. */
  | { type: "looked"; id: number; file?: string }
  | { type: "do"; id: number; action: OfficerAction; values: unknown[] }
  | { type: "clock"; offset: number };

export type FromHsm =
  | { type: "waiting" }
  | { type: "ready" }
  | { type: "failed"; reason: string }
  | { type: "took"; id: number }
  | { type: "applied"; id: number }
  | { type: "commit"; id: number; changes: Change[] }
  | { type: "token"; id: number; event: TokenEvent }
  | { type: "done"; id: number; value: unknown }
  | { type: "undone"; id: number; kind: HsmFailure; reason: string }
  | { type: "error"; reason: string };
