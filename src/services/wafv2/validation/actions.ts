/**
 * Actions, custom requests and responses.
 * Source: AWS WAF API Reference, RuleAction, CustomResponse; Developer Guide, "Supported status codes for custom
 * responses"; AWS WAF quotas: 10 custom headers, 4 KB a body, 50 KB of bodies, 50 bodies.
 */
import type {
  BlockAction,
  CustomHTTPHeader,
  CustomResponseBody,
  DefaultAction,
  OverrideAction,
  RuleAction,
} from "@aws-sdk/client-wafv2";
import { limitExceeded, notServed, reasons } from "../errors.ts";
import { distinct, need, onlyOne } from "./parts.ts";

export type Bodies = Readonly<Record<string, CustomResponseBody>>;

const statusCodes = new Set([
  200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 414,
  415, 416, 421, 429, 500, 501, 502, 503, 504, 505,
]);
const mostHeaders = 10;
const mostBodyBytes = 4_096;
const mostBytesOfBodies = 51_200;
const mostBodies = 50;

export function checkAction(action: RuleAction, bodies: Bodies): void {
  const kind = onlyOne(action, "RULE_ACTION", "RuleAction");
  if (kind === "Monetize") throw notServed("RULE_ACTION", "Monetize", "Payments are");
  if (kind === "Block") return checkBlock(action.Block!, bodies);
  checkHeaders(action[kind]?.CustomRequestHandling?.InsertHeaders, "CUSTOM_REQUEST_HANDLING", "InsertHeaders");
}

export function checkDefaultAction(action: DefaultAction | undefined, bodies: Bodies): void {
  const kind = onlyOne(action, "DEFAULT_ACTION", "DefaultAction");
  if (kind === "Block") return checkBlock(action!.Block!, bodies);
  checkHeaders(action!.Allow!.CustomRequestHandling?.InsertHeaders, "CUSTOM_REQUEST_HANDLING", "InsertHeaders");
}

export function checkOverride(action: OverrideAction): void {
  const kind = onlyOne(action, "OVERRIDE_ACTION", "OverrideAction");
  if (kind === "Count")
    checkHeaders(action.Count!.CustomRequestHandling?.InsertHeaders, "CUSTOM_REQUEST_HANDLING", "InsertHeaders");
}

function checkBlock({ CustomResponse }: BlockAction, bodies: Bodies): void {
  if (!CustomResponse) return;
  const { ResponseCode, CustomResponseBodyKey, ResponseHeaders } = CustomResponse;
  need(statusCodes.has(ResponseCode!), "CUSTOM_RESPONSE", String(ResponseCode));
  if (CustomResponseBodyKey !== undefined) {
    need(
      Object.hasOwn(bodies, CustomResponseBodyKey),
      "CUSTOM_RESPONSE_BODY",
      CustomResponseBodyKey,
      reasons.reference,
    );
  }
  checkHeaders(ResponseHeaders, "CUSTOM_RESPONSE", "ResponseHeaders");
  // Content-Type comes with the body; the lengths and the connection are the front end's.
  const reserved = (ResponseHeaders ?? []).find(({ Name }) =>
    /^(?:content-type|content-length|transfer-encoding|connection|keep-alive|upgrade|trailer|te)$/i.test(Name ?? ""),
  );
  need(reserved === undefined, "CUSTOM_RESPONSE", reserved?.Name ?? "");
}

function checkHeaders(
  headers: readonly CustomHTTPHeader[] | undefined,
  field: "CUSTOM_RESPONSE" | "CUSTOM_REQUEST_HANDLING",
  parameter: string,
): void {
  if (!headers) return;
  need(headers.length <= mostHeaders, field, parameter, reasons.maximum);
  need(distinct(headers.map(({ Name }) => Name?.toLowerCase())), field, parameter, reasons.duplicate);
  // A header's value is one line. Source: RFC 9110, section 5.5.
  for (const { Value } of headers) need(/^[\t\x20-\x7e\x80-\xff]*$/.test(Value ?? ""), field, parameter);
}

export function checkBodies(bodies: Bodies | undefined): void {
  const all = Object.values(bodies ?? {});
  if (all.length > mostBodies) throw limitExceeded();
  const sizes = all.map(({ Content }) => Buffer.byteLength(Content ?? ""));
  if (sizes.some((size) => size > mostBodyBytes) || sizes.reduce((sum, size) => sum + size, 0) > mostBytesOfBodies)
    throw limitExceeded();
  for (const [key, { ContentType, Content }] of Object.entries(bodies ?? {})) {
    if (ContentType === "APPLICATION_JSON") need(isJson(Content ?? ""), "CUSTOM_RESPONSE_BODY", key);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
