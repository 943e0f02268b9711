/**
 * The register of accounts, as services other than IAM need it: making, naming and closing them. IAM keeps it;
 * `roles` hands it to the services that ask for it. Every method stages into the caller's unit of work, so that an
 * account and whatever it was made for appear together or not at all.
 */
import type { Random } from "#kernel/ids.ts";
import type { State } from "./context.ts";

export interface AccountRecord {
  account: string;
  name: string;
  /** Lower case. */
  email: string;
  /** Epoch milliseconds. */
  createdAt: number;
  status: "ACTIVE" | "SUSPENDED";
}

export interface NewAccount {
  account: string;
  name: string;
  email: string;
  partition: string;
  /** Role that administrators of `trustedAccount` may assume; the root user is locked. */
  roleName: string;
  trustedAccount: string;
  /** Epoch milliseconds. */
  now: number;
  random: Random;
}

export interface Accounts {
  get(state: State, account: string): Promise<AccountRecord | undefined>;
  getMany(state: State, accounts: readonly string[]): Promise<(AccountRecord | undefined)[]>;
  /** The account whose root user has this e-mail address. */
  byEmail(state: State, email: string): Promise<string | undefined>;
  /** @throws AwsError `EntityAlreadyExists` for an account id or address in use, `ValidationError` for what is no address. */
  create(state: State, account: NewAccount): Promise<void>;
  /** From the commit on no credential of the account is accepted. */
  close(state: State, account: string): Promise<void>;
  rename(state: State, account: string, name: string): Promise<void>;
}
