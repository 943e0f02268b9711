/**
 * AWS Signature Version 4 over WebCrypto, which browsers offer on https and on this machine's own addresses.
 * Source: IAM User Guide, "Create a signed AWS API request".
 */
export interface SigningCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

export interface Unsigned {
  method: string;
  /** Path, percent-encoded once. */
  path: string;
  query: readonly (readonly [string, string])[];
  /** Lower-case names; `host` is added. */
  headers: Readonly<Record<string, string>>;
  /** Hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`. */
  payload: string;
  region: string;
  service: string;
  host: string;
  now: Date;
}

const encoder = new TextEncoder();

/** Headers to send, the signature among them. */
export async function sign(request: Unsigned, credentials: SigningCredentials): Promise<Record<string, string>> {
  const stamp = `${request.now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  const day = stamp.slice(0, 8);
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.host,
    "x-amz-date": stamp,
    "x-amz-security-token": credentials.sessionToken,
    ...(request.service === "s3" ? { "x-amz-content-sha256": request.payload } : {}),
  };
  const names = Object.keys(headers).toSorted();
  const scope = `${day}/${request.region}/${request.service}/aws4_request`;
  const canonical = [
    request.method,
    // Every service but S3 encodes the path once more.
    request.service === "s3" ? request.path : request.path.split("/").map(encode).join("/"),
    queryText(request.query),
    ...names.map((name) => `${name}:${headers[name]!.trim().replaceAll(/ +/g, " ")}`),
    "",
    names.join(";"),
    request.payload,
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", stamp, scope, await sha256(encoder.encode(canonical))].join("\n");
  let key: Uint8Array = encoder.encode(`AWS4${credentials.secretAccessKey}`);
  for (const part of [day, request.region, request.service, "aws4_request"]) key = await hmac(key, part);
  const signature = hex(await hmac(key, toSign));
  const { host: _host, ...sent } = headers;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
  };
}

export function queryText(query: Unsigned["query"]): string {
  return query
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join("&");
}

/** RFC 3986 unreserved characters stay; `encodeURIComponent` leaves five more. */
export function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export async function sha256(bytes: Uint8Array): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource)));
}

export async function sha256Base64(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource));
  return btoa(String.fromCharCode(...digest));
}

async function hmac(key: Uint8Array, text: string): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key as BufferSource, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(text)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
