/** One request and its answer: what the steps of serving it find out, and what log and metrics tell in the end. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { RoutedRequest } from "./conditions.ts";
import type { ClientConnection } from "./connection.ts";
import type { CompiledRule, ListenerState } from "./listenerState.ts";
import type { Checked } from "./requestChecks.ts";
import { errorPage, reasonPhrase, serverName } from "./responses.ts";
import type { Target, TargetGroup } from "./targets.ts";

export type EdgeRequest = IncomingMessage | Http2ServerRequest;
export type EdgeResponse = ServerResponse | Http2ServerResponse;

export class Exchange implements RoutedRequest {
  readonly state: ListenerState;
  readonly connection: ClientConnection;
  readonly request: EdgeRequest;
  readonly response: EdgeResponse;
  readonly method: string;
  /** Origin form, undecoded. */
  readonly target: string;
  readonly path: string;
  readonly query: string;
  /** As sent, with its port. */
  readonly hostHeader: string;
  readonly host: string;
  readonly clientAddress: string;
  readonly rawHeaders: readonly string[];
  /** `HTTP/1.1`, `HTTP/2.0`. */
  readonly httpVersion: string;
  readonly http2: boolean;
  readonly hasBody: boolean;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly startedTick = performance.now();
  websocket = false;

  checked: Checked = { closeAfter: false };
  traceId = "";
  rule: CompiledRule | undefined;
  /** In the words of the access log: `waf`, `forward`, `authenticate` … */
  readonly actions: string[] = [];
  redirectUrl: string | undefined;
  errorReason: string | undefined;
  targetGroup: TargetGroup | undefined;
  chosen: Target | undefined;
  targetStatus: number | undefined;
  status = 0;
  sentTick: number | undefined;
  answeredTick: number | undefined;
  bodyReceived = 0;
  sent = 0;
  /** Set-Cookie lines that go with whatever is answered. */
  readonly cookies: string[] = [];
  /** Headers that go to the target: the firewall's and those about the user. */
  readonly addedHeaders: string[] = [];
  /** What the rule's transforms made of the request. */
  transformed: { host?: string; uri?: string; status: string } | undefined;
  /** Ends what is under way for it: the request to the target. */
  abandon: (() => void) | undefined;
  finished = false;

  constructor(
    state: ListenerState,
    connection: ClientConnection,
    request: EdgeRequest,
    response: EdgeResponse,
    now: number,
  ) {
    this.state = state;
    this.connection = connection;
    this.request = request;
    this.response = response;
    this.startedAt = now;
    this.method = request.method ?? "";
    this.http2 = request.httpVersionMajor === 2;
    this.httpVersion = `HTTP/${request.httpVersion}`;
    const sent = this.http2 ? withoutPseudoHeaders(request as Http2ServerRequest) : request.rawHeaders;
    const { target, authority } = originForm(request.url ?? "/");
    // INVARIANT: the firewall, the rules and the target are told one and the same host.
    const named = state.frontEnd.attributes.preserveHostHeader ? undefined : authority;
    this.rawHeaders = named === undefined ? sent : withHost(sent, named);
    this.target = target;
    const mark = target.indexOf("?");
    this.path = mark < 0 ? target : target.slice(0, mark);
    this.query = mark < 0 ? "" : target.slice(mark + 1);
    this.hostHeader = hostHeader(this.rawHeaders);
    this.host = hostWithoutPort(this.hostHeader).toLowerCase();
    this.clientAddress = connection.address;
    this.hasBody = this.http2
      ? !(request as Http2ServerRequest).stream.endAfterHeaders
      : request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  }

  get secure(): boolean {
    return this.connection.tls !== undefined;
  }

  get scheme(): "http" | "https" {
    return this.secure ? "https" : "http";
  }

  /** Whether the answer has begun. */
  get answered(): boolean {
    return this.response.headersSent;
  }

  /** An answer of the load balancer itself. Does nothing once an answer has begun. */
  reply(status: number, headers: readonly (readonly [string, string])[], body: string): void {
    if (this.answered || this.finished) return;
    this.status = status;
    const bytes = Buffer.from(body);
    const all: [string, string][] = headers.map(([name, value]) => [name, value]);
    const has = (name: string): boolean => all.some(([given]) => given.toLowerCase() === name);
    if (this.state.document.attributes.serverHeader !== false && !has("server")) all.unshift(["Server", serverName]);
    if (!has("content-length")) all.push(["Content-Length", String(bytes.length)]);
    if (this.checked.closeAfter || this.connection.closing) all.push(["Connection", "close"]);
    for (const cookie of this.cookies) all.push(["Set-Cookie", cookie]);
    try {
      this.writeHead(status, reasonPhrase(status), all.flat());
    } catch {
      // A header that cannot be written, or a client that has just gone: there is nothing to say any more.
      this.response.destroy();
      return;
    }
    this.sent += bytes.length;
    if (this.method === "HEAD") this.response.end();
    else this.response.end(bytes);
  }

  /** The page that the load balancer shows for a status. */
  fail(status: number, errorReason?: string): void {
    this.errorReason ??= errorReason;
    this.reply(status, [["Content-Type", "text/html"]], errorPage(status));
  }

  /** @param flat name, value, name, value … */
  writeHead(status: number, phrase: string, flat: readonly string[]): void {
    const headers = this.#withListenerHeaders(flat);
    this.sent += headLength(phrase, headers);
    if (this.http2) {
      const response = this.response as Http2ServerResponse;
      for (let index = 0; index < headers.length; index += 2) {
        const name = (headers[index] ?? "").toLowerCase();
        // HTTP/2 has no connection headers. RFC 9113 section 8.2.2.
        if (name !== "connection") response.appendHeader(name, headers[index + 1] ?? "");
      }
      response.writeHead(status);
      return;
    }
    (this.response as ServerResponse).writeHead(status, phrase, headers as string[]);
  }

  /** What the listener's attributes set or take away on every response. */
  #withListenerHeaders(flat: readonly string[]): readonly string[] {
    const { serverHeader, responseHeaders } = this.state.document.attributes;
    if (serverHeader !== false && responseHeaders === undefined) return flat;
    const set = Object.entries(responseHeaders ?? {});
    const gone = new Set(set.map(([name]) => name));
    if (serverHeader === false) gone.add("server");
    const kept: string[] = [];
    for (let index = 0; index < flat.length; index += 2) {
      const name = flat[index] ?? "";
      if (!gone.has(name.toLowerCase())) kept.push(name, flat[index + 1] ?? "");
    }
    return [...kept, ...set.flat()];
  }

  /** Bytes of the request's head as HTTP/1.1 writes it. */
  get headReceived(): number {
    return headLength(`${this.method} ${this.target}`, this.rawHeaders);
  }
}

