/** Slots, tokens, sessions, signing in. Source: PKCS #11 2.40, 5.4 to 5.6. */
import type { RpcName } from "../rpc/calls.ts";
import type { HsmApplication } from "./application.ts";
import { bytesOf, roomOf, slot, type Handler } from "./arguments.ts";
import { CKF, CKR, CKS, CKU, Failure } from "./constants.ts";
import { flagsOf, mechanismRow, mechanismTypes } from "./mechanisms.ts";

const cryptoki = [2, 40] as const;
const firmware = [1, 0] as const;
const manufacturer = "Jikimi";
const unavailable = -1;

/** PIN: `user:password`. Source: "Authenticate to the PKCS #11 library for AWS CloudHSM". */
const longestPin = 31 + 1 + 32;
const shortestPin = 1 + 1 + 7;

export const sessionFunctions: Partial<Record<RpcName, Handler>> = {
  C_GetInfo: ({ token }) => [cryptoki, padded(manufacturer, 32), 0, padded(token.names.description, 32), firmware],

  C_GetSlotList: (application, [present, room]) => {
    const slots = present === 1 && !isPresent(application) ? [] : [slot];
    return [roomOf(room) < slots.length ? { length: slots.length } : slots];
  },

  C_GetSlotInfo: (application, [id]) => {
    expectSlot(id);
    const { description } = application.token.names;
    return [
      padded(description, 64),
      padded(manufacturer, 32),
      isPresent(application) ? CKF.TOKEN_PRESENT : 0,
      firmware,
      firmware,
    ];
  },

  C_GetTokenInfo: (application, [id]) => {
    expectToken(application, id);
    const { label, model, serial } = application.token.names;
    const flags = CKF.RNG | CKF.LOGIN_REQUIRED | CKF.USER_PIN_INITIALIZED | CKF.TOKEN_INITIALIZED;
    const memory = [unavailable, unavailable, unavailable, unavailable];
    return [
      padded(label, 32),
      padded(manufacturer, 32),
      padded(model, 16),
      padded(serial, 16),
      flags,
      0,
      application.sessionCount,
      0,
      unavailable,
      longestPin,
      shortestPin,
      ...memory,
      firmware,
      firmware,
      padded("", 16),
    ];
  },

  C_GetMechanismList: (application, [id, room]) => {
    expectToken(application, id);
    const types = mechanismTypes.filter((type) => offers(application, type));
    return [roomOf(room) < types.length ? { length: types.length } : types];
  },

  C_GetMechanismInfo: (application, [id, type]) => {
    expectToken(application, id);
    const row = mechanismRow(type as number);
    if (!row || !offers(application, row.type)) throw new Failure(CKR.MECHANISM_INVALID);
    return [row.min, row.max, flagsOf(row)];
  },

  C_OpenSession: (application, [id, flags]) => {
    expectToken(application, id);
    if (((flags as number) & CKF.SERIAL_SESSION) === 0) throw new Failure(CKR.SESSION_PARALLEL_NOT_SUPPORTED);
    return [application.openSession(((flags as number) & CKF.RW_SESSION) !== 0)];
  },

  C_CloseSession: (application, [session]) => (application.closeSession(session as number), []),

  C_CloseAllSessions: (application, [id]) => {
    expectSlot(id);
    application.closeSessions();
    return [];
  },

  C_GetSessionInfo: (application, [value]) => {
    const { writable } = application.session(value);
    const signedIn = application.isSignedIn;
    const state = writable ? (signedIn ? CKS.RW_USER : CKS.RW_PUBLIC) : signedIn ? CKS.RO_USER : CKS.RO_PUBLIC;
    return [slot, state, CKF.SERIAL_SESSION | (writable ? CKF.RW_SESSION : 0), 0];
  },

  C_Login: async (application, [session, user, pin]) => {
    application.session(session);
    // Officers do not use keys; what they do, they do in the plane.
    if (user !== CKU.USER) throw new Failure(CKR.USER_TYPE_INVALID);
    const given = bytesOf(pin);
    if (given.length > longestPin * 4) throw new Failure(CKR.PIN_LEN_RANGE);
    const text = given.toString("utf8");
    const colon = text.indexOf(":");
    if (colon < 1) throw new Failure(CKR.PIN_INCORRECT);
    await application.signIn(text.slice(0, colon), text.slice(colon + 1));
    return [];
  },

  C_Logout: (application, [session]) => {
    application.session(session);
    void application.login;
    application.signOut();
    return [];
  },
};

function offers({ token }: HsmApplication, type: number): boolean {
  return mechanismRow(type)?.uses[0] === "digest" || token.backend.offers(type);
}

/** A cluster that no officer has taken over yet has no token for applications. */
function isPresent({ token }: HsmApplication): boolean {
  return token.vault.cluster()?.activated === true;
}

function expectSlot(id: unknown): void {
  if (id !== slot) throw new Failure(CKR.SLOT_ID_INVALID);
}

function expectToken(application: HsmApplication, id: unknown): void {
  expectSlot(id);
  if (!isPresent(application)) throw new Failure(CKR.TOKEN_NOT_PRESENT);
}

/** Strings of fixed length are padded with spaces. */
function padded(text: string, length: number): string {
  return text.slice(0, length).padEnd(length);
}
