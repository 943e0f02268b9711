/** The hub of an account in a Region: what a new one is, and what it listens to. */
import type { State } from "#gateway/context.ts";
import { integrations } from "./products.ts";
import { arnOf, scopeOf, types, type Hub, type Place, type ProductSubscription } from "./state.ts";

/** @param now epoch milliseconds */
export function newHub({ account, region }: Place, now: number): Hub {
  return {
    account,
    region,
    arn: arnOf({ account, region }, "hub/default"),
    subscribedAt: now,
    tags: {},
  };
}

export function putHub(state: State, hub: Hub): void {
  state.put(types.hub, types.hub, hub, { at: scopeOf(hub) });
}

export function subscribe(state: State, place: Place, path: string): void {
  state.put<ProductSubscription>(types.product, path, { path }, { version: "any", at: scopeOf(place) });
}

/** To what is listened to without being asked for. */
export function subscribeAll(state: State, place: Place): void {
  for (const { path, byItself } of integrations) if (byItself) subscribe(state, place, path);
}
