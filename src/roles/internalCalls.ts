/**
 * What the api role does for the other roles over the internal socket: calls between services, and the key
 * holder. Store and stream are served beside them by their own modules. Whoever can open the socket owns the data folder.
 */
import { AwsError } from "#kernel/errors.ts";
import type { ErrorCodec, IpcClient, IpcHandlers } from "#ipc/contract.ts";
import type { Clients } from "#gateway/clients.ts";
import type { JobContext } from "#gateway/context.ts";
import { clientsFor, clientsOver, type InternalCaller, roleClients } from "#gateway/internal.ts";
import type { CallSource, Runtime } from "#gateway/runtime.ts";
import {
  DecryptError,
  KeyDestroyed,
  KeyHolderUnavailable,
  Sealed,
  SealError,
  UnsupportedMaterial,
  type KeyHolder,
} from "#keys/contract.ts";

/** Calls that a service makes by itself come from nowhere. */
function serviceSource(service: string): CallSource {
  return { ip: service, userAgent: service, host: "", scheme: "https", headers: {}, calledVia: [] };
}

type Where = Parameters<JobContext["asService"]>[1];

export const callErrors: readonly ErrorCodec[] = [
  {
    name: "AwsError",
    encode: (error) => {
      const { code, status, fields, headers } = error as AwsError;
      return { code, status, fields, headers };
    },
    decode: ({ code, status, fields, headers }, message) =>
      new AwsError(String(code), message, Number(status), {
        fields: fields as Record<string, unknown>,
        headers: headers as Record<string, string>,
      }),
  },
  // A refused authorization is an AwsError with an explanation that stays here.
  {
    name: "Denied",
    encode: (error) => ({ code: (error as AwsError).code, status: (error as AwsError).status }),
    decode: ({ code, status }, message) => new AwsError(String(code), message, Number(status)),
  },
  plain("Sealed", () => new Sealed()),
  plain("SealError", (message) => new SealError(message)),
  plain("DecryptError", () => new DecryptError()),
  plain("KeyDestroyed", () => new KeyDestroyed()),
  plain("KeyHolderUnavailable", () => new KeyHolderUnavailable()),
  plain("UnsupportedMaterial", (message) => new UnsupportedMaterial(message)),
];

function plain(name: string, decode: (message: string) => Error): ErrorCodec {
  return { name, encode: () => ({}), decode: (_, message) => decode(message) };
}

/** Every method of the key holder that other roles may ask for; unsealing is the operator's. */
const keyMethods = [
  "state",
  "generate",
  "encrypt",
  "decrypt",
  "reencrypt",
  "random",
  "dataKey",
  "wrappedDataKey",
  "mac",
  "verifyMac",
  "destroy",
  "rotateDomainKey",
  "protect",
  "reveal",
] as const satisfies (keyof KeyHolder)[];

export function callHandlers(runtime: Runtime): IpcHandlers {
  const handlers: Record<string, (args: readonly unknown[], context: { signal: AbortSignal }) => unknown> = {
    "aws.asService": ([service, where, target, operation, input], { signal }) =>
      invokeAsService(runtime, String(service), where as Where, signal)(String(target), String(operation), input),
    "aws.asRole": async ([service, where, roleArn, sessionName, target, operation, input], { signal }) => {
      const caller = serviceCaller(String(service), where as Where, signal);
      const clients = await roleClients(runtime, caller, String(roleArn), String(sessionName));
      return invoke(clients, String(target), String(operation), input);
    },
    "identity.organization": ([account]) => runtime.identity.organization(String(account)),
  };
  for (const method of keyMethods) {
    handlers[`keys.${method}`] = (args) =>
      (runtime.keys[method] as (...parameters: readonly unknown[]) => unknown)(...args);
  }
  return handlers;
}

function invokeAsService(runtime: Runtime, service: string, where: Where, signal: AbortSignal) {
  const clients = clientsFor(runtime, serviceCaller(service, where, signal));
  return (target: string, operation: string, input: unknown): unknown => invoke(clients, target, operation, input);
}

function serviceCaller(service: string, where: Where, signal: AbortSignal): InternalCaller {
  return {
    principal: {
      kind: "service",
      service,
      sourceAccount: where.account,
      ...(where.sourceArn === undefined ? {} : { sourceArn: where.sourceArn }),
    },
    account: where.account,
    region: where.region,
    source: serviceSource(service),
    signal,
  };
}

function invoke(clients: Clients, target: string, operation: string, input: unknown): unknown {
  const client = clients[target as keyof Clients] as unknown as Record<string, (given: unknown) => unknown>;
  return client[operation]!(input);
}

/** The other side: clients and keys of a role that is not the api role. */
export function remoteCalls(client: IpcClient): Pick<JobContext, "asService" | "asRole" | "keys" | "organization"> {
  const keys: Record<string, unknown> = {
    unseal: refused,
    seal: refused,
    close: async () => {},
  };
  for (const method of keyMethods) {
    keys[method] = (...args: readonly unknown[]) => client.call(`keys.${method}`, args);
  }
  return {
    asService: (service, where) =>
      clientsOver(async (target, operation, input) => {
        const output = await client.call("aws.asService", [service, where, target, operation, input]);
        return output as Record<string, unknown>;
      }),
    asRole: (roleArn, sessionName, service, where) =>
      clientsOver(async (target, operation, input) => {
        const call = [service, where, roleArn, sessionName, target, operation, input];
        return (await client.call("aws.asRole", call)) as Record<string, unknown>;
      }),
    organization: async (account) =>
      (await client.call("identity.organization", [account])) as Awaited<ReturnType<JobContext["organization"]>>,
    keys: keys as unknown as KeyHolder,
  };
}

async function refused(): Promise<never> {
  throw new SealError("the seal is opened and closed at the api role");
}
