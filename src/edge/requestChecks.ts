/**
 * Requests that a load balancer does not forward, and how strictly it reads the others.
 * Sources: Elastic Load Balancing User Guide, "Desync mitigation mode", "Classification reasons", "Quotas for your
 * Application Load Balancers", "Troubleshoot your Application Load Balancers".
 *
 * What frames a message in two ways (Content-Length beside Transfer-Encoding, two lengths, bare line feeds, a chunked
 * that is not last …) does not come this far: the parser refuses it with 400 in every mode.
 */
import { headerValues } from "./conditions.ts";
import type { FrontEndAttributes } from "./config.ts";

export type Classification = "Acceptable" | "Ambiguous" | "Severe";

export interface Refusal {
  status: number;
  /** The connection ends with the answer. */
  close: boolean;
}

export interface Checked {
  refusal?: Refusal;
  /** Absent: compliant. */
  classification?: Classification;
  reason?: string;
  /** Client and target connections end after this request. */
  closeAfter: boolean;
}

const kilobyte = 1024;
/** Quotas of a load balancer, in bytes. */
export const limits = {
  requestLine: 16 * kilobyte,
  header: 16 * kilobyte,
  headers: 64 * kilobyte,
  /** Addresses in X-Forwarded-For. */
  forwardedFor: 30,
} as const;

export interface CheckedRequest {
  method: string;
  target: string;
  httpVersion: string;
  rawHeaders: readonly string[];
}

export function checkRequest(request: CheckedRequest, attributes: FrontEndAttributes): Checked {
  const tooLarge = checkSizes(request);
  if (tooLarge !== undefined) return refuse(tooLarge);
  if (request.method === "TRACE") return refuse(405);
  const forwardedFor = headerValues(request.rawHeaders, "x-forwarded-for").join(",");
  if (forwardedFor.split(",").length > limits.forwardedFor) return refuse(463);
  const found = classify(request);
  if (!found) return { closeAfter: false };
  const [classification, reason] = found;
  const mode = attributes.desyncMitigationMode;
  const refused = classification === "Severe" || mode === "strictest";
  return {
    classification,
    reason,
    closeAfter: mode === "defensive" && classification === "Ambiguous",
    ...(refused ? { refusal: { status: 400, close: true } } : {}),
  };
}

function refuse(status: number): Checked {
  return { refusal: { status, close: true }, closeAfter: true };
}

function checkSizes({ method, target, rawHeaders }: CheckedRequest): number | undefined {
  if (method.length + target.length + 10 > limits.requestLine) return 414;
  let total = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const size = (rawHeaders[index] ?? "").length + (rawHeaders[index + 1] ?? "").length + 4;
    if (size > limits.header) return 400;
    total += size;
  }
  return total > limits.headers ? 400 : undefined;
}

/** The gravest thing about it. */
function classify({ method, target, httpVersion, rawHeaders }: CheckedRequest): [Classification, string] | undefined {
  let acceptable: string | undefined;
  let hosts = 0;
  const bodiless = method === "GET" || method === "HEAD";
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? "").toLowerCase();
    const value = rawHeaders[index + 1] ?? "";
    if (name === "content-length") {
      if (bodiless && Number(value) > 0) return ["Ambiguous", "UndefinedContentLengthSemantics"];
      if (bodiless) acceptable ??= "GetHeadZeroContentLength";
    } else if (name === "host") {
      hosts++;
    } else if (name === "transfer-encoding") {
      if (value.trim().toLowerCase() !== "chunked") return ["Severe", "BadTransferEncoding"];
      if (httpVersion === "HTTP/1.0") return ["Ambiguous", "UndefinedTransferEncodingSemantics"];
      if (bodiless) return ["Ambiguous", "UndefinedTransferEncodingSemantics"];
    } else if (looksLikeFraming(name)) return ["Ambiguous", "SuspiciousHeader"];
    // oxlint-disable-next-line no-control-regex -- exactly these are what is looked for
    if (/[^\t\x20-\x7e]/.test(value)) acceptable ??= "NonCompliantHeader";
  }
  if (hosts > 1) return ["Severe", "BadHeader"];
  // oxlint-disable-next-line no-control-regex -- exactly these are what is looked for
  if (/[\x00-\x20\x7f]/.test(target)) return ["Ambiguous", "AmbiguousUri"];
  return acceptable === undefined ? undefined : ["Acceptable", acceptable];
}

/** Names that some servers take for what frames the body: `transfer_encoding`, `content.length`. */
function looksLikeFraming(name: string): boolean {
  if (name.length < 14 || name.length > 17) return false;
  const plain = name.replace(/[^a-z]/g, "");
  return (plain === "transferencoding" || plain === "contentlength") && name !== "content-length";
}
