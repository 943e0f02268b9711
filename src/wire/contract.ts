/**
 * What the wire layer gives to the gateway. Protocol is a property of the request, not of the service:
 * everything here is driven by the compact model of the addressed service.
 */
import type { AwsError } from "#kernel/errors.ts";
import type { OperationModel, ServiceModel } from "#model/types.ts";

export type Protocol = "awsJson1_0" | "awsJson1_1" | "restJson1" | "awsQuery" | "ec2Query" | "restXml" | "rpcV2Cbor";

export type Bytes = Uint8Array;
export type ByteStream = AsyncIterable<Uint8Array>;

/** An HTTP request before anything is known about it. Names in `headers` are lower case; repeated headers are joined with ",". */
export interface HttpRequest {
  method: string;
  /** Raw path as on the request line, still percent-encoded, without the query. */
  path: string;
  /** Raw query string without "?", still percent-encoded; "" when absent. */
  query: string;
  headers: Readonly<Record<string, string>>;
  /** The body as it comes from the socket; read at most once. */
  body: ByteStream;
  remoteAddress: string;
  /** Present when the request came over TLS, e.g. { protocol: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" }. */
  tls?: { protocol: string; cipher: string };
}

export interface HttpResponse {
  status: number;
  headers: Record<string, string | readonly string[]>;
  body: Bytes | string | ByteStream | undefined;
}

/** The addressed operation. */
export interface Route {
  service: ServiceModel;
  operation: OperationModel;
  protocol: Protocol;
  /** Region of the credential scope, or the default Region when unsigned. */
  region: string;
  /** Decoded URI labels by member name (REST protocols), the S3 bucket among them. */
  labels: Readonly<Record<string, string>>;
  /** S3: how the bucket was addressed. */
  virtualHost?: boolean;
}

/** What a signature says, before it has been checked. */
export interface Claim {
  kind: "header" | "presigned" | "postPolicy" | "sigv2" | "anonymous";
  accessKeyId?: string;
  sessionToken?: string;
  region?: string;
  signingService?: string;
}

export interface Wire {
  /**
   * Query protocols name the operation in the form: when this says true, read the body first and give it to `route`.
   */
  routesByBody(request: HttpRequest, claim: Claim): boolean;
  /** Throws `AwsError` (UnknownOperationException, InvalidAction, ...) together with the protocol to answer in. */
  route(request: HttpRequest, claim: Claim, form?: Bytes): Route;
  /** Body and request → input object in the shape the SDK sends. Streaming members are given as a `ByteStream`. Throws SerializationException and its kin. */
  decode(route: Route, request: HttpRequest, body: Bytes | ByteStream): Record<string, unknown>;
  /** Required, length, range, pattern and enum constraints, with AWS's texts and the service's error code. */
  validate(route: Route, input: Record<string, unknown>): void;
  encode(route: Route, output: Record<string, unknown>, requestId: string): HttpResponse;
  /** Also without a route (unknown service): then the protocol is guessed from the request. */
  encodeError(route: Route | undefined, request: HttpRequest, error: AwsError, requestId: string): HttpResponse;
}
