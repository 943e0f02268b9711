/**
 * When keys, roles and services were last used. Every request touches them, so they are gathered in memory and
 * written once a second; the same fact is not written again within a minute.
 * Source: IAM User Guide, "Refine permissions in AWS using last accessed information".
 */
import type { Principal } from "#gateway/principal.ts";
import type { Random } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import { globalRegion, type Store } from "#store/contract.ts";
import { transact, type IamState } from "./state.ts";

interface Touch {
  account: string;
  id: string;
  service: string;
  action: string;
  region: string;
  at: number;
}

const flushMs = 1000;
const repeatMs = 60_000;
/** Facts remembered as written; beyond it all are forgotten, which only costs writes. */
const capacity = 50_000;

export class LastUsedRecorder {
  readonly #store: Store;
  readonly #random: Random;
  readonly #log: Logger;
  /** Use of keys and roles, by account and document id; use of services by entity and namespace. */
  readonly #uses = new Map<string, Touch>();
  readonly #usages = new Map<string, Map<string, Touch>>();
  readonly #written = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(store: Store, random: Random, log: Logger) {
    this.#store = store;
    this.#random = random;
    this.#log = log;
  }

  /** @param action IAM action, e.g. "kms:Encrypt"; its prefix is the namespace. */
  touched(principal: Principal, service: string, action: string, region: string, at: number): void {
    if (principal.kind === "anonymous" || principal.kind === "service") return;
    const entity = principal.kind === "role" ? principal.roleId : principal.id;
    const touch = (id: string): Touch => ({
      account: principal.account,
      id,
      service,
      action,
      // Global services are shown under us-east-1 (recorded from AWS: iam → us-east-1).
      region: region === globalRegion ? "us-east-1" : region,
      at,
    });
    if (principal.kind === "role") this.#use(touch(`role/${entity}`));
    const longTerm = principal.accessKeyId?.startsWith("AKIA") && !("session" in principal && principal.session);
    if (longTerm) this.#use(touch(`key/${principal.accessKeyId}`));
    if (principal.kind === "user" || principal.kind === "role") {
      const [namespace, name] = action.split(":");
      if (namespace && name) this.#usage(touch(`${entity}/${namespace}`), name);
    }
    this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  /** Writes everything gathered so far; failures are logged and dropped, this is no audit data. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async close(): Promise<void> {
    await this.flush();
  }

  #use(touch: Touch): void {
    const name = `${touch.account}/${touch.id}`;
    if (this.#fresh(`${name}/${touch.service}/${touch.region}`, touch.at)) this.#uses.set(name, touch);
  }

  #usage(touch: Touch, action: string): void {
    const name = `${touch.account}/${touch.id}`;
    if (!this.#fresh(`${name}/${action}/${touch.region}`, touch.at)) return;
    let actions = this.#usages.get(name);
    if (!actions) this.#usages.set(name, (actions = new Map()));
    actions.set(action, touch);
  }

  /** Whether a fact is worth writing: not written within the last minute. */
  #fresh(fact: string, at: number): boolean {
    const last = this.#written.get(fact);
    if (last !== undefined && at - last < repeatMs) return false;
    if (this.#written.size >= capacity) this.#written.clear();
    this.#written.set(fact, at);
    return true;
  }

  async #write(): Promise<void> {
    const uses = [...this.#uses.values()];
    const usages = [...this.#usages.values()];
    this.#uses.clear();
    this.#usages.clear();
    for (const touch of uses) {
      await this.#try(touch.account, async (state) => {
        const known = await state.get("lastUsed", touch.id);
        if (known && known.at >= touch.at) return;
        state.put("lastUsed", touch.id, { at: touch.at, region: touch.region, service: touch.service });
      });
    }
    for (const actions of usages) {
      const [first] = actions.values();
      if (!first) continue;
      await this.#try(first.account, async (state) => {
        const usage = (await state.get("usage", first.id)) ?? { at: 0, region: first.region, actions: {} };
        for (const [action, { at, region }] of actions) {
          if ((usage.actions[action]?.at ?? 0) < at) usage.actions[action] = { at, region };
          if (usage.at < at) {
            usage.at = at;
            usage.region = region;
          }
        }
        state.put("usage", first.id, usage);
      });
    }
  }

  async #try(account: string, work: (state: IamState) => Promise<void>): Promise<void> {
    try {
      await transact(this.#store, this.#random, account, work);
    } catch (error) {
      this.#log.warn({ err: error }, "last use could not be written");
    }
  }
}
