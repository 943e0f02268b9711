/** What the gateway asks of IAM with every request, kept in memory until the account's IAM changes. */
import type { Credential, PolicySet } from "#gateway/identity.ts";
import type { Logger } from "#kernel/log.ts";
import type { Store } from "#store/contract.ts";
import { FollowedCache, type Shelf } from "#store/followedCache.ts";

type Policies = Pick<PolicySet, "identity" | "boundary">;
type Status = "ACTIVE" | "SUSPENDED" | "UNKNOWN";

/** Documents that say nothing about who may do what; they change all the time. */
const irrelevant = new Set(["lastUsed", "usage", "throttle", "credentialReport", "accessJob", "deletionTask"]);

export class IdentityCache {
  readonly #cache: FollowedCache;
  readonly #credentials: Shelf<Credential>;
  readonly #policies: Shelf<Policies>;
  readonly #statuses: Shelf<Status>;
  readonly #ended: Shelf<ReadonlySet<string>>;

  constructor(store: Store, log: Logger, monotonic: () => number) {
    this.#cache = new FollowedCache({
      store,
      log,
      monotonic,
      what: "identities",
      stale: ({ key }) => (key.service === "iam" && !irrelevant.has(key.type) ? { account: key.account } : undefined),
    });
    this.#credentials = this.#cache.shelf("credential");
    this.#policies = this.#cache.shelf("policies");
    this.#statuses = this.#cache.shelf("status");
    this.#ended = this.#cache.shelf("ended");
  }

  credential(id: string, load: () => Promise<Credential | undefined>): Promise<Credential | undefined> {
    return this.#cache.through(this.#credentials, id, load, (credential) =>
      credential && "account" in credential.principal
        ? { account: credential.principal.account, value: credential }
        : undefined,
    );
  }

  policies(account: string, id: string, load: () => Promise<Policies>): Promise<Policies> {
    return this.#cache.through(this.#policies, `${account}/${id}`, load, (value) => ({ account, value }));
  }

  status(account: string, load: () => Promise<Status>): Promise<Status> {
    return this.#cache.through(this.#statuses, account, load, (value) =>
      value === "UNKNOWN" ? undefined : { account, value },
    );
  }

  endedSessions(account: string, load: () => Promise<ReadonlySet<string>>): Promise<ReadonlySet<string>> {
    return this.#cache.through(this.#ended, account, load, (value) => ({ account, value }));
  }

  close(): void {
    this.#cache.close();
  }
}
