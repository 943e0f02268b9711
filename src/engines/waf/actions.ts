/**
 * What rules do to a request: the answer of a block, the headers that are added.
 * Source: AWS WAF Developer Guide, "Custom requests and responses in AWS WAF".
 */
import type { BlockAction, CustomRequestHandling, CustomResponseBody } from "@aws-sdk/client-wafv2";
import type { InsertedHeader, WafResponse } from "./contract.ts";

/** Headers that AWS WAF inserts bear this prefix, so that they are not taken for the client's. */
const insertedPrefix = "x-amzn-waf-";

export function insertedHeaders(handling: CustomRequestHandling | undefined): readonly InsertedHeader[] {
  return (handling?.InsertHeaders ?? []).map(({ Name, Value }) => ({ name: insertedPrefix + Name!, value: Value! }));
}

/** The page of an application load balancer. */
const forbidden =
  "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n</body>\r\n</html>\r\n";

const contentTypes: Readonly<Record<NonNullable<CustomResponseBody["ContentType"]>, string>> = {
  APPLICATION_JSON: "application/json",
  TEXT_HTML: "text/html",
  TEXT_PLAIN: "text/plain",
};

export function blockResponse(
  action: BlockAction | undefined,
  bodies: Readonly<Record<string, CustomResponseBody>>,
): WafResponse {
  const custom = action?.CustomResponse;
  if (!custom) return answer(403, [["content-type", "text/html"]], forbidden);
  const body = custom.CustomResponseBodyKey === undefined ? undefined : bodies[custom.CustomResponseBodyKey];
  const headers = (custom.ResponseHeaders ?? []).map(({ Name, Value }): [string, string] => [Name!, Value!]);
  const type: [string, string][] = body ? [["content-type", contentTypes[body.ContentType!]]] : [];
  return { ...answer(custom.ResponseCode!, [...type, ...headers], body?.Content ?? ""), custom: true };
}

/** A rule that cannot be evaluated, or anything else gone wrong inside: the request does not pass. */
export const failedResponse: WafResponse = answer(403, [["content-type", "text/html"]], forbidden);

function answer(status: number, headers: readonly [string, string][], body: string): WafResponse {
  return { status, headers: [...headers, ["content-length", String(Buffer.byteLength(body))]], body };
}
