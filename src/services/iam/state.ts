/**
 * Where IAM's documents live, and how they are read and written. IAM belongs to no Region: all documents are under `globalRegion`.
 *
 * Entities are keyed by their lower-case name, so that names are unique without regard to case ("Names are
 * not distinguished by case", IAM API reference, CreateUser) and listings come sorted. Everything that points
 * at an entity (attachments, memberships, keys, passwords) points at its unique id, which survives a rename;
 * an `entity` document leads from the unique id back to the name.
 */
import type { CallContext, State, StateIndexQuery, StateQuery } from "#gateway/context.ts";
import { UnitOfWork } from "#gateway/state.ts";
import type { Random } from "#kernel/ids.ts";
import { Conflict, globalRegion, type Document, type Page, type Store } from "#store/contract.ts";
import type { Documents, DocumentType, EntityKind } from "./documents.ts";

export type * from "./documents.ts";

/** The account that holds what belongs to the installation: account aliases are unique across accounts. */
export const installation = "000000000000";

export interface PutOptions {
  indexes?: Record<string, string | readonly string[]>;
  expiresAt?: number;
  version?: number | "any";
}

/** IAM's documents of one account, typed. */
export class IamState {
  readonly account: string;
  readonly #state: State;

  constructor(state: State, account: string) {
    this.#state = state;
    this.account = account;
  }

  /** The same unit of work in another account: aliases, trust of a foreign principal. */
  in(account: string): IamState {
    return new IamState(this.#state, account);
  }

  async get<T extends DocumentType>(type: T, id: string): Promise<Documents[T] | undefined> {
    return (await this.#state.get<Documents[T]>(type, id, this.#at))?.value;
  }

  async getMany<T extends DocumentType>(type: T, ids: readonly string[]): Promise<(Documents[T] | undefined)[]> {
    if (ids.length === 0) return [];
    return (await this.#state.getMany<Documents[T]>(type, ids, this.#at)).map((document) => document?.value);
  }

  list<T extends DocumentType>(type: T, query?: StateQuery): Promise<Page<Documents[T]>> {
    return this.#state.list<Documents[T]>(type, query, this.#at);
  }

  find<T extends DocumentType>(type: T, index: string, query: StateIndexQuery): Promise<Page<Documents[T]>> {
    return this.#state.find<Documents[T]>(type, index, query, this.#at);
  }

  /** All documents of a type; for lists that quotas keep short, and for reports. */
  async all<T extends DocumentType>(type: T, prefix?: string): Promise<Document<Documents[T]>[]> {
    const items: Document<Documents[T]>[] = [];
    let after: string | undefined;
    do {
      const page: Page<Documents[T]> = await this.list(type, {
        ...(prefix === undefined ? {} : { prefix }),
        ...(after === undefined ? {} : { after }),
      });
      items.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    return items;
  }

  count(type: DocumentType, prefix?: string): Promise<number> {
    return this.#state.count(type, prefix, this.#at);
  }

  put<T extends DocumentType>(type: T, id: string, value: Documents[T], options: PutOptions = {}): void {
    this.#state.put(type, id, value, { ...options, at: this.#at });
  }

  delete(type: DocumentType, id: string, version?: "any"): void {
    this.#state.delete(type, id, version === undefined ? { at: this.#at } : { version, at: this.#at });
  }

  check(type: DocumentType, id: string): void {
    this.#state.check(type, id, this.#at);
  }

  checkNone(type: DocumentType, prefix: string): void {
    this.#state.checkNone(type, prefix, this.#at);
  }

  get #at(): { account: string; region: string; service: string } {
    return { account: this.account, region: globalRegion, service: "iam" };
  }
}

/** IAM's documents of the account a call acts in. */
export function iamState(ctx: CallContext): IamState {
  return new IamState(ctx.state, ctx.account);
}

/** A batch that meets this many newer versions in a row is starved; the caller learns it. */
const maxAttempts = 20;

/** For what runs outside a call: sign-in, bootstrap, the identity source. Commits what `work` staged; a stale read runs it again. */
export async function transact<T>(
  store: Store,
  random: Random,
  account: string,
  work: (state: IamState) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const unit = new UnitOfWork(store, { account, region: globalRegion, service: "iam" }, () => random.uuid());
    const result = await work(new IamState(unit, account));
    try {
      if (unit.operations.length > 0) await store.commit(unit.operations);
      return result;
    } catch (error) {
      if (!(error instanceof Conflict) || attempt === maxAttempts) throw error;
    }
  }
}

/** INVARIANT: "|" is in no ARN and no name, so one policy's attachments are exactly the ids with its prefix. */
export function attachmentId(policyArn: string, kind: EntityKind, id: string): string {
  return `${policyArn}|${kind}|${id}`;
}

export function attachmentPrefix(policyArn: string, kind?: EntityKind): string {
  return kind === undefined ? `${policyArn}|` : `${policyArn}|${kind}|`;
}

export function membershipId(group: string, user: string): string {
  return `${group}/${user}`;
}
