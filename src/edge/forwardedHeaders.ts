/**
 * What changes on a request's header between client and target.
 * Source: Elastic Load Balancing User Guide, "HTTP headers and Application Load Balancers", "Host header preservation",
 * "Request tracing"; RFC 9110 section 7.6.1 for what belongs to one connection only.
 */
import type { FrontEndAttributes, ListenerAttributes } from "./config.ts";

/** Belong to one connection. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "expect",
]);

/** Set by the load balancer; what a client sent under these names is not believed. */
const ours = new Set(["host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-amzn-trace-id"]);

/** Said by the load balancer alone where it says them: a client may not speak for it. */
const spoken = new Set(["x-amzn-oidc-data", "x-amzn-oidc-accesstoken", "x-amzn-oidc-identity"]);

/** ASCII letters, digits and hyphens; others are "invalid header fields" to a load balancer. */
const plainName = /^[-A-Za-z0-9]+$/;

export interface ForwardedFacts {
  rawHeaders: readonly string[];
  /** As sent, port included. */
  host: string;
  clientAddress: string;
  clientPort: number;
  scheme: "http" | "https";
  listenerPort: number;
  tls?: { protocol: string; cipher: string };
  traceId: string;
  attributes: FrontEndAttributes;
  listener: ListenerAttributes;
}

/** Header of the forwarded request as name, value, name, value … */
export function forwardedHeaders(facts: ForwardedFacts, more: readonly string[]): string[] {
  const { rawHeaders, attributes } = facts;
  const perConnection = connectionTokens(rawHeaders);
  const tlsNames = tlsHeaderNames(facts);
  const headers: string[] = [];
  let forwardedFor = "";
  const replaced = new Set<string>();
  for (let index = 0; index < more.length; index += 2) replaced.add((more[index] ?? "").toLowerCase());
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const value = rawHeaders[index + 1] ?? "";
    const lower = name.toLowerCase();
    if (lower === "x-forwarded-for") forwardedFor = forwardedFor === "" ? value : `${forwardedFor}, ${value}`;
    if (hopByHop.has(lower) || ours.has(lower) || spoken.has(lower) || perConnection.has(lower)) continue;
    if (replaced.has(lower) || tlsNames.includes(lower)) continue;
    if (attributes.dropInvalidHeaderFields && !plainName.test(name)) continue;
    headers.push(name, value);
  }
  headers.push("Host", targetHost(facts));
  addForwardedFor(headers, forwardedFor, facts);
  headers.push("X-Forwarded-Proto", facts.scheme, "X-Forwarded-Port", String(facts.listenerPort));
  headers.push("X-Amzn-Trace-Id", facts.traceId);
  if (attributes.tlsHeaders && facts.tls) {
    headers.push(facts.listener.tlsVersionHeader ?? "X-Amzn-Tls-Version", facts.tls.protocol);
    headers.push(facts.listener.tlsCipherHeader ?? "X-Amzn-Tls-Cipher-Suite", facts.tls.cipher);
  }
  headers.push(...more);
  return headers;
}

function tlsHeaderNames({ attributes, listener }: ForwardedFacts): string[] {
  if (!attributes.tlsHeaders) return [];
  return [
    (listener.tlsVersionHeader ?? "x-amzn-tls-version").toLowerCase(),
    (listener.tlsCipherHeader ?? "x-amzn-tls-cipher-suite").toLowerCase(),
  ];
}

function addForwardedFor(headers: string[], given: string, facts: ForwardedFacts): void {
  const { forwardedForMode, forwardedForClientPort } = facts.attributes;
  if (forwardedForMode === "remove") return;
  if (forwardedForMode === "preserve") {
    if (given !== "") headers.push("X-Forwarded-For", given);
    return;
  }
  const client = forwardedForClientPort ? withPort(facts.clientAddress, facts.clientPort) : facts.clientAddress;
  headers.push("X-Forwarded-For", given === "" ? client : `${given}, ${client}`);
}

function withPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

const none: ReadonlySet<string> = new Set();

/** Header names that the Connection header says are for this connection. */
export function connectionTokens(rawHeaders: readonly string[]): ReadonlySet<string> {
  let names: Set<string> | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue;
    for (const token of (rawHeaders[index + 1] ?? "").split(",")) {
      const named = token.trim().toLowerCase();
      // Not a header, taken away anyhow, or not to be taken away by a client: "host" and what frames the message.
      if (!unnamed.has(named)) (names ??= new Set()).add(named);
    }
  }
  return names ?? none;
}

const unnamed = new Set(["", "close", "keep-alive", "upgrade", "host", "content-length"]);

/** On another port than the usual ones, a Host header without a port gets the listener's. */
function targetHost({ host, listenerPort, attributes }: ForwardedFacts): string {
  if (attributes.preserveHostHeader || host === "" || listenerPort === 80 || listenerPort === 443) return host;
  return /:\d+$/.test(host) ? host : `${host}:${listenerPort}`;
}

/** Response headers that belong to the connection to the target. */
export function isHopByHopResponse(name: string, connection: ReadonlySet<string>): boolean {
  return (hopByHop.has(name) && name !== "trailer") || connection.has(name);
}

/**
 * Request tracing: a request that has a root keeps it and gets a `Self`; another one gets a root.
 * Source: User Guide, "Request tracing for your Application Load Balancer".
 */
export function traceHeader(given: string | undefined, fresh: string): string {
  if (given === undefined || given.trim() === "") return `Root=${fresh}`;
  const fields = given.split(";").map((field) => field.trim());
  const kept = fields.filter((field) => field !== "" && !/^self=/i.test(field));
  if (!kept.some((field) => /^root=/i.test(field))) return [`Root=${fresh}`, ...kept].join(";");
  return [`Self=${fresh}`, ...kept].join(";");
}
