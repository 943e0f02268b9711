/** Web ACLs in front of the routing: which program inspects a front end's requests, and what its verdict does. */
import type { Clock } from "#kernel/clock.ts";
import type { Logger } from "#kernel/log.ts";
import type { DocumentKey } from "#store/contract.ts";
import {
  wafDocuments,
  type Association,
  type Facilities,
  type Program,
  type WafReport,
  type WafRequest,
} from "#engines/waf/contract.ts";
import { compile, loadSource, MemoryRateCounters, WafReporter } from "#engines/waf/index.ts";
import type { Prefix } from "./bodyPrefix.ts";
import type { Exchange } from "./exchange.ts";
import { nameOf, type KnownDocument } from "./feed.ts";
import type { Inspector } from "./serve.ts";

interface Compiled {
  /** Names and versions of the documents it was compiled from. */
  from: string;
  /** Absent: it could not be compiled. */
  program?: Program;
}

export class Firewall implements Inspector {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #facilities: Facilities;
  readonly #reporter: WafReporter;
  /** By ARN of the web ACL, and of the front end. */
  #programs = new Map<string, Compiled>();
  #protected = new Map<string, string>();

  /** @param tokenKey 32 bytes, the same in every process that serves the same front ends; `location`: of addresses */
  constructor(options: Pick<Facilities, "clock" | "random" | "tokenKey" | "location"> & { log: Logger }) {
    this.#log = options.log;
    this.#clock = options.clock;
    const counters = new MemoryRateCounters();
    const { clock, random, tokenKey, location } = options;
    this.#facilities = { clock, random, counters, tokenKey, ...(location ? { location } : {}) };
    this.#reporter = new WafReporter(counters);
  }

  /** Takes note of changed documents: compiles what was made from them anew. */
  async follow(documents: ReadonlyMap<string, KnownDocument>, keys: readonly DocumentKey[]): Promise<void> {
    if (!keys.some(({ service }) => service === wafDocuments.service)) return;
    const associations = new Map<string, string>();
    for (const { key, value } of documents.values()) {
      if (key.service !== wafDocuments.service || key.type !== wafDocuments.types.association) continue;
      const { resourceArn, webAclArn } = value as Association;
      associations.set(resourceArn, webAclArn);
    }
    const programs = new Map<string, Compiled>();
    for (const arn of new Set(associations.values())) programs.set(arn, await this.#compile(arn, documents));
    this.#programs = programs;
    this.#protected = associations;
  }

  async #compile(arn: string, documents: ReadonlyMap<string, KnownDocument>): Promise<Compiled> {
    const before = this.#programs.get(arn);
    const read: string[] = [];
    try {
      const source = await loadSource(arn, async (key) => {
        const document = documents.get(nameOf(key));
        read.push(`${nameOf(key)}@${document?.version ?? 0}`);
        return document?.value;
      });
      const from = read.join("\n");
      return before?.from === from && before.program ? before : { from, program: compile(source) };
    } catch (error) {
      // What it refers to is being changed, or cannot be compiled: the last program goes on; without one nothing passes.
      this.#log.warn({ err: error, webAcl: arn }, "a web ACL cannot be compiled");
      return before ?? { from: "" };
    }
  }

  wants(frontEnd: string): { bodyBytes: number } | undefined {
    const arn = this.#protected.get(frontEnd);
    if (arn === undefined) return undefined;
    const program = this.#programs.get(arn)?.program;
    return { bodyBytes: program?.needsBody === true ? program.bodyLimit : 0 };
  }

  admit(exchange: Exchange, body: Prefix | undefined): boolean {
    const { state } = exchange;
    const program = this.#programs.get(this.#protected.get(state.frontEnd.arn) ?? "")?.program;
    // INVARIANT: what cannot be inspected does not pass, unless the front end says that it may (`waf.fail_open.enabled`).
    if (!program) return failed(exchange);
    const request = wafRequest(exchange, body, program.bodyLimit);
    const verdict = program.inspect(request, this.#facilities);
    const origin = { sourceName: "ALB", sourceId: `${state.account}-${state.frontEnd.name}` };
    this.#reporter.record(program, request, verdict, origin, this.#clock.now());
    if (verdict.failed !== undefined) {
      this.#log.error({ err: verdict.failed, webAcl: program.webAclArn }, "a web ACL could not be evaluated");
      return failed(exchange);
    }
    if (verdict.action === "ALLOW") {
      for (const { name, value } of verdict.insertedHeaders) exchange.addedHeaders.push(name, value);
      return true;
    }
    const { response } = verdict;
    if (!response) exchange.fail(403);
    else if (response.body === "" && response.headers.length === 0) exchange.fail(response.status);
    else exchange.reply(response.status, response.headers, response.body);
    return false;
  }

  /** What happened since the last time. */
  reports(): WafReport[] {
    return this.#reporter.flush(this.#clock.now());
  }
}

/** Source: Elastic Load Balancing User Guide, "HTTP 500: Internal server error" and `waf.fail_open.enabled`. */
function failed(exchange: Exchange): boolean {
  exchange.actions.pop();
  exchange.actions.push("waf-failed");
  if (exchange.state.frontEnd.attributes.wafFailOpen) return true;
  exchange.fail(500, "WAFServiceError");
  return false;
}

function wafRequest(exchange: Exchange, body: Prefix | undefined, limit: number): WafRequest {
  const { connection, request } = exchange;
  const length = Number(request.headers["content-length"]);
  const bytes = body?.bytes.subarray(0, limit);
  return {
    method: exchange.method,
    target: exchange.target,
    httpVersion: exchange.httpVersion,
    scheme: exchange.scheme,
    rawHeaders: exchange.rawHeaders,
    clientAddress: exchange.clientAddress,
    requestId: exchange.traceId.replace(/^.*Root=|^.*Self=/, "").split(";")[0] ?? "",
    ...(connection.tls === undefined ? {} : { tls: { ja3: connection.tls.ja3, ja4: connection.tls.ja4 } }),
    ...(bytes === undefined ? {} : { body: bytes, bodyTruncated: body?.whole !== true || body.bytes.length > limit }),
    ...(exchange.hasBody && Number.isFinite(length) ? { bodyLength: length } : {}),
  };
}
