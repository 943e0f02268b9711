/**
 * Forwards one request to one target and streams the answer back. Nothing is held back but what does not fit into the
 * sockets: a slow reader slows the writer down, in both directions.
 */
import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { PassThrough, type Duplex, type Readable } from "node:stream";
import type { Dispatcher } from "undici";
import type { EdgeRequest, Exchange } from "./exchange.ts";
import { connectionTokens, isHopByHopResponse } from "./forwardedHeaders.ts";
import type { Target } from "./targets.ts";

export interface Forwarded {
  /** Path with query, as the target gets it. */
  target: string;
  /** Name, value, name, value … */
  headers: string[];
  /** What was read of the body already, when that is all of it. */
  wholeBody?: Buffer;
  /** Set-Cookie lines for an answer with these Set-Cookie lines of the target. */
  stickyCookies(setByApplication: readonly string[]): readonly string[];
  /** Given for a WebSocket handshake: takes over both connections; `ended` is called once they are. */
  upgrade?: (raw: RawHeaders, status: number, target: Duplex, ended: () => void) => void;
}

export type RawHeaders = Dispatcher.DispatchController["rawHeaders"];

/** Errors of undici and of sockets that mean that the target took too long. */
const timeouts = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"]);

/** The connection had been closed by the target when the request was sent on it. */
const stale = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

/** May be sent again when nothing came back. RFC 9110 section 9.2.2. */
const repeatable = new Set(["GET", "HEAD", "OPTIONS"]);

export function forwardRequest(exchange: Exchange, target: Target, forwarded: Forwarded): void {
  new Forwarding(exchange, target, forwarded).begin();
}

