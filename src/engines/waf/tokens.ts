/**
 * The tokens that CAPTCHA and Challenge hand out, kept by the browser in the cookie `aws-waf-token`. Nothing is stored
 * here: a puzzle is signed when it is given out, and its solution, added to it, is the token.
 *
 *     <kind>.<issued, epoch seconds>.<nonce>.<domain>.<signature>.<solution>
 *
 * Of a challenge the solution is a number whose hash with the rest begins with zeros, found by the browser's script. Of
 * a CAPTCHA it is what the picture shows: the signature covers it, so that a token shows whether it was read rightly.
 *
 * INVARIANT: a token without a right signature, or with another domain, is never good, however it came about.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { TokenOutcome } from "./contract.ts";

export type TokenKind = "captcha" | "challenge";

export const tokenCookie = "aws-waf-token";
/** Zero bits at the beginning of the hash: some 65,000 hashes of work, a third of a second in a browser. */
export const challengeBits = 16;
/** Several tokens in one cookie. */
export const tokenSeparator = "~";

const shortKinds: Readonly<Record<TokenKind, string>> = { captcha: "c", challenge: "h" };

/** What the page is given: everything but the solution. `answer` is there for a CAPTCHA. */
export function issuePuzzle(
  kind: TokenKind,
  domain: string,
  nonce: string,
  nowMs: number,
  key: Uint8Array,
  answer = "",
): string {
  const head = [shortKinds[kind], Math.floor(nowMs / 1_000), nonce, encodeDomain(domain)].join(".");
  return `${head}.${sign(head, answer, key)}`;
}

export interface TokenCheck {
  kind: TokenKind;
  /** Values of the cookie. */
  cookies: readonly string[];
  /** Domains that a token may be for: the host of the request, and the web ACL's token domains. */
  domains: readonly string[];
  immunitySeconds: number;
  nowMs: number;
  key: Uint8Array;
}

/** Good when there is no `failureReason`. Of several tokens the best counts. */
export function checkToken(check: TokenCheck): Pick<TokenOutcome, "solveTimestamp" | "failureReason"> {
  let reason: NonNullable<TokenOutcome["failureReason"]> = "TOKEN_MISSING";
  for (const token of check.cookies.flatMap((cookie) => cookie.split(tokenSeparator))) {
    const found = checkOne(token, check);
    if (found === undefined) continue;
    if (typeof found === "number") return { solveTimestamp: found };
    reason = found;
  }
  return { failureReason: reason };
}

/** When it was solved; why it is no good; `undefined` where it is a token of the other kind. */
function checkOne(
  token: string,
  { kind, domains, immunitySeconds, nowMs, key }: TokenCheck,
): number | NonNullable<TokenOutcome["failureReason"]> | undefined {
  if (token.length > 1_000) return "TOKEN_INVALID";
  const [short, issuedText = "", nonce, domain = "", signature = "", solution, more] = token.split(".");
  if (short === shortKinds[kind === "captcha" ? "challenge" : "captcha"]) return undefined;
  if (short !== shortKinds[kind] || solution === undefined || more !== undefined) return "TOKEN_INVALID";
  const issued = Number(issuedText);
  if (!/^\d{1,12}$/.test(issuedText) || !/^[A-Za-z0-9]{1,20}$/.test(solution)) return "TOKEN_INVALID";
  const head = [short, issuedText, nonce, domain].join(".");
  const expected = sign(head, kind === "captcha" ? solution.toUpperCase() : "", key);
  if (!equal(signature, expected)) return "TOKEN_INVALID";
  if (kind === "challenge" && !solved(token)) return "TOKEN_INVALID";
  const now = Math.floor(nowMs / 1_000);
  if (now - issued > immunitySeconds || issued > now + 60) return "TOKEN_EXPIRED";
  return domains.some((each) => encodeDomain(each) === domain) ? issued : "TOKEN_DOMAIN_MISMATCH";
}

/** Whether the hash of the whole token begins with enough zero bits. */
export function solved(token: string): boolean {
  const hash = createHash("sha256").update(token, "latin1").digest();
  return Math.clz32(hash.readUInt32BE(0)) >= challengeBits;
}

const sign = (head: string, answer: string, key: Uint8Array): string =>
  createHmac("sha256", key).update(`aws-waf-token|${head}|${answer}`, "latin1").digest("base64url");

function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given, "latin1"), Buffer.from(expected, "latin1")];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Dots separate the members. */
const encodeDomain = (domain: string): string => Buffer.from(domain.toLowerCase(), "latin1").toString("base64url");
