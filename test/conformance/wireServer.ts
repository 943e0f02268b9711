/** A bare HTTP server around a `Wire`, without signatures or services: it decodes, remembers, and answers what it was told. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AwsError } from "#kernel/errors.ts";
import { readClaim } from "#wire/claim.ts";
import type { ByteStream, HttpRequest, HttpResponse, Route, Wire } from "#wire/contract.ts";

export interface Seen {
  route: Route;
  input: Record<string, unknown>;
}

export class WireServer {
  readonly #wire: Wire;
  readonly #server = createServer((message, response) => void this.#serve(message, response));
  /** What the last request was decoded to, or why it was not. */
  seen: Seen | undefined;
  failure: unknown;
  answer: (route: Route) => Record<string, unknown> = () => ({});

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = requestOf(message);
    let route: Route | undefined;
    let answer: HttpResponse;
    try {
      const body = await collect(request.body);
      const claim = readClaim(request);
      route = this.#wire.route(request, claim, this.#wire.routesByBody(request, claim) ? body : undefined);
      const input = this.#wire.decode(route, request, dechunk(request, body));
      for (const [name, value] of Object.entries(input)) {
        if (value !== null && typeof value === "object" && Symbol.asyncIterator in value) {
          input[name] = await collect(value as ByteStream);
        }
      }
      this.seen = { route, input };
      answer = this.#wire.encode(route, this.answer(route), "request-1");
    } catch (error) {
      this.failure = error;
      const shown = error instanceof AwsError ? error : new AwsError("InternalFailure", "", 500);
      answer = this.#wire.encodeError(route, request, shown, "request-1");
    }
    await send(response, answer).catch((error: unknown) => {
      this.failure = error;
      response.destroy();
    });
  }
}

export function requestOf(message: IncomingMessage): HttpRequest {
  const [path = "/", query = ""] = splitOnce(message.url ?? "/", "?");
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headersDistinct)) headers[name] = (value ?? []).join(",");
  return {
    method: message.method ?? "GET",
    path,
    query,
    headers,
    body: message,
    remoteAddress: message.socket.remoteAddress ?? "",
  };
}

function splitOnce(text: string, mark: string): string[] {
  const at = text.indexOf(mark);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

export async function collect(stream: ByteStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** aws-chunked is taken off below the wire layer; here without checking anything. */
function dechunk(request: HttpRequest, body: Uint8Array): Uint8Array {
  if (!request.headers["x-amz-content-sha256"]?.startsWith("STREAMING-")) return body;
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const line = Buffer.from(body).indexOf("\r\n", at);
    const size = Number.parseInt(Buffer.from(body.subarray(at, line)).toString(), 16);
    if (size === 0) break;
    parts.push(body.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return new Uint8Array(Buffer.concat(parts));
}

async function send(response: ServerResponse, answer: HttpResponse): Promise<void> {
  response.writeHead(answer.status, answer.headers as Record<string, string>);
  const { body } = answer;
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) response.end(body);
  else {
    for await (const chunk of body) response.write(chunk);
    response.end();
  }
}
