/** The public APIs, called with the credentials of whoever has signed in: what the console can, every client can. */
import table from "virtual:api-table";
import { decodeJson, decodeXml, encodeRequest, type Input } from "./protocols.ts";
import { queryText, sha256, sha256Base64, sign, type SigningCredentials } from "./sigv4.ts";

export type ServiceId = string;
// oxlint-disable-next-line typescript/no-explicit-any
export type Output = any;

/** A refusal in AWS's own words. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly requestId: string;

  constructor(code: string, message: string, status: number, requestId: string) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    this.requestId = requestId;
  }
}

export interface Caller {
  credentials(): Promise<SigningCredentials>;
  region: string;
}

/** Services that are asked at us-east-1, whatever Region a person looks at. */
const globalServices = new Set(["iam", "sts", "organizations", "account"]);

export function regionOf(service: ServiceId, region: string): string {
  return globalServices.has(service) ? "us-east-1" : region;
}

export async function send(caller: Caller, service: ServiceId, operation: string, input: Input = {}): Promise<Output> {
  const schema = table[service];
  if (!schema) throw new Error(`no service ${service}`);
  const request = encodeRequest(schema, operation, input);
  const { text, blob, contentType } = request.body;
  const bytes = text === undefined ? undefined : new TextEncoder().encode(text);
  const headers = {
    ...request.headers,
    ...(contentType === undefined ? {} : { "content-type": contentType }),
    ...(schema.operations[operation]?.checksum && bytes ? { "x-amz-checksum-sha256": await sha256Base64(bytes) } : {}),
  };
  const signed = await sign(
    {
      ...request,
      headers,
      payload: blob ? "UNSIGNED-PAYLOAD" : await sha256(bytes ?? new Uint8Array()),
      region: regionOf(service, caller.region),
      service: schema.signingName,
      host: location.host,
      now: new Date(),
    },
    await caller.credentials(),
  );
  const query = queryText(request.query);
  const response = await fetch(request.path + (query === "" ? "" : `?${query}`), {
    method: request.method,
    headers: signed,
    credentials: "omit",
    cache: "no-store",
    ...(text === undefined && blob === undefined ? {} : { body: text ?? blob! }),
  });
  const requestId = response.headers.get("x-amzn-requestid") ?? response.headers.get("x-amz-request-id") ?? "";
  if (!response.ok) throw readError(response, await response.text(), requestId);
  const output = schema.operations[operation]?.output;
  if (operation === "GetObject") return { Body: await response.blob() };
  const answer = await response.text();
  if (schema.protocol === "json" || schema.protocol === "restJson") {
    return decodeJson(schema.operations[operation], answer);
  }
  // A payload that is text: GetBucketPolicy.
  if (typeof output === "object" && "s" in output) {
    const whole = Object.entries(output.s).find(([, [, inner, at]]) => at === "p" && inner === 0);
    if (whole) return { [whole[0]]: answer };
  }
  return decodeXml(schema, operation, answer);
}

function readError(response: Response, text: string, requestId: string): ApiError {
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("json")) {
    let body: Record<string, unknown> = {};
    try {
      body = JSON.parse(text) as Record<string, unknown>;
    } catch {
      // The status says enough.
    }
    const named = response.headers.get("x-amzn-errortype") ?? body["__type"] ?? body["code"] ?? "";
    const code = String(named).split("#").at(-1)!.split(":")[0]!;
    return new ApiError(
      code || String(response.status),
      String(body["message"] ?? body["Message"] ?? ""),
      response.status,
      requestId,
    );
  }
  const error = new DOMParser().parseFromString(text, "application/xml");
  const read = (name: string) => error.querySelector(name)?.textContent ?? "";
  const id = requestId || read("RequestId") || read("RequestID");
  return new ApiError(
    read("Code") || String(response.status),
    read("Message") || response.statusText,
    response.status,
    id,
  );
}
