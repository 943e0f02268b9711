/** Authorizes the connections that wait for it; one whose endpoint cannot be reached waits on. */
import type { JobContext } from "#gateway/context.ts";
import { openSecret } from "./connections.ts";
import { HttpCalls, type EventsSettings } from "./httpCalls.ts";
import { serviceId, types, type Connection, type ConnectionSecret } from "./state.ts";
import { authorize } from "./tokens.ts";

export const connectionJob = (settings: EventsSettings) => (ctx: JobContext) => authorizeConnections(settings, ctx);

async function authorizeConnections(settings: EventsSettings, ctx: JobContext): Promise<void> {
  // Across accounts by design: one job works for all of them.
  const { items } = await ctx.store.find<Connection>({
    service: serviceId,
    type: types.connection,
    index: "waiting",
    limit: 100,
  });
  if (items.length === 0) return;
  const http = new HttpCalls(settings);
  try {
    for (const document of items) {
      const { uid, secret } = document.value;
      if (secret === undefined || ctx.signal.aborted) continue;
      await authorize(ctx, http, document, await openSecret<ConnectionSecret>(ctx.keys, uid, secret));
    }
  } finally {
    await http.close();
  }
}
