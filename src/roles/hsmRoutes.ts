/**
 * What the operator's socket does with clusters of hardware security modules: shows them, and hands on what their officers
 * and users ask for. Nothing is done without their passwords, and none is kept. Shapes: adminContract.ts.
 */
import { AwsError } from "#kernel/errors.ts";
import type { Store } from "#store/contract.ts";
import {
  firstOfficer,
  type HsmBackend,
  type HsmCredentials,
  HsmError,
  type HsmPlane,
  type HsmRole,
  type QuorumApproval,
  type QuorumService,
} from "../hsm/contract.ts";
import { hsmsView } from "../services/cloudhsmv2/operator.ts";
import { type AdminHsmKey, type AdminHsms, adminPaths } from "./adminContract.ts";
import type { Routes } from "./routes.ts";

type Body = Readonly<Record<string, unknown>>;
type Action = (plane: HsmPlane, clusterId: string, body: Body) => Promise<unknown>;

const roles: readonly HsmRole[] = ["admin", "crypto-user"];
const quorumServices: readonly QuorumService[] = ["user", "quorum"];

/** By `action`. */
const actions: Readonly<Record<string, Action>> = {
  /** The first change of the first officer's password. */
  activate: (plane, id, body) =>
    plane.changePassword(
      id,
      { user: firstOfficer.name, password: firstOfficer.password },
      firstOfficer.name,
      text(body, "newPassword"),
    ),
  users: (plane, id) => plane.listUsers(id),
  "create-user": (plane, id, body) =>
    plane.createUser(id, officer(body), {
      name: text(body, "name"),
      role: oneOf(roles, text(body, "role"), "role"),
      password: text(body, "newPassword"),
    }),
  "delete-user": (plane, id, body) => plane.deleteUser(id, officer(body), text(body, "name")),
  "change-password": (plane, id, body) =>
    plane.changePassword(id, officer(body), text(body, "name"), text(body, "newPassword")),
  quorum: (plane, id) => plane.quorum(id),
  "set-quorum": (plane, id, body) => plane.setQuorum(id, officer(body), serviceOf(body), count(body, "approvals")),
  "register-quorum-key": (plane, id, body) => plane.registerQuorumKey(id, officer(body), text(body, "publicKey")),
  "quorum-token": (plane, id, body) => plane.quorumToken(id, officer(body), serviceOf(body)),
  keys: (plane, id, body) => listKeys(plane, id, officer(body)),
  "share-key": (plane, id, body) => plane.shareKey(id, officer(body), text(body, "keyId"), text(body, "name")),
  "unshare-key": (plane, id, body) => plane.unshareKey(id, officer(body), text(body, "keyId"), text(body, "name")),
};

export function hsmRoutes(store: Store, plane: HsmPlane, backend: HsmBackend): Routes {
  return {
    [`GET ${adminPaths.hsm}`]: (): Promise<AdminHsms> => told(hsmsView(store, plane, backend)),
    [`POST ${adminPaths.hsm}`]: async (_query, body) => {
      const action = text(body, "action");
      if (!Object.hasOwn(actions, action)) {
        throw new AwsError("InvalidRequest", `action must be one of ${Object.keys(actions).join(", ")}.`);
      }
      return (await told(actions[action]!(plane, text(body, "clusterId"), body))) ?? {};
    },
  };
}

/** The keys that a crypto user keeps in a cluster or may use. */
async function listKeys(
  plane: HsmPlane,
  clusterId: string,
  credentials: { user: string; password: string },
): Promise<AdminHsmKey[]> {
  const session = await plane.openSession(clusterId, credentials);
  const keys = await session.list().finally(() => session.close());
  return keys.map((key) => ({ ...key, keyId: Buffer.from(key.keyId).toString("hex") }));
}

/** The plane's refusals under their own names. */
async function told<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof HsmError)) throw error;
    throw new AwsError(error.kind, error.message, error.kind === "unavailable" ? 503 : 400, { cause: error });
  }
}

function officer(body: Body): HsmCredentials {
  const quorum = body["quorum"] === undefined ? {} : { quorum: approval(body["quorum"]) };
  return { user: text(body, "user"), password: text(body, "password"), ...quorum };
}

function approval(value: unknown): QuorumApproval {
  const { tokenId, approvals } = (value ?? {}) as Partial<QuorumApproval>;
  const wellFormed =
    typeof tokenId === "string" &&
    Array.isArray(approvals) &&
    approvals.every((each) => typeof each?.user === "string" && typeof each.signature === "string");
  if (!wellFormed) {
    throw new AwsError("InvalidRequest", "quorum must be { tokenId, approvals: [{ user, signature }] }.");
  }
  return { tokenId, approvals: approvals.map(({ user, signature }) => ({ user, signature })) };
}

function serviceOf(body: Body): QuorumService {
  return oneOf(quorumServices, text(body, "service"), "service");
}

function oneOf<T extends string>(choices: readonly T[], value: string, name: string): T {
  const found = choices.find((each) => each === value);
  if (found === undefined) throw new AwsError("InvalidRequest", `${name} must be one of ${choices.join(", ")}.`);
  return found;
}

function text(body: Body, name: string): string {
  const value = body[name];
  if (typeof value !== "string" || value === "") throw new AwsError("InvalidRequest", `${name} must be a text.`);
  return value;
}

function count(body: Body, name: string): number {
  const value = body[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new AwsError("InvalidRequest", `${name} must be a whole number.`);
  }
  return value;
}
