/** What the operator's socket does with this installation's own XKS proxies. Shapes: adminContract.ts. */
import type { Runtime } from "#gateway/runtime.ts";
import { AwsError } from "#kernel/errors.ts";
import {
  addCredential,
  createProxy,
  deleteProxy,
  listProxies,
  putExternalKey,
  removeCredential,
  removeExternalKey,
} from "../services/kms/xksProxy/operator.ts";
import type { ExternalKeyUse } from "../services/kms/xksProxy/state.ts";
import { type AdminXksProxies, adminPaths } from "./adminContract.ts";
import type { Routes } from "./routes.ts";

type Body = Record<string, unknown>;

const uses: readonly ExternalKeyUse[] = ["ENCRYPT", "DECRYPT"];

/** By `action`. */
const actions: Readonly<Record<string, (runtime: Runtime, name: string, body: Body) => Promise<unknown>>> = {
  create: createProxy,
  delete: deleteProxy,
  "add-credential": addCredential,
  "remove-credential": (runtime, name, body) => removeCredential(runtime, name, text(body, "accessKeyId")),
  "put-key": (runtime, name, body) =>
    putExternalKey(runtime, name, {
      externalKeyId: text(body, "externalKeyId"),
      keyArn: text(body, "keyArn"),
      usage: usageOf(body["usage"]),
    }),
  "remove-key": (runtime, name, body) => removeExternalKey(runtime, name, text(body, "externalKeyId")),
};

export function xksProxyRoutes(runtime: Runtime): Routes {
  return {
    [`GET ${adminPaths.xksProxies}`]: async (): Promise<AdminXksProxies> => ({ proxies: await listProxies(runtime) }),
    [`POST ${adminPaths.xksProxies}`]: async (_query, body) => {
      const action = text(body, "action");
      if (!Object.hasOwn(actions, action)) {
        throw new AwsError("InvalidRequest", `action must be one of ${Object.keys(actions).join(", ")}.`);
      }
      return actions[action]!(runtime, text(body, "name"), body);
    },
  };
}

function text(body: Body, name: string): string {
  const value = body[name];
  if (typeof value !== "string") throw new AwsError("InvalidRequest", `${name} must be a string.`);
  return value;
}

function usageOf(value: unknown): readonly ExternalKeyUse[] {
  if (value === undefined) return uses;
  if (!Array.isArray(value) || value.some((each) => !uses.includes(each as ExternalKeyUse))) {
    throw new AwsError("InvalidRequest", `usage must be a list of ${uses.join(" and ")}.`);
  }
  return uses.filter((use) => value.includes(use));
}
