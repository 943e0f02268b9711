/**
 * authorize → handler → commit with the audit record. Used by the HTTP pipeline and by in-process calls alike.
 *
 * INVARIANT: the effect of a call and its audit record are one batch. A refused call leaves its record, and
 * nothing else. When the record cannot be written the call fails: nothing is done unrecorded.
 */
import { AwsError } from "#kernel/errors.ts";
import { partitionOf } from "#kernel/arn.ts";
import { KeyHolderUnavailable, Sealed } from "#keys/contract.ts";
import { BlobUnavailable } from "#blob/contract.ts";
import { Conflict, StoreUnavailable, type Operation } from "#store/contract.ts";
import { accessLevelOf, actionsOf } from "#policy/actions.ts";
import { auditRecord, auditStream, type AuditRecord } from "./auditRecord.ts";
import { auditView } from "./auditView.ts";
import type { ServiceModel } from "#model/types.ts";
import { abandonOutput } from "#wire/abandon.ts";
import { Authorizer, Denied } from "./authorize.ts";
import type { CallContext } from "./context.ts";
import { denialOperation } from "./denials.ts";
import { clientsFor } from "./internal.ts";
import type { Call, Runtime } from "./runtime.ts";
import type { AuditDetail, Service } from "./service.ts";
import { sessionRefusal } from "./sessionLimits.ts";
import { UnitOfWork } from "./state.ts";

/** How often a call is run again when it lost a race for a document; the losers of a burst back off at random. */
const maxAttempts = 20;

export async function execute(runtime: Runtime, call: Call): Promise<Record<string, unknown>> {
  const service = runtime.services.get(call.service.id);
  const handler = service?.operations.get(call.operation);
  if (!service || !handler) throw await recordRefusal(runtime, call, notImplemented(call));

  const execution = new Execution(runtime, call, service);
  try {
    return await attempts(runtime, execution, handler, call.input);
  } finally {
    execution.settle();
  }
}

async function attempts(
  runtime: Runtime,
  execution: Execution,
  handler: NonNullable<ReturnType<Service["operations"]["get"]>>,
  input: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  for (let attempt = 1; ; attempt++) {
    const ctx = execution.begin();
    let output: Record<string, unknown>;
    try {
      await execution.authorize(ctx);
      output = await handler(input, ctx);
    } catch (error) {
      throw await execution.refuse(error);
    }
    try {
      await execution.commit(output);
      return output;
    } catch (error) {
      await abandonOutput(output);
      if (!(error instanceof Conflict)) throw publicError(error);
      if (attempt === maxAttempts) {
        throw await execution.refuse(
          new AwsError("ThrottlingException", "Too many concurrent changes to the same resource. Try again.", 400),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, runtime.random.below(2 ** Math.min(attempt, 6))));
    }
  }
}

class Execution {
  readonly #runtime: Runtime;
  readonly #call: Call;
  readonly #service: Service;
  readonly #remembered = new Map<string, unknown>();
  readonly #authorizer: Authorizer;
  readonly #now: number;
  #state!: UnitOfWork;
  #ctx!: CallContext;
  #detail: AuditDetail = {};
  /** Accounts other than the caller's whose resources the call touched; each gets its own copy of the record. */
  readonly #owners = new Set<string>();
  readonly #whenSettled: (() => void)[] = [];

  constructor(runtime: Runtime, call: Call, service: Service) {
    this.#runtime = runtime;
    this.#call = call;
    this.#service = service;
    this.#now = runtime.clock.now();
    this.#authorizer = new Authorizer(runtime, call, this.#now);
  }

