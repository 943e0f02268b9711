/** For tests: requests as the wire gives them, and the published credentials they are signed with. */
import { SignatureV4 } from "@smithy/signature-v4";
import { createHash, createHmac } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import { ManualClock } from "#kernel/clock.ts";
import type { Addressed } from "./authErrors.ts";
import type { HttpRequest } from "./contract.ts";

export const s3: Addressed = { id: "s3", signingName: "s3", protocol: "restXml" };
export const kms: Addressed = { id: "kms", signingName: "kms", protocol: "awsJson1_1" };
export const iam: Addressed = { id: "iam", signingName: "iam", protocol: "awsQuery" };
export const ec2: Addressed = { id: "ec2", signingName: "ec2", protocol: "ec2Query" };
export const lambda: Addressed = { id: "lambda", signingName: "lambda", protocol: "restJson1" };
export const generic: Addressed = { id: "service", signingName: "service", protocol: "awsQuery" };

/** The key of S3's documentation examples. */
export const s3Example = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
/** The key of the general SigV4 test suite. */
export const suiteExample = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

export async function* pieces(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? Buffer.from(part, "latin1") : part;
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of stream) all.push(piece);
  return Buffer.concat(all);
}

export function request(
  line: string,
  headers: Record<string, string> = {},
  body: AsyncIterable<Uint8Array> = pieces(),
): HttpRequest {
  const [method, target] = line.split(" ") as [string, string];
  const question = target.indexOf("?");
  return {
    method,
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? "" : target.slice(question + 1),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body,
    remoteAddress: "127.0.0.1",
  };
}

export function at(iso: string): ManualClock {
  return new ManualClock(Date.parse(iso));
}

class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | Uint8Array) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as Uint8Array);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

/** The unmodified client signer. */
export function clientSigner(
  addressed: Addressed,
  credential: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
  region = "us-east-1",
): SignatureV4 {
  return new SignatureV4({
    service: addressed.signingName,
    region,
    credentials: credential,
    sha256: Sha256 as never,
    uriEscapePath: addressed.signingName !== "s3",
    applyChecksum: addressed.signingName === "s3",
  });
}

/** The error a call throws or rejects with, as `code status message`. */
export async function refusal(
  work: () => unknown,
): Promise<{ code: string; status: number; message: string; fields: Readonly<Record<string, unknown>> }> {
  try {
    await work();
  } catch (error) {
    if (error instanceof AwsError) {
      return { code: error.code, status: error.status, message: error.message, fields: error.fields };
    }
    throw error;
  }
  return { code: "accepted", status: 200, message: "", fields: {} };
}

export const noon = new Date("2026-03-01T12:00:00Z");
export const clock = at("2026-03-01T12:00:00Z");
export const session = {
  ...s3Example,
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  sessionToken: "FwoGZXIvYXdzEBY//////////token+/=",
};

export async function signed(
  addressed: Addressed,
  method: string,
  path: string,
  options: {
    query?: Record<string, string | string[]>;
    headers?: Record<string, string>;
    body?: string;
    credential?: typeof s3Example & { sessionToken?: string };
  } = {},
): Promise<{ request: HttpRequest; body: Buffer }> {
  const result = await clientSigner(addressed, options.credential ?? s3Example).sign(
    {
      method,
      protocol: "https:",
      hostname: "localhost",
      path,
      query: options.query ?? {},
      headers: { host: "localhost:4566", ...options.headers },
      body: options.body,
    },
    { signingDate: noon },
  );
  const query = Object.entries(options.query ?? {})
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`),
    )
    .join("&");
  return {
    request: request(`${method} ${path}${query === "" ? "" : `?${query}`}`, result.headers),
    body: Buffer.from(options.body ?? ""),
  };
}

/** Another request than the one that was signed. */
export type Change = (r: HttpRequest) => Partial<HttpRequest>;
export const header =
  (name: string, value: string | undefined): Change =>
  (r) => {
    const headers = { ...r.headers };
    if (value === undefined) delete headers[name];
    else headers[name] = value;
    return { headers };
  };
export const authorization =
  (change: (text: string) => string): Change =>
  (r) => ({
    headers: { ...r.headers, authorization: change(r.headers["authorization"] as string) },
  });

export const s3Mismatch =
  "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
