/**
 * authorize → handler → commit with the audit record. Used by the HTTP pipeline and by in-process calls alike.
 *
 * INVARIANT: the effect of a call and its audit record are one batch. A refused call leaves its record, and
 * nothing else. When the record cannot be written the call fails: nothing is done unrecorded.
 */
import { AwsError } from "#kernel/errors.ts";
import { KeyHolderUnavailable, Sealed } from "#keys/contract.ts";
import { BlobUnavailable } from "#blob/contract.ts";
import { Conflict, StoreUnavailable, type Operation } from "#store/contract.ts";
import { auditRecord, auditStream, type AuditInput, type AuditRecord } from "./auditRecord.ts";
import { auditView } from "./auditView.ts";
import { abandonOutput } from "#wire/abandon.ts";
import { Authorizer, Denied } from "./authorize.ts";
import { HandlerContext, type CallRun } from "./callContext.ts";
import type { CallContext } from "./context.ts";
import { denialOperation } from "./denials.ts";
import { JoinedRecords } from "./joinedRecords.ts";
import { isReadOnly } from "./readOnly.ts";
import type { Call, Runtime } from "./runtime.ts";
import type { Access, AuditDetail, Service } from "./service.ts";
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
    for (let attempt = 1; ; attempt++) {
      const ctx = execution.begin();
      let output: Record<string, unknown>;
      try {
        await execution.authorize(ctx);
        output = await handler(call.input, ctx);
      } catch (error) {
        throw await execution.refuse(error);
      }
      try {
        await execution.commit(output);
        return output;
      } catch (error) {
        await abandonOutput(output);
        await execution.lost(error, attempt);
      }
    }
  } finally {
    execution.settle();
  }
}

class Execution implements CallRun {
  readonly runtime: Runtime;
  readonly call: Call;
  readonly now: number;
  readonly remembered = new Map<string, unknown>();
  readonly #service: Service;
  readonly #authorizer: Authorizer;
  #state!: UnitOfWork;
  #ctx!: CallContext;
  #detail: AuditDetail = {};
  /** Accounts other than the caller's whose resources the call touched; each gets its own copy of the record. */
  #owners: Set<string> | undefined;
  #joined: JoinedRecords | undefined;
  readonly #settled: (() => void)[] = [];

  constructor(runtime: Runtime, call: Call, service: Service) {
    this.runtime = runtime;
    this.call = call;
    this.#service = service;
    this.now = runtime.clock.now();
    this.#authorizer = new Authorizer(runtime, call, this.now);
  }

  begin(): CallContext {
    const { random, store } = this.runtime;
    const { account, region, service } = this.call;
    this.#state = new UnitOfWork(store, { account, region, service: service.id }, () => random.uuid());
    this.#detail = {};
    this.#ctx = new HandlerContext(this, this.#state);
    return this.#ctx;
  }

