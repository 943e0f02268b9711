/** What the operator is told of the listeners that the edge serves. */
import type { Store } from "#store/contract.ts";
import { edgeDocument, edgeService, type StatusDocument } from "../edge/config.ts";
import type { AdminStatus } from "./adminContract.ts";

const most = 1_000;

/** Of every account: for the operator. */
export async function listenerStates(store: Store): Promise<AdminStatus["listeners"]> {
  const { items } = await store.list<StatusDocument>({ service: edgeService, type: edgeDocument.status, limit: most });
  const troubled = items.flatMap(({ key, value: { state, reason = "" } }) =>
    state === "active" ? [] : [{ listener: key.id, state, reason }],
  );
  return { served: items.length - troubled.filter(({ state }) => state === "failed").length, troubled };
}
