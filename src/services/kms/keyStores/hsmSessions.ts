/**
 * Sessions of `kmsuser` in the clusters of connected key stores, one a store in each process, opened when they are
 * first needed. The password is in this process only while a session opens, and in the plane's client while it is open.
 */
import type { HsmPlane, HsmSession } from "#hsm/contract.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { holding } from "../errors.ts";
import { type HsmStoreDocument, passwordPurpose } from "./state.ts";

/** The crypto user of KMS. Source: KMS Developer Guide, "AWS CloudHSM key store concepts", kmsuser. */
export const kmsUser = "kmsuser";

/** What KMS needs of the plane. */
export type KeyStorePlane = Pick<HsmPlane, "cluster" | "listUsers" | "changePassword" | "checkLogin" | "openSession">;

/** How often it is looked whether the store of an open session is still connected, and the installation not sealed. */
const lookMs = 500;

interface Open {
  /** Of the store's connection: a session of an earlier one is of no use. */
  attempt: string;
  session: Promise<HsmSession>;
  /** Once it is open. */
  opened?: HsmSession;
  timer: NodeJS.Timeout;
}

export class HsmSessions {
  readonly #plane: KeyStorePlane;
  readonly #open = new Map<string, Open>();

  constructor(plane: KeyStorePlane) {
    this.#plane = plane;
  }

  /**
   * The session of a connected store.
   * @param stillConnected asked again and again while the session is open; without a yes the session ends
   */
  async get(
    store: HsmStoreDocument,
    keys: KeyHolder,
    stillConnected: (attempt: string) => Promise<boolean>,
  ): Promise<HsmSession> {
    const { connection } = store;
    const attempt = connection.state === "CONNECTED" ? (connection.attempt ?? "") : "";
    const known = this.#open.get(store.id);
    if (known?.attempt === attempt) return known.session;
    this.end(store.id);
    const session = this.#login(store, keys);
    const timer = setInterval(() => {
      void Promise.all([stillConnected(attempt), keys.state()])
        .then(([connected, { sealed }]) => connected && !sealed)
        .catch(() => false)
        .then((connected) => {
          if (!connected && this.#open.get(store.id)?.timer === timer) this.end(store.id);
        });
    }, lookMs).unref();
    const open: Open = { attempt, session, timer };
    this.#open.set(store.id, open);
    try {
      return (open.opened = await session);
    } catch (error) {
      if (this.#open.get(store.id) === open) this.end(store.id);
      throw error;
    }
  }

  async #login(store: HsmStoreDocument, keys: KeyHolder): Promise<HsmSession> {
    const password = await passwordOf(keys, store.id, store.protectedPassword);
    return this.#plane.openSession(store.clusterId, { user: kmsUser, password });
  }

  /**
   * Logs out, whether or not the cluster still hears it.
   * @param only this session: another caller may have opened a better one meanwhile
   */
  end(storeId: string, only?: HsmSession): void {
    const known = this.#open.get(storeId);
    if (!known || (only && known.opened !== only)) return;
    this.#open.delete(storeId);
    clearInterval(known.timer);
    void known.session.then((session) => session.close()).catch(() => undefined);
  }
}

export async function passwordOf(keys: KeyHolder, storeId: string, protectedPassword: string): Promise<string> {
  const secret = Buffer.from(protectedPassword, "base64");
  return Buffer.from(await holding(keys.reveal(passwordPurpose, storeId, secret))).toString("utf8");
}

export async function protectPassword(keys: KeyHolder, storeId: string, password: string): Promise<string> {
  const kept = await holding(keys.protect(passwordPurpose, storeId, Buffer.from(password, "utf8")));
  return Buffer.from(kept).toString("base64");
}
