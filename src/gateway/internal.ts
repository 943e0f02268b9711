/**
 * Calls between services, without the wire: same authorization, same audit record. The caller is either the
 * principal on whose behalf a service works (forward access session) or the service itself.
 */
import { AwsError } from "#kernel/errors.ts";
import { execute } from "./execute.ts";
import type { Clients } from "./clients.ts";
import type { JoinedRecords } from "./joinedRecords.ts";
import type { CallSource, Runtime } from "./runtime.ts";
import type { Principal } from "./principal.ts";

export interface InternalCaller {
  principal: Principal;
  account: string;
  region: string;
  source: CallSource;
  signal: AbortSignal;
  /** Of the call that makes these calls, when they may be recorded in its batch. */
  joined?: JoinedRecords;
}

export function clientsFor(runtime: Runtime, caller: InternalCaller): Clients {
  return clientsOver((service, operation, input) =>
    execute(runtime, {
      ...caller,
      service: runtime.model(service),
      operation,
      input,
      requestId: runtime.random.uuid(),
    }),
  );
}

/**
 * Clients with the permissions of a role that a service assumes; `caller` is the service.
 * @throws AccessDenied the role does not trust it
 */
export async function roleClients(
  runtime: Runtime,
  caller: InternalCaller,
  roleArn: string,
  sessionName: string,
): Promise<Clients> {
  const { Credentials: made } = await clientsFor(runtime, caller).sts.AssumeRole({
    RoleArn: roleArn,
    RoleSessionName: sessionName,
  });
  const principal = (await runtime.identity.credential(made!.AccessKeyId!))?.principal;
  if (principal?.kind !== "role") throw new AwsError("AccessDenied", `The role ${roleArn} cannot be assumed.`, 403);
  return clientsFor(runtime, { ...caller, principal, account: principal.account });
}

/** Typed clients over any way of making a call; the jobs role gives one that goes over IPC. */
export function clientsOver(
  invoke: (service: string, operation: string, input: Record<string, unknown>) => Promise<Record<string, unknown>>,
): Clients {
  return new Proxy({} as Clients, {
    get: (_, service: string) =>
      new Proxy(
        {},
        { get: (_target, operation: string) => (input: Record<string, unknown>) => invoke(service, operation, input) },
      ),
  });
}
