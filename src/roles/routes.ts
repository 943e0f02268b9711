/** The few URLs that are not AWS's: a table of method and path, answered in JSON. */
import { AwsError } from "#kernel/errors.ts";
import type { HttpRequest, HttpResponse } from "#wire/contract.ts";

/** Prefix of everything of ours; no AWS API has a path that begins so. */
export const ownPrefix = "/_jikimi/";

export type RouteHandler = (query: URLSearchParams, body: Record<string, unknown>, request: HttpRequest) => unknown;

/** `"GET /_jikimi/status"` → handler. */
export type Routes = Readonly<Record<string, RouteHandler>>;

/** A body that is rendered as it is, e.g. Prometheus text. */
export class Rendered {
  readonly contentType: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
  constructor(contentType: string, text: string, headers: Readonly<Record<string, string>> = {}, status = 200) {
    this.contentType = contentType;
    this.text = text;
    this.headers = headers;
    this.status = status;
  }
}

const maxBody = 64 * 1024;

/** @param check refuses, by throwing an AwsError, before a handler is asked */
export async function answerRoute(
  routes: Routes,
  request: HttpRequest,
  check: (request: HttpRequest) => void = () => {},
): Promise<HttpResponse> {
  try {
    check(request);
    const handler = routes[`${request.method} ${request.path}`];
    if (!handler) throw new AwsError("NotFound", `There is no ${request.method} ${request.path}.`, 404);
    const answer = await handler(new URLSearchParams(request.query), await readJson(request), request);
    if (answer instanceof Rendered) {
      return respond(answer.status, answer.contentType, answer.text, answer.headers);
    }
    return respond(200, "application/json", JSON.stringify(answer ?? {}));
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const { code, message, fields, headers } = error;
    return respond(error.status, "application/json", JSON.stringify({ code, message, ...fields }), headers);
  }
}

function respond(
  status: number,
  contentType: string,
  body: string,
  more: Readonly<Record<string, string>> = {},
): HttpResponse {
  const headers = {
    "content-type": contentType,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...more,
  };
  return { status, headers, body };
}

async function readJson(request: HttpRequest): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > maxBody) throw new AwsError("RequestEntityTooLarge", "The body is too large.", 413);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // Falls through to the refusal.
  }
  throw new AwsError("InvalidRequest", "The body must be a JSON object.", 400);
}