  begin(): CallContext {
    const { clock, random, log, blobs, keys, identity, store, config } = this.#runtime;
    const { account, region, service, source } = this.#call;
    this.#state = new UnitOfWork(store, { account, region, service: service.id }, () => random.uuid());
    this.#detail = {};
    const remembered = this.#remembered;
    this.#ctx = {
      requestId: this.#call.requestId,
      service: service.id,
      operation: this.#call.operation,
      account,
      region,
      partition: partitionOf(region),
      principal: this.#call.principal,
      now: this.#now,
      clock,
      random,
      log,
      state: this.#state,
      blobs,
      keys,
      identity,
      aws: clientsFor(this.#runtime, {
        principal: this.#call.principal,
        account,
        region,
        source: { ...source, calledVia: [...source.calledVia, servicePrincipal(service.id)] },
        signal: this.#call.signal,
      }),
      asService: (name, at = {}) =>
        clientsFor(this.#runtime, {
          principal: {
            kind: "service",
            service: name,
            ...(at.sourceArn === undefined ? {} : { sourceArn: at.sourceArn }),
            ...(at.sourceAccount === undefined ? {} : { sourceAccount: at.sourceAccount }),
          },
          account: at.account ?? account,
          region: at.region ?? region,
          source: { ...source, calledVia: [] },
          signal: this.#call.signal,
        }),
      asRole: async (roleArn, sessionName, name) => {
        const { Credentials } = await this.#ctx.asService(name).sts.AssumeRole({
          RoleArn: roleArn,
          RoleSessionName: sessionName,
        });
        const credential = await this.#runtime.identity.credential(Credentials!.AccessKeyId!);
        if (!credential) throw new AwsError("AccessDenied", `The role ${roleArn} cannot be assumed.`, 403);
        return clientsFor(this.#runtime, {
          principal: credential.principal,
          account: (credential.principal as { account: string }).account,
          region,
          source: { ...source, calledVia: [] },
          signal: this.#call.signal,
        });
      },
      async once<T>(name: string, work: () => Promise<T>): Promise<T> {
        if (!remembered.has(name)) remembered.set(name, await work());
        return remembered.get(name) as T;
      },
      audit: (detail) => {
        this.#detail = { ...this.#detail, ...detail };
      },
      authorize: async (access) => {
        this.#owns(access.resourceAccount);
        await this.#authorizer.require(access);
      },
      allowed: (access) => this.#authorizer.allows(access),
      request: {
        sourceIp: source.ip,
        userAgent: source.userAgent,
        headers: source.headers,
        scheme: source.scheme,
        host: source.host,
        ...(source.tls ? { tls: source.tls } : {}),
        ...(source.signature ? { signature: source.signature } : {}),
        calledVia: source.calledVia,
      },
      ...(this.#call.payload ? { payload: this.#call.payload } : {}),
      feed: store,
      onSettled: (work) => {
        this.#whenSettled.push(work);
      },
      signal: this.#call.signal,
      config,
    };
    return this.#ctx;
  }

  /** The call is over, however it ended. */
  settle(): void {
    for (const work of this.#whenSettled.splice(0)) work();
  }

  async authorize(ctx: CallContext): Promise<void> {
    const { principal, source, operation } = this.#call;
    // What a service does for its caller is the service's doing.
    const refusal = source.calledVia.length === 0 ? sessionRefusal(principal, this.#service.id, operation) : undefined;
    if (refusal) throw refusal;
    const answer = await this.#service.access.get(this.#call.operation)!(this.#call.input, ctx);
    if (answer === "none") return;
    for (const access of Array.isArray(answer) ? answer : [answer]) await ctx.authorize(access);
  }

  async commit(output: Record<string, unknown>): Promise<void> {
    const detail = {
      ...this.#service.audit.get(this.#call.operation)?.(this.#call.input, output, this.#ctx),
      ...this.#detail,
    };
    await this.#runtime.store.commit([...this.#state.operations, ...this.#records(detail, output)]);
  }

  /** Records a failed call and gives the error that the client sees. */
  async refuse(error: unknown): Promise<AwsError> {
    const shown = publicError(error);
    if (shown.status >= 500) this.#runtime.log.error({ err: error, requestId: this.#call.requestId }, "call failed");
    let detail: AuditDetail = {};
    try {
      detail = {
        ...this.#service.audit.get(this.#call.operation)?.(this.#call.input, undefined, this.#ctx),
        ...this.#detail,
      };
    } catch {
      // An audit row that needs what the refused input lacks: the default record is written.
    }
    const operations = this.#records(detail, undefined, shown);
    if (error instanceof Denied) operations.push(denialOperation(this.#call, error, this.#now));
    try {
      await this.#runtime.store.commit(operations);
    } catch (failure) {
      return publicError(failure);
    }
    return shown;
  }

  #owns(account: string | undefined): void {
    if (account !== undefined && account !== this.#call.account) this.#owners.add(account);
  }

  #records(detail: AuditDetail, output: Record<string, unknown> | undefined, error?: AwsError): Operation[] {
    const { random } = this.#runtime;
    const { service, operation } = this.#call;
    const model = service.operations.get(operation)!;
    const shared = this.#owners.size > 0 ? { sharedEventId: random.uuid() } : {};
    const base = {
      service,
      operation,
      principal: this.#call.principal,
      region: this.#call.region,
      now: this.#now,
      requestId: this.#call.requestId,
      source: this.#call.source,
      readOnly: isReadOnly(service, operation),
      input: auditView(model.input, this.#call.input),
      output: output ? auditView(model.output, output) : null,
      ...(error ? { error: { code: error.code, message: error.message } } : {}),
      detail: { ...shared, ...detail },
    };
    return [this.#call.account, ...this.#owners].map((account) =>
      appendRecord(auditRecord({ ...base, account, eventId: random.uuid() })),
    );
  }
}

function appendRecord(record: AuditRecord): Operation {
  return { op: "append", stream: auditStream, key: record.recipientAccountId, id: record.eventID, event: record };
}

/** An operation without a handler is said so, at once and for good: a 4xx, because SDKs retry 5xx. */
function notImplemented(call: Call): AwsError {
  const name = `${call.service.id}:${call.operation}`;
  return new AwsError("NotImplemented", `${name} is not implemented by Jikimi. See docs/coverage.md.`, 400);
}

/** Records a call that was refused before its handler was asked. Gives the error that the client sees. */
export async function recordRefusal(runtime: Runtime, call: Omit<Call, "input">, error: AwsError): Promise<AwsError> {
  const record = auditRecord({
    ...call,
    now: runtime.clock.now(),
    eventId: runtime.random.uuid(),
    readOnly: isReadOnly(call.service, call.operation),
    input: null,
    output: null,
    error,
    detail: {},
  });
  try {
    await runtime.store.commit([appendRecord(record)]);
    return error;
  } catch (failure) {
    return publicError(failure);
  }
}

/** Whether an operation only reads, by the access level of its IAM action. */
function isReadOnly(service: ServiceModel, operation: string): boolean {
  const httpMethod = service.operations.get(operation)?.http.method;
  const actions = actionsOf(service.iamPrefix, operation, {
    service: service.id,
    ...(httpMethod === undefined ? {} : { httpMethod }),
  });
  if (actions.length === 0) return /^(Get|List|Describe|Lookup|Head|Search|Query|Simulate)/.test(operation);
  return actions.every((action) => {
    const level = accessLevelOf(action);
    return level === "Read" || level === "List";
  });
}

/** The service principal of one of our services. */
export function servicePrincipal(service: string): string {
  return `${service}.amazonaws.com`;
}

/** What a client may see of an error. Anything unknown is `InternalFailure`; its detail goes to the log only. */
export function publicError(error: unknown): AwsError {
  if (error instanceof AwsError) return error;
  if (error instanceof Sealed) {
    return new AwsError("KMSInternalException", "The key holder is sealed. Unseal it with `jikimi unseal`.", 500);
  }
  if (error instanceof StoreUnavailable || error instanceof BlobUnavailable || error instanceof KeyHolderUnavailable) {
    return new AwsError("ServiceUnavailable", "The service is unavailable. Please retry.", 503, { cause: error });
  }
  return new AwsError(
    "InternalFailure",
    "The request processing has failed because of an unknown error, exception or failure.",
    500,
    {
      cause: error,
    },
  );
}
