/**
 * CORS for the HTTP front: the answer to a preflight, and the headers that go with an actual answer. Preflights
 * are not signed and no operation of the API, so they come here and not through the pipeline.
 */
import { AwsError } from "#kernel/errors.ts";
import type { DocumentKey, Store } from "#store/contract.ts";
import { globalRegion } from "#store/contract.ts";
import { corsHeaders, matchCors, type CorsQuestion } from "./cors.ts";
import { isBucketName } from "./names.ts";
import type { Bucket } from "./state.ts";

type Headers = Readonly<Record<string, string>>;

/**
 * Headers of the 200 that answers an OPTIONS request.
 * @throws AwsError BadRequest without an origin or method, AccessForbidden when no rule allows it
 */
export async function preflight(store: Store, bucket: string, request: Headers): Promise<Record<string, string>> {
  const origin = request["origin"];
  const method = request["access-control-request-method"];
  if (origin === undefined) {
    throw new AwsError("BadRequest", "Insufficient information. Origin request header needed.", 400);
  }
  if (method === undefined) {
    throw new AwsError("BadRequest", "Invalid Access-Control-Request-Method: null", 400);
  }
  const rules = await corsRules(store, bucket);
  if (!rules) throw forbidden("CORSResponse: CORS is not enabled for this bucket.", method);
  const headers = (request["access-control-request-headers"] ?? "")
    .split(",")
    .map((header) => header.trim())
    .filter((header) => header !== "");
  const question: CorsQuestion = { origin, method, headers };
  const rule = matchCors(rules, question);
  if (!rule) {
    throw forbidden(
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
      method,
    );
  }
  return corsHeaders(rule, question, true);
}

/** Headers to add to the answer of an actual request; none when it has no origin or no rule allows it. */
export async function crossOriginHeaders(
  store: Store,
  bucket: string,
  method: string,
  request: Headers,
): Promise<Record<string, string>> {
  const origin = request["origin"];
  if (origin === undefined) return {};
  const question: CorsQuestion = { origin, method, headers: [] };
  const rule = matchCors((await corsRules(store, bucket)) ?? [], question);
  return rule ? corsHeaders(rule, question, false) : {};
}

async function corsRules(store: Store, name: string): Promise<Bucket["cors"]> {
  if (!isBucketName(name)) return undefined;
  const key: DocumentKey = {
    account: "000000000000",
    region: globalRegion,
    service: "s3",
    type: "bucket",
    id: name,
  };
  return (await store.get<Bucket>(key))?.value.cors;
}

function forbidden(message: string, method: string): AwsError {
  return new AwsError("AccessForbidden", message, 403, { fields: { Method: method, ResourceType: "BUCKET" } });
}
