/**
 * Which web pages may call `/_jikimi/*` with effect. Whoever is on the operator's machine has a browser there that
 * runs everybody's pages; they reach this port, and by DNS rebinding even under a name of their own.
 *
 * INVARIANT: a browser names the page's origin with every POST, so a POST without `Origin` comes from no page.
 * Source: Fetch standard, "Origin header"; W3C, "Fetch Metadata Request Headers".
 */
import { isIP } from "node:net";
import { AwsError } from "#kernel/errors.ts";
import type { HttpRequest } from "#wire/contract.ts";

/** @throws AwsError Forbidden for a call that a foreign page made */
export function refuseForeignPages(request: HttpRequest, ownNames: readonly string[]): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const { origin, host = "", "sec-fetch-site": site } = request.headers;
  if (origin === undefined && site === undefined) return;
  const same = site === undefined || site === "same-origin" || site === "none";
  const own = origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
  if (same && own && isOwnName(nameOf(host), ownNames)) return;
  throw new AwsError("Forbidden", "Web pages of other origins may not call this.", 403);
}

function nameOf(host: string): string {
  return host
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
}

/** A name that nobody else can point at this machine: an address, or one that is ours. */
function isOwnName(name: string, ownNames: readonly string[]): boolean {
  return isIP(name) !== 0 || ownNames.some((own) => name === own || name.endsWith(`.${own}`));
}

/**
 * Somebody has typed our address into a browser. S3's answer under that path would be a refusal: nobody may list
 * buckets without a signature.
 */
export function isFrontDoor({ method, path, query, headers }: HttpRequest): boolean {
  if (method !== "GET" || path !== "/" || query !== "" || headers["authorization"] !== undefined) return false;
  const name = nameOf(headers["host"] ?? "");
  if (isIP(name) === 0 && name !== "localhost") return false;
  return headers["accept"]?.startsWith("text/html") ?? false;
}

/**
 * What S3 serves under its path is the work of whoever may write to a bucket, and it shares its origin with our own
 * pages. A browser that opens it gives it an origin of its own. Requests that carry a signature in a header come
 * from no navigation and are answered as S3 answers them; so is everything under a bucket's own host name.
 * Source: Content Security Policy Level 3, "sandbox".
 */
export const sandboxed = { "content-security-policy": "sandbox", "x-content-type-options": "nosniff" };