  get joined(): JoinedRecords {
    return (this.#joined ??= new JoinedRecords((batch) => this.runtime.store.commit(batch)));
  }

  note(detail: AuditDetail): void {
    this.#detail = { ...this.#detail, ...detail };
  }

  require(access: Access): Promise<void> {
    const { resourceAccount } = access;
    if (resourceAccount !== undefined && resourceAccount !== this.call.account) {
      (this.#owners ??= new Set()).add(resourceAccount);
    }
    return this.#authorizer.require(access);
  }

  allows(access: Access): Promise<boolean> {
    return this.#authorizer.allows(access);
  }

  whenSettled(work: () => void): void {
    this.#settled.push(work);
  }

  /** The call is over, however it ended. */
  settle(): void {
    for (const work of this.#settled.splice(0)) work();
  }

  async authorize(ctx: CallContext): Promise<void> {
    const { principal, source, operation } = this.call;
    // What a service does for its caller is the service's doing.
    const refusal = source.calledVia.length === 0 ? sessionRefusal(principal, this.#service.id, operation) : undefined;
    if (refusal) throw refusal;
    const answer = await this.#service.access.get(operation)!(this.call.input, ctx);
    if (answer === "none") return;
    for (const access of Array.isArray(answer) ? answer : [answer]) await this.require(access);
  }

  commit(output: Record<string, unknown>): Promise<void> {
    const records = this.#records(this.#detailOf(output), output);
    const { operations } = this.#state;
    const batch = operations.length === 0 ? records : [...operations, ...records];
    if (this.#joined) return this.#commitWith(this.#joined, batch);
    if (operations.length === 0 && this.call.joined?.join(records)) return Promise.resolve();
    return this.runtime.store.commit(batch);
  }

  /** What was done on the way to the effect of this call is recorded in front of it. */
  async #commitWith(joined: JoinedRecords, batch: readonly Operation[]): Promise<void> {
    const records = await joined.close();
    try {
      await this.runtime.store.commit([...records, ...batch]);
    } catch (error) {
      // An engine that is gone may have taken the records or not. Otherwise nothing was applied, and they still wait.
      if (!(error instanceof StoreUnavailable)) joined.reopen(records);
      throw error;
    }
  }

  /** Records a failed call and gives the error that the client sees. */
  async refuse(error: unknown): Promise<AwsError> {
    const shown = publicError(error);
    if (shown.status >= 500) this.runtime.log.error({ err: error, requestId: this.call.requestId }, "call failed");
    let detail: AuditDetail = {};
    try {
      detail = this.#detailOf(undefined);
    } catch {
      // An audit row that needs what the refused input lacks: the default record is written.
    }
    const operations = this.#records(detail, undefined, shown, error instanceof Denied);
    if (error instanceof Denied) operations.push(denialOperation(this.call, error, this.now));
    try {
      if (this.#joined) await this.#commitWith(this.#joined, operations);
      else await this.runtime.store.commit(operations);
    } catch (failure) {
      return publicError(failure);
    }
    return shown;
  }

  /** After a commit that failed: resolves when the call is to run again, throws what the client sees otherwise. */
  async lost(error: unknown, attempt: number): Promise<void> {
    if (!(error instanceof Conflict)) throw publicError(error);
    if (attempt === maxAttempts) {
      throw await this.refuse(
        new AwsError("ThrottlingException", "Too many concurrent changes to the same resource. Try again.", 400),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, this.runtime.random.below(2 ** Math.min(attempt, 6))));
  }

  /** What the operation's audit row says, and over it what the handler has added. */
  #detailOf(output: Record<string, unknown> | undefined): AuditDetail {
    const row = this.#service.audit.get(this.call.operation);
    return row ? { ...row(this.call.input, output, this.#ctx), ...this.#detail } : this.#detail;
  }

  /**
   * INVARIANT: what a caller was denied in another account is not in the caller's record: it would tell whether, and as what,
   * it is there. The owner's copy has it.
   */
  #records(
    detail: AuditDetail,
    output: Record<string, unknown> | undefined,
    error?: AwsError,
    denied = false,
  ): Operation[] {
    const { random } = this.runtime;
    const { service, operation, account } = this.call;
    const model = service.operations.get(operation)!;
    const readOnly = isReadOnly(service, operation);
    const owners = this.#owners;
    // Views that the record does not show are not made.
    const showsInput = detail.requestParameters === undefined;
    const showsOutput = output !== undefined && detail.responseElements === undefined && !(detail.readOnly ?? readOnly);
    const input: AuditInput = {
      service,
      operation,
      principal: this.call.principal,
      account,
      region: this.call.region,
      now: this.now,
      requestId: this.call.requestId,
      eventId: random.uuid(),
      source: this.call.source,
      readOnly,
      input: showsInput ? auditView(model.input, this.call.input) : null,
      output: showsOutput ? auditView(model.output, output) : null,
      ...(error ? { error: { code: error.code, message: error.message } } : {}),
      detail: owners === undefined ? detail : { sharedEventId: random.uuid(), ...detail },
    };
    const own = denied && owners !== undefined ? { ...input, detail: withoutForeign(detail, account) } : input;
    const records = [appendRecord(auditRecord(own))];
    for (const owner of owners ?? []) {
      records.push(appendRecord(auditRecord({ ...input, account: owner, eventId: random.uuid() })));
    }
    return records;
  }
}

function withoutForeign(detail: AuditDetail, account: string): AuditDetail {
  const { resources = [], ...rest } = detail;
  const own = resources.filter(({ accountId = account }) => accountId === account);
  return own.length > 0 ? { ...rest, resources: own } : rest;
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