class Forwarding implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #target: Target;
  readonly #forwarded: Forwarded;
  #controller: Dispatcher.DispatchController | undefined;
  #attempts = 0;
  #done = false;
  #clientGone = false;
  #waitingForDrain = false;

  constructor(exchange: Exchange, target: Target, forwarded: Forwarded) {
    this.#exchange = exchange;
    this.#target = target;
    this.#forwarded = forwarded;
  }

  begin(): void {
    const { response } = this.#exchange;
    response.on("close", () => {
      if (response.writableFinished || this.#done) return;
      this.#clientGone = true;
      this.#exchange.status ||= 460;
      this.#controller?.abort(new Error("the client is gone"));
      this.#finish();
    });
    this.#exchange.abandon = () => {
      this.#clientGone = true;
      this.#controller?.abort(new Error("the request cannot be read on"));
      this.#finish();
    };
    this.#dispatch();
  }

  #dispatch(): void {
    const { request, method, state, hasBody } = this.#exchange;
    const timeout = state.frontEnd.attributes.idleTimeoutSeconds * 1000;
    const { wholeBody } = this.#forwarded;
    this.#attempts++;
    this.#target.outstanding++;
    this.#exchange.sentTick = performance.now();
    try {
      this.#target.dispatcher.dispatch(
        {
          path: this.#forwarded.target,
          method: method as Dispatcher.HttpMethod,
          headers: this.#forwarded.headers,
          body: wholeBody ?? (hasBody ? bodyOf(request) : null),
          headersTimeout: timeout,
          bodyTimeout: timeout,
          ...(this.#forwarded.upgrade ? { upgrade: "websocket" } : {}),
        },
        this,
      );
    } catch (error) {
      this.#target.outstanding--;
      this.#fail(502, (error as Error).message);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#clientGone) controller.abort(new Error("the client is gone"));
  }

  onBodySent(chunk: Uint8Array): void {
    this.#exchange.bodyReceived += chunk.length;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: unknown, phrase?: string): void {
    // Interim answers (103) are not passed on.
    if (status < 200) return;
    const exchange = this.#exchange;
    if (this.#clientGone) return;
    exchange.answeredTick = performance.now();
    exchange.targetStatus = status;
    exchange.status = status;
    const headers = this.#answerHeaders(controller.rawHeaders);
    try {
      if (!exchange.http2) (exchange.response as ServerResponse).sendDate = !hasHeader(headers, "date");
      exchange.writeHead(status, phrase ?? "", headers);
    } catch {
      // A header that cannot be written is a malformed answer.
      controller.abort(new Error("malformed answer"));
      this.#fail(502, "TargetMalformedResponse");
    }
  }

  #answerHeaders(raw: RawHeaders): string[] {
    const exchange = this.#exchange;
    const flat = textOf(raw);
    const perConnection = connectionTokens(flat);
    const headers: string[] = [];
    const cookies: string[] = [];
    for (let index = 0; index < flat.length; index += 2) {
      const name = flat[index] ?? "";
      const lower = name.toLowerCase();
      if (isHopByHopResponse(lower, perConnection) || (exchange.http2 && lower === "trailer")) continue;
      if (lower === "set-cookie") cookies.push(flat[index + 1] ?? "");
      headers.push(name, flat[index + 1] ?? "");
    }
    for (const cookie of [...exchange.cookies, ...this.#forwarded.stickyCookies(cookies)])
      headers.push("Set-Cookie", cookie);
    if (exchange.checked.closeAfter || exchange.connection.closing) headers.push("Connection", "close");
    return headers;
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController, status: number, _: unknown, socket: Duplex): void {
    const exchange = this.#exchange;
    exchange.answeredTick = performance.now();
    exchange.targetStatus = exchange.status = status;
    this.#done = true;
    this.#target.tunnels.add(socket);
    this.#forwarded.upgrade?.(controller.rawHeaders, status, socket, () => {
      this.#target.tunnels.delete(socket);
      this.#target.outstanding--;
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response } = this.#exchange;
    if (this.#clientGone) return;
    this.#exchange.sent += chunk.length;
    if ((response as ServerResponse).write(chunk) || this.#waitingForDrain) return;
    this.#waitingForDrain = true;
    controller.pause();
    response.once("drain", () => {
      this.#waitingForDrain = false;
      controller.resume();
    });
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: Record<string, string | string[] | undefined>): void {
    const { response, http2 } = this.#exchange;
    const names = Object.keys(trailers ?? {});
    if (names.length > 0 && !this.#clientGone) addTrailers(response, http2, trailers);
    this.#target.outstanding--;
    response.end();
    this.#finish();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#target.outstanding--;
    if (this.#clientGone || this.#done) return this.#finish();
    const { code = "" } = error as NodeJS.ErrnoException;
    if (stale.has(code) && this.#mayRepeat()) return this.#dispatch();
    if (this.#exchange.answered) {
      // INVARIANT: an answer that is cut short is not ended as if it were whole.
      this.#exchange.errorReason = "TargetConnectionClosed";
      this.#exchange.response.destroy();
      return this.#finish();
    }
    if (timeouts.has(code)) this.#fail(504, "TargetTimeout");
    // What undici will not send is no request that a target could read.
    else if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED") this.#fail(400, code);
    else this.#fail(502, code);
  }

  #mayRepeat(): boolean {
    const { answered, method, hasBody, targetStatus } = this.#exchange;
    return this.#attempts === 1 && !answered && targetStatus === undefined && !hasBody && repeatable.has(method);
  }

  #fail(status: number, reason: string): void {
    const { request } = this.#exchange;
    this.#exchange.fail(status, reason);
    // The rest of a body that nobody will read must not hold the connection.
    if (this.#exchange.hasBody) request.resume();
    this.#finish();
  }

  #finish(): void {
    this.#done = true;
  }
}

/** undici destroys a body that it does not finish reading; the connection of the client has to outlive that. */
function bodyOf(request: EdgeRequest): Readable {
  const body = new PassThrough();
  request.pipe(body);
  return body;
}

/** Name, value, name, value … as text. */
export function textOf(raw: RawHeaders): string[] {
  return Array.isArray(raw) ? raw.map((part) => (typeof part === "string" ? part : part.toString("latin1"))) : [];
}

function hasHeader(flat: readonly string[], name: string): boolean {
  for (let index = 0; index < flat.length; index += 2) if (flat[index]?.toLowerCase() === name) return true;
  return false;
}

function addTrailers(
  response: Exchange["response"],
  http2: boolean,
  trailers: Record<string, string | string[] | undefined>,
): void {
  const entries = Object.entries(trailers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  const all = Object.fromEntries(entries) as Record<string, string>;
  try {
    if (http2) (response as Http2ServerResponse).addTrailers(all);
    else (response as ServerResponse).addTrailers(all);
  } catch {
    // Trailers that cannot be written are left out: the body is whole without them.
  }
}
