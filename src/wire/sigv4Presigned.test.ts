import assert from "node:assert/strict";
import { test } from "node:test";
import { readClaim } from "./claim.ts";
import { readSignature, verifySigV4 } from "./sigv4.ts";
import { SigningKeys } from "./signingKeys.ts";
import type { Addressed } from "./authErrors.ts";
import {
  at,
  clientSigner,
  clock,
  header,
  iam,
  noon,
  refusal,
  request,
  s3,
  s3Example,
  s3Mismatch,
  session,
  type Change,
} from "./signing.testing.ts";

const keys = new SigningKeys();

async function presign(
  addressed: Addressed,
  expiresIn: number,
  credential: typeof s3Example & { sessionToken?: string } = s3Example,
) {
  const result = await clientSigner(addressed, credential).presign(
    {
      method: "GET",
      protocol: "https:",
      hostname: "localhost",
      path: "/bucket/k%20y",
      query: { "response-content-type": "a/b c" },
      headers: { host: "localhost:4566", ...(addressed === s3 ? { "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD" } : {}) },
    },
    { signingDate: noon, expiresIn },
  );
  const query = Object.entries(result.query ?? {})
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
    .join("&");
  return request(`GET ${result.path}?${query}`, { host: "localhost:4566" });
}

test("a presigned URL of the SDK's signer, with a session token", async () => {
  const made = await presign(iam, 900, session);
  const claim = readClaim(made);
  assert.deepEqual(
    [claim.kind, claim.accessKeyId, claim.sessionToken],
    ["presigned", session.accessKeyId, session.sessionToken],
  );
  verifySigV4(made, { addressed: iam, clock, credential: session, keys, body: Buffer.alloc(0) });
});

const replace =
  (from: RegExp | string, to: string): Change =>
  (r) => ({ query: r.query.replace(from, to) });
const needsAll =
  "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
const parse = "Error parsing the X-Amz-Credential parameter; ";
const tamperedPresigned: [string, Change, string, number, string | RegExp][] = [
  ["nothing", () => ({}), "accepted", 200, ""],
  ["override", replace("a%2Fb", "a%2Fc"), "SignatureDoesNotMatch", 403, s3Mismatch],
  ["extra parameter", (r) => ({ query: `${r.query}&x=y` }), "SignatureDoesNotMatch", 403, s3Mismatch],
  ["expiry raised", replace("Expires=900", "Expires=901"), "SignatureDoesNotMatch", 403, s3Mismatch],
  [
    "expiry over a week",
    replace("Expires=900", "Expires=604801"),
    "AuthorizationQueryParametersError",
    400,
    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
  ],
  ["expiry zero", replace("Expires=900", "Expires=0"), "AccessDenied", 403, "Request has expired"],
  [
    "expiry negative",
    replace("Expires=900", "Expires=-1"),
    "AuthorizationQueryParametersError",
    400,
    "X-Amz-Expires must be non-negative",
  ],
  [
    "expiry no number",
    replace("Expires=900", "Expires=abc"),
    "AuthorizationQueryParametersError",
    400,
    "X-Amz-Expires should be a number",
  ],
  ["no expiry", replace(/&?X-Amz-Expires=\d+/, ""), "AuthorizationQueryParametersError", 400, needsAll],
  ["no signature", replace(/&?X-Amz-Signature=\w+/, ""), "AuthorizationQueryParametersError", 400, needsAll],
  [
    "algorithm",
    replace("AWS4-HMAC-SHA256", "AWS4-SHA1"),
    "AuthorizationQueryParametersError",
    400,
    'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"',
  ],
  [
    "service",
    replace("%2Fs3%2F", "%2Fiam%2F"),
    "AuthorizationQueryParametersError",
    400,
    `${parse}incorrect service "iam". This endpoint belongs to "s3".`,
  ],
  [
    "date form",
    replace("20260301T120000Z", "20260301"),
    "AuthorizationQueryParametersError",
    400,
    "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
  ],
  [
    "date differs",
    replace("%2F20260301%2F", "%2F20260302%2F"),
    "AuthorizationQueryParametersError",
    400,
    'Invalid credential date "20260302". This date is not the same as X-Amz-Date: "20260301".',
  ],
  [
    "duplicate",
    (r) => ({ query: `${r.query}&X-Amz-Expires=1` }),
    "AuthorizationQueryParametersError",
    400,
    /^Duplicate/,
  ],
  [
    "unsigned header",
    header("x-amz-acl", "private"),
    "AccessDenied",
    403,
    "There were headers present in the request which were not signed",
  ],
];

for (const [name, change, code, status, message] of tamperedPresigned) {
  test(`s3 presigned, tampered: ${name}`, async () => {
    const made = await presign(s3, 900);
    const got = await refusal(() =>
      verifySigV4({ ...made, ...change(made) }, { addressed: s3, clock, credential: s3Example, keys }),
    );
    assert.deepEqual([got.code, got.status], [code, status]);
    if (typeof message === "string") assert.equal(got.message, message);
    else assert.match(got.message, message);
  });
}

test("presigned for the future, and what query services miss", async () => {
  const made = await presign(s3, 900);
  const early = await refusal(() => readSignature(made, { addressed: s3, clock: at("2026-03-01T11:44:59Z") }));
  assert.deepEqual([early.code, early.message], ["AccessDenied", "Request is not valid yet"]);
  const query = await presign(iam, 900);
  const missing = { ...query, query: query.query.replace(/&?X-Amz-SignedHeaders=\w+/, "") };
  const got = await refusal(() => readSignature(missing, { addressed: iam, clock }));
  assert.deepEqual(
    [got.code, got.message],
    [
      "IncompleteSignature",
      "AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.",
    ],
  );
  const late = await refusal(() => readSignature(query, { addressed: iam, clock: at("2026-03-01T12:15:01Z") }));
  assert.match(late.message, /^Signature expired: 20260301T120000Z is now earlier than .* - 15 min\.\)$/);
  for (const bad of ["0", "604801", "x"]) {
    const changed = { ...query, query: query.query.replace("Expires=900", `Expires=${bad}`) };
    assert.equal((await refusal(() => readSignature(changed, { addressed: iam, clock }))).code, "IncompleteSignature");
  }
});
