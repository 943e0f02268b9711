/**
 * The one shape of every service. A service folder exports `service` from its `index.ts`:
 *
 *     export const service = defineService<typeof import("@aws-sdk/client-kms")>()({
 *       id: "kms",
 *       operations: { Encrypt: encrypt, Decrypt: decrypt },
 *       access: { Encrypt: (input, ctx) => keyAccess(input.KeyId, ctx) },
 *     });
 */
import type { Readable } from "node:stream";
import type { NamedPolicy } from "./identity.ts";
import type { CallContext, JobContext, ReactorContext } from "./context.ts";
import type { StoredEvent } from "#stream/contract.ts";

export type ByteStream = AsyncIterable<Uint8Array>;

/** SDK types on our side of the wire: streaming members are async iterables or bytes, everything else is as the SDK says. */
type Member<T> = [Extract<T, Readable>] extends [never] ? T : ByteStream | Uint8Array | undefined;
type Shallow<T> = { [K in keyof T]: Member<T[K]> };

/** `prototype` and not the constructor: commands without required input have an overloaded constructor. */
type InputOf<Command> = Command extends { prototype: { readonly input: infer I } } ? Shallow<I> : never;
/** The output type hangs off the inherited `Command<Input, Output, ...>`. */
type OutputOf<Command> = Command extends {
  prototype: { resolveMiddleware(...args: never[]): (args: never) => Promise<{ output: infer O }> };
}
  ? Omit<Shallow<O>, "$metadata">
  : never;

export type OperationName<Sdk> = { [K in keyof Sdk]: K extends `${infer Op}Command` ? Op : never }[keyof Sdk];
export type Input<Sdk, Op extends string> = `${Op}Command` extends keyof Sdk ? InputOf<Sdk[`${Op}Command`]> : never;
export type Output<Sdk, Op extends string> = `${Op}Command` extends keyof Sdk ? OutputOf<Sdk[`${Op}Command`]> : never;

type MaybePromise<T> = T | Promise<T>;

export type Handlers<Sdk> = {
  [Op in OperationName<Sdk>]: (input: Input<Sdk, Op>, ctx: CallContext) => MaybePromise<Output<Sdk, Op>>;
};

/** One authorization question. An operation may ask several; all must be allowed. */
export interface Access {
  /** IAM action, e.g. "kms:Encrypt". */
  action: string;
  /** ARN, or "*" for actions without a resource. */
  resource: string;
  /** Account that owns the resource; the caller's when absent. */
  resourceAccount?: string;
  /** Policies attached to the resource. */
  resourcePolicies?: readonly NamedPolicy[];
  /**
   * How the resource policy combines with identity policies in the same account.
   * "either": the union (S3, SNS, SQS ...). "delegated": nothing is allowed unless the resource policy allows the
   * principal itself or hands the decision to the account (KMS keys, role trust).
   */
  trust?: "either" | "delegated";
  /** How the resource policies are to be read; "resource" unless they are key policies or trust policies. */
  policyKind?: "resource" | "key" | "trust";
  /** The caller is not (yet) an AWS principal but vouched for by this identity provider: its ARN or built-in name. */
  federatedProvider?: string;
  /** The caller has just proved a second factor with this very request. */
  mfaProved?: boolean;
  /** Service and resource condition keys: `kms:EncryptionContext:dept`, `aws:ResourceTag/team`, `s3:prefix`. */
  context?: Record<string, string | readonly string[]>;
  /** What to say when it is refused; default is AWS's general text. S3 answers 404 to callers who may not list, and so on. */
  onDenied?: (message: string) => Error;
}

export type AccessOf<Sdk> = {
  [Op in OperationName<Sdk>]?: (
    input: Input<Sdk, Op>,
    ctx: CallContext,
  ) => MaybePromise<Access | readonly Access[] | "none">;
};

/** What one call leaves in the audit trail beyond what its input and output say. */
export interface AuditDetail {
  resources?: { ARN: string; accountId?: string; type: string }[];
  /** Instead of the input without its sensitive members. */
  requestParameters?: Record<string, unknown> | null;
  /** Request parameters that CloudTrail calls otherwise: `bucket` → `bucketName`. */
  requestNames?: Readonly<Record<string, string>>;
  /** Request parameters beside the input. */
  requestMore?: Readonly<Record<string, unknown>>;
  responseElements?: Record<string, unknown> | null;
  additionalEventData?: Record<string, unknown>;
  readOnly?: boolean;
  /** CloudTrail's name of the event where it is not the operation's. */
  eventName?: string;
  /** Of a caller that signs nothing and is vouched for by an identity provider: `WebIdentityUser`, `SAMLUser`. */
  userIdentity?: Record<string, unknown>;
  /** Data events (S3 objects, Lambda invocations) are recorded only where a trail selects them. */
  category?: "Management" | "Data" | "Insight";
  /** Shared event id for cross-account deliveries. */
  sharedEventId?: string;
}

/** Work that runs by the clock, in one process at a time under a lease, again after a crash. */
export interface Job {
  name: string;
  everyMs: number;
  run(ctx: JobContext): Promise<void>;
}

/** Work that follows events; at least once, so it is idempotent by event id. */
export interface Reactor {
  name: string;
  stream: string;
  handle(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void>;
}

export interface ServiceDefinition<Sdk> {
  /** Model id, e.g. "kms". */
  id: string;
  operations: Partial<Handlers<Sdk>>;
  /** Every operation that has a handler has a row here; a test and the start-up check hold that. */
  access: AccessOf<Sdk>;
  /** Per-operation audit details that differ from the default (input without sensitive members, no response elements for reads). */
  audit?: {
    [Op in OperationName<Sdk>]?: (
      input: Input<Sdk, Op>,
      output: Output<Sdk, Op> | undefined,
      ctx: CallContext,
    ) => AuditDetail;
  };
  jobs?: readonly Job[];
  reactors?: readonly Reactor[];
}

/** A service with its SDK types erased, as the gateway holds it. */
export interface Service {
  id: string;
  operations: ReadonlyMap<
    string,
    (input: Record<string, unknown>, ctx: CallContext) => MaybePromise<Record<string, unknown>>
  >;
  access: ReadonlyMap<
    string,
    (input: Record<string, unknown>, ctx: CallContext) => MaybePromise<Access | readonly Access[] | "none">
  >;
  audit: ReadonlyMap<
    string,
    (input: Record<string, unknown>, output: Record<string, unknown> | undefined, ctx: CallContext) => AuditDetail
  >;
  jobs: readonly Job[];
  reactors: readonly Reactor[];
}

export function defineService<Sdk>() {
  return (definition: ServiceDefinition<Sdk>): Service => {
    const operations = new Map(Object.entries(definition.operations)) as unknown as Service["operations"];
    const access = new Map(Object.entries(definition.access)) as unknown as Service["access"];
    for (const name of operations.keys()) {
      if (!access.has(name)) throw new Error(`${definition.id}:${name} has a handler but no authorization mapping`);
    }
    return {
      id: definition.id,
      operations,
      access,
      audit: new Map(Object.entries(definition.audit ?? {})) as unknown as Service["audit"],
      jobs: definition.jobs ?? [],
      reactors: definition.reactors ?? [],
    };
  };
}
