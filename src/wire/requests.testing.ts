/** Requests for the wire layer's own tests. */
import type { ByteStream, Claim, HttpRequest } from "./contract.ts";

async function* nothing(): ByteStream {}

export function request(parts: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: "POST",
    path: "/",
    query: "",
    headers: {},
    body: nothing(),
    remoteAddress: "127.0.0.1",
    ...parts,
    // As the HTTP front gives them: without a prototype.
    ...(parts.headers ? { headers: Object.assign(Object.create(null), parts.headers) as Record<string, string> } : {}),
  };
}

export function signedFor(signingService: string, region = "us-east-1"): Claim {
  return { kind: "header", accessKeyId: "AKIAIOSFODNN7EXAMPLE", region, signingService };
}

export const anonymous: Claim = { kind: "anonymous" };

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "utf8"));
