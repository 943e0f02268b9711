/**
 * The STS half of the gateway's identity source: who a session's access key id is, and the policies it was
 * narrowed by. Sessions never change, so what was read once is kept while it is in use.
 */
import type { Clock } from "#kernel/clock.ts";
import type { Credential, NamedPolicy } from "#gateway/identity.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { Store } from "#store/contract.ts";
import { credentialOf, sessionPurpose, sessionScope, type Session } from "./state.ts";

export interface SessionIdentity {
  credential(accessKeyId: string): Promise<Credential | undefined>;
  /** Session policies of a session's access key; `undefined` when none was passed. */
  sessionPolicies(accessKeyId: string): Promise<readonly NamedPolicy[] | undefined>;
}

const denyAll = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Action: "*", Resource: "*" }],
});

interface Known {
  session: Session;
  revealed: Uint8Array;
}

export function createSessionIdentity(
  { store, keys, clock }: { store: Store; keys: KeyHolder; clock: Clock },
  limit = 10_000,
): SessionIdentity {
  let young = new Map<string, Known>();
  let old = new Map<string, Known>();

  async function known(accessKeyId: string): Promise<Known | undefined> {
    const cached = young.get(accessKeyId) ?? old.get(accessKeyId);
    const found = cached ?? (await read(accessKeyId));
    if (!found) return undefined;
    if (!young.has(accessKeyId)) {
      if (young.size >= limit / 2) {
        old = young;
        young = new Map();
      }
      young.set(accessKeyId, found);
    }
    return found;
  }

  async function read(accessKeyId: string): Promise<Known | undefined> {
    const document = await store.get<Session>({ ...sessionScope, type: "session", id: accessKeyId });
    if (!document) return undefined;
    const sealed = Buffer.from(document.value.secret, "base64");
    return { session: document.value, revealed: await keys.reveal(sessionPurpose, accessKeyId, sealed) };
  }

  return {
    async credential(accessKeyId) {
      const found = await known(accessKeyId);
      return found && credentialOf(accessKeyId, found.session, found.revealed, clock.now());
    },
    async sessionPolicies(accessKeyId) {
      const found = await known(accessKeyId);
      // INVARIANT: what narrowed a session that has ended is not known any more; a call that is still running may do
      // nothing further, instead of everything.
      return found ? found.session.policies : [{ name: "session that has ended", document: denyAll }];
    },
  };
}
