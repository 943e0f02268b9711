/** One application at an HSM: its sessions, who is signed in, what it sees. Functions are in `…Functions.ts`, by subject. */
import type { Application } from "../rpc/server.ts";
import type { RpcName } from "../rpc/calls.ts";
import type { RpcValue } from "../rpc/messages.ts";
import type { Mechanism } from "../rpc/mechanisms.ts";
import { HsmError, type HsmFailure } from "../contract.ts";
import type { Login } from "../vault/vault.ts";
import { CKA, CKR, CKO, Failure } from "./constants.ts";
import type { Handler } from "./arguments.ts";
import { cryptoFunctions } from "./cryptoFunctions.ts";
import { keyFunctions } from "./keyFunctions.ts";
import { objectFunctions } from "./objectFunctions.ts";
import { ObjectTable, type SeenObject, type Session } from "./session.ts";
import { sessionFunctions } from "./sessionFunctions.ts";
import type { Token } from "./token.ts";

const functions: Partial<Record<RpcName, Handler>> = {
  ...sessionFunctions,
  ...objectFunctions,
  ...keyFunctions,
  ...cryptoFunctions,
};

const mostSessions = 256;

export class HsmApplication implements Application {
  readonly token: Token;
  readonly objects = new ObjectTable();
  readonly #sessions = new Map<number, Session>();
  #login: Login | undefined;
  #nextSession = 1;

  constructor(token: Token) {
    this.token = token;
  }

  async answer(name: RpcName, values: readonly RpcValue[]): Promise<RpcValue[]> {
    const handler = functions[name];
    if (!handler) throw new Failure(CKR.FUNCTION_NOT_SUPPORTED);
    try {
      return await handler(this, values);
    } catch (error) {
      if (error instanceof HsmError) throw new Failure(codes[error.kind] ?? CKR.DEVICE_ERROR, error.message);
      throw error;
    }
  }

  close(): void {
    this.closeSessions();
  }

  openSession(writable: boolean): number {
    if (this.#sessions.size >= mostSessions) throw new Failure(CKR.SESSION_COUNT);
    const handle = this.#nextSession++;
    this.#sessions.set(handle, { handle, writable, operations: new Map() });
    return handle;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  session(value: RpcValue | undefined): Session {
    const session = this.#sessions.get(value as number);
    if (!session) throw new Failure(CKR.SESSION_HANDLE_INVALID);
    return session;
  }

  /** With the last session its application is signed out. Source: PKCS #11 2.40, 5.6, C_CloseSession. */
  closeSession(handle: number): void {
    const session = this.session(handle);
    for (const operation of session.operations.values()) operation.end();
    this.#sessions.delete(handle);
    for (const { key } of this.objects.dropSession(handle)) {
      // What cannot be removed now ends with the backend's own session.
      if (key) void this.token.backend.destroy(key, false).catch(() => {});
    }
    if (this.#sessions.size === 0) this.signOut();
  }

  closeSessions(): void {
    for (const handle of this.#sessions.keys()) this.closeSession(handle);
    this.signOut();
  }

  async signIn(name: string, password: string): Promise<void> {
    if (this.isSignedIn) throw new Failure(CKR.USER_ALREADY_LOGGED_IN);
    const login = await this.token.vault.login(name, password);
    if (login.role !== "crypto-user" || this.#sessions.size === 0) {
      login.leave();
      throw new Failure(login.role === "crypto-user" ? CKR.SESSION_HANDLE_INVALID : CKR.USER_TYPE_INVALID);
    }
    this.#login = login;
  }

  signOut(): void {
    this.#login?.leave();
    this.#login = undefined;
    this.objects.dropTokenObjects();
  }

  get isSignedIn(): boolean {
    return this.#login?.isValid() === true;
  }

  /** Everything with keys needs a crypto user, as AWS's library does. */
  get login(): Login {
    if (!this.#login?.isValid()) throw new Failure(CKR.USER_NOT_LOGGED_IN);
    return this.#login;
  }

  /** Everything this application may see. */
  *visible(): Generator<SeenObject> {
    for (const open of this.login.objects()) {
      yield { handle: this.objects.handleOf(open), attributes: open.attributes, key: open.key, open };
    }
    yield* this.objects.sessionObjects();
  }

  object(value: RpcValue | undefined, missing: number = CKR.OBJECT_HANDLE_INVALID): SeenObject {
    void this.login;
    const object = this.objects.find(value as number);
    if (!object) throw new Failure(missing);
    return object;
  }

  /**
   * A key for a use, which its owner has to have allowed.
   * @throws Failure CKR_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_MECHANISM_INVALID
   */
  keyFor(
    value: RpcValue | undefined,
    use: number,
    mechanism: Mechanism,
    missing: number = CKR.KEY_HANDLE_INVALID,
  ): SeenObject {
    const object = this.object(value, missing);
    const isKey = [CKO.SECRET_KEY, CKO.PRIVATE_KEY, CKO.PUBLIC_KEY].includes(object.attributes.class as 2 | 3 | 4);
    if (!isKey) throw new Failure(missing);
    if (!object.attributes.flag(use)) throw new Failure(CKR.KEY_FUNCTION_NOT_PERMITTED);
    const allowed = object.attributes.get(CKA.ALLOWED_MECHANISMS);
    if (Array.isArray(allowed) && !(allowed as number[]).includes(mechanism.type))
      throw new Failure(CKR.MECHANISM_INVALID);
    return object;
  }
}

const codes: Partial<Record<HsmFailure, number>> = {
  "login-refused": CKR.PIN_INCORRECT,
  "user-locked": CKR.PIN_LOCKED,
  "key-missing": CKR.OBJECT_HANDLE_INVALID,
  forbidden: CKR.ACTION_PROHIBITED,
  "not-active": CKR.TOKEN_NOT_PRESENT,
};
