/** Request line and headers, from Node's raw form to ours, with what Node lets pass and two readers could read differently. */
import type { IncomingMessage } from "node:http";
import type { ServerLimits } from "./limits.ts";

export interface RequestHead {
  path: string;
  query: string;
  headers: Readonly<Record<string, string>>;
}

/** Headers of which a second one would be believed by somebody else. */
const single: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "authorization",
  "content-type",
  "content-md5",
  "x-amz-date",
  "date",
  "x-amz-security-token",
  "x-amz-content-sha256",
  "x-amz-target",
  "x-amz-decoded-content-length",
  "expect",
]);

/**
 * Names in lower case, repeated headers joined with ",". Returns the status of a refusal: 400 for what is ambiguous,
 * 431 for too many headers.
 * Sources: RFC 9112, sections 3.2 and 6.1 to 6.3 (one Host; Transfer-Encoding besides Content-Length and codings
 * other than chunked are refused); RFC 9110, section 5.3.
 */
export function readHead(message: IncomingMessage, limits: ServerLimits): RequestHead | number {
  const raw = message.rawHeaders;
  if (raw.length > limits.headerCount * 2) return 431;
  const headers = emptyHeaders();
  for (let i = 0; i < raw.length; i += 2) {
    if (!addHeader(headers, (raw[i] as string).toLowerCase(), raw[i + 1] as string)) return 400;
  }

  const coding = headers["transfer-encoding"];
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked" || headers["content-length"] !== undefined) return 400;
    if (message.httpVersion !== "1.1") return 400;
  }
  const host = headers["host"];
  if (host !== undefined && !isHost(host)) return 400;

  let target = message.url ?? "/";
  if (!target.startsWith("/") && target !== "*") {
    // Absolute form, as proxies are sent it: the path counts, the Host header names the host.
    const match = /^https?:\/\/[^/?#]*(.*)$/i.exec(target);
    if (match === null) return 400;
    target = match[1] as string;
    if (!target.startsWith("/")) target = `/${target}`;
  }
  const fragment = target.indexOf("#");
  if (fragment >= 0) return 400;
  return { ...splitTarget(target), headers };
}

/** No prototype: a header called "constructor" must not find anything that was not sent. */
export function emptyHeaders(): Record<string, string> {
  return { __proto__: null } as unknown as Record<string, string>;
}

/** `name` in lower case. False for a second one of a header that may come once. */
export function addHeader(headers: Record<string, string>, name: string, value: string): boolean {
  const before = headers[name];
  if (before === undefined) headers[name] = value;
  else if (single.has(name)) return false;
  else headers[name] = `${before},${value}`;
  return true;
}

export function isHost(text: string): boolean {
  return /^[A-Za-z0-9\-._~%:[\]]*$/.test(text);
}

export function splitTarget(target: string): { path: string; query: string } {
  const question = target.indexOf("?");
  return {
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? "" : target.slice(question + 1),
  };
}