function headLength(first: string, flat: readonly string[]): number {
  let length = first.length + 15;
  for (const part of flat) length += part.length + 2;
  return length;
}

function withoutPseudoHeaders(request: Http2ServerRequest): string[] {
  const { rawHeaders } = request;
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.startsWith(":")) continue;
    // Said twice it stands once; two that differ are refused for it. RFC 9113 section 8.3.1.
    if (name === "host" && rawHeaders[index + 1] === request.authority) continue;
    headers.push(name, rawHeaders[index + 1] ?? "");
  }
  if (request.authority) headers.unshift("host", request.authority);
  return headers;
}

function withHost(rawHeaders: readonly string[], host: string): string[] {
  return rawHeaders.map((part, index) =>
    index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === "host" ? host : part,
  );
}

/** A request to a proxy names the whole URL; its host counts over the Host header, unless that is preserved. RFC 9112 section 3.2.2. */
function originForm(url: string): { target: string; authority?: string } {
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url);
  if (!absolute) return { target: url === "" ? "/" : url };
  const [, authority = "", rest = ""] = absolute;
  return { target: rest.startsWith("/") ? rest : `/${rest}`, authority };
}

function hostHeader(rawHeaders: readonly string[]): string {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === "host") return rawHeaders[index + 1] ?? "";
  }
  return "";
}

export function hostWithoutPort(host: string): string {
  if (host.startsWith("[")) return host.slice(0, host.indexOf("]") + 1) || host;
  const at = host.indexOf(":");
  return at < 0 ? host : host.slice(0, at);
}
