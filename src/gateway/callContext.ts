/**
 * What a handler is given. Every call makes one, most handlers use little of it: what costs something to make is made
 * when it is asked for.
 */
import { AwsError } from "#kernel/errors.ts";
import { partitionOf } from "#kernel/arn.ts";
import type { Clients } from "./clients.ts";
import type { CallContext } from "./context.ts";
import { clientsFor } from "./internal.ts";
import type { JoinedRecords } from "./joinedRecords.ts";
import { servicePrincipal, type Principal } from "./principal.ts";
import type { Call, CallSource, Runtime } from "./runtime.ts";
import type { Access, AuditDetail } from "./service.ts";
import type { UnitOfWork } from "./state.ts";

/** What a context asks of the run of the call it belongs to. */
export interface CallRun {
  readonly runtime: Runtime;
  readonly call: Call;
  /** Epoch milliseconds at the start of the call. */
  readonly now: number;
  /** Results of `once`, kept from one attempt to the next. */
  readonly remembered: Map<string, unknown>;
  /** Records that wait for the commit of this call. */
  readonly joined: JoinedRecords;
  note(detail: AuditDetail): void;
  require(access: Access): Promise<void>;
  allows(access: Access): Promise<boolean>;
  whenSettled(work: () => void): void;
}

type As = Parameters<CallContext["asService"]>[1];

const neverAborted = new AbortController().signal;

export class HandlerContext implements CallContext {
  readonly #run: CallRun;
  readonly requestId: string;
  readonly service: string;
  readonly operation: string;
  readonly account: string;
  readonly region: string;
  readonly principal: Principal;
  readonly now: number;
  readonly state: UnitOfWork;
  readonly kept = new Map<symbol, unknown>();
  readonly signal: AbortSignal;
  readonly payload?: NonNullable<CallContext["payload"]>;
  #request: CallContext["request"] | undefined;
  #aws: Clients | undefined;

  constructor(run: CallRun, state: UnitOfWork) {
    const { call } = run;
    this.#run = run;
    this.requestId = call.requestId;
    this.service = call.service.id;
    this.operation = call.operation;
    this.account = call.account;
    this.region = call.region;
    this.principal = call.principal;
    this.now = run.now;
    this.state = state;
    this.signal = call.signal;
    if (call.payload !== undefined) this.payload = call.payload;
  }

  get partition() {
    return partitionOf(this.region);
  }
  get clock() {
    return this.#run.runtime.clock;
  }
  get random() {
    return this.#run.runtime.random;
  }
  get log() {
    return this.#run.runtime.log;
  }
  get blobs() {
    return this.#run.runtime.blobs;
  }
  get keys() {
    return this.#run.runtime.keys;
  }
  get identity() {
    return this.#run.runtime.identity;
  }
  get feed() {
    return this.#run.runtime.store;
  }
  get draining() {
    return this.#run.runtime.draining ?? neverAborted;
  }
  get config() {
    return this.#run.runtime.config;
  }
  get request(): CallContext["request"] {
    return (this.#request ??= requestOf(this.#run.call.source));
  }

  get aws(): Clients {
    return (this.#aws ??= this.awsIn(this.region));
  }

  get awsJoined(): Clients {
    return this.#clients(this.principal, this.account, this.region, this.#via, this.#run.joined);
  }

  awsIn(region: string): Clients {
    return this.#clients(this.principal, this.account, region, this.#via);
  }

  asService(service: string, at: As = {}): Clients {
    const principal: Principal = {
      kind: "service",
      service,
      ...(at.sourceArn === undefined ? {} : { sourceArn: at.sourceArn }),
      ...(at.sourceAccount === undefined ? {} : { sourceAccount: at.sourceAccount }),
    };
    return this.#clients(principal, at.account ?? this.account, at.region ?? this.region, []);
  }

  async asRole(roleArn: string, sessionName: string, service: string): Promise<Clients> {
    const { Credentials } = await this.asService(service).sts.AssumeRole({
      RoleArn: roleArn,
      RoleSessionName: sessionName,
    });
    const credential = await this.identity.credential(Credentials!.AccessKeyId!);
    if (!credential) throw new AwsError("AccessDenied", `The role ${roleArn} cannot be assumed.`, 403);
    const { principal } = credential;
    return this.#clients(principal, (principal as { account: string }).account, this.region, []);
  }

  async once<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { remembered } = this.#run;
    if (!remembered.has(name)) remembered.set(name, await work());
    return remembered.get(name) as T;
  }

  audit(detail: AuditDetail): void {
    this.#run.note(detail);
  }

  authorize(access: Access): Promise<void> {
    return this.#run.require(access);
  }

  allowed(access: Access): Promise<boolean> {
    return this.#run.allows(access);
  }

  onSettled(work: () => void): void {
    this.#run.whenSettled(work);
  }

  get #via(): readonly string[] {
    return [...this.#run.call.source.calledVia, servicePrincipal(this.service)];
  }

  #clients(
    principal: Principal,
    account: string,
    region: string,
    calledVia: readonly string[],
    joined?: JoinedRecords,
  ): Clients {
    const { runtime, call } = this.#run;
    const source = { ...call.source, calledVia };
    const caller = { principal, account, region, source, signal: call.signal };
    return clientsFor(runtime, joined === undefined ? caller : { ...caller, joined });
  }
}

function requestOf(source: CallSource): CallContext["request"] {
  return {
    sourceIp: source.ip,
    userAgent: source.userAgent,
    headers: source.headers,
    scheme: source.scheme,
    host: source.host,
    ...(source.tls ? { tls: source.tls } : {}),
    ...(source.signature ? { signature: source.signature } : {}),
    calledVia: source.calledVia,
  };
}
