/**
 * The `Authorization` header's grammar, read twice: as S3 reads it and as all other services read it, since they refuse
 * different things in different words. Sources: see authErrors.ts.
 */
import { hash } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import { authError, type Addressed } from "./authErrors.ts";
import { algorithm, parseSignedHeaders } from "./signature.ts";
import type { Scope } from "./signingKeys.ts";

export interface AuthorizationParts {
  accessKeyId: string;
  scope: Scope;
  terminator: string;
  signedHeaders: readonly string[];
  signature: string;
}

/** As every SDK writes it. What does not match is read again, slowly, to find out what is wrong with it. */
const usual =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s=]+)\/([^/,\s=]+)\/([^/,\s=]+)\/([^/,\s=]+)\/([^/,\s=]+), ?SignedHeaders=([^,\s=]+), ?Signature=([^,\s=]+)$/;

function readUsual(header: string): AuthorizationParts | undefined {
  const match = usual.exec(header);
  if (match === null) return undefined;
  return {
    accessKeyId: match[1] as string,
    scope: { date: match[2] as string, region: match[3] as string, service: match[4] as string },
    terminator: match[5] as string,
    signedHeaders: parseSignedHeaders(match[6] as string),
    signature: match[7] as string,
  };
}

/**
 * `AWS4-HMAC-SHA256 Credential=AKID/date/region/service/aws4_request, SignedHeaders=a;b, Signature=hex`
 * as the JSON and Query services read it. `hasDate` joins the list of what is missing.
 */
export function readAuthorization(header: string, hasDate: boolean, addressed: Addressed): AuthorizationParts {
  const whole = hasDate ? readUsual(header) : undefined;
  if (whole !== undefined) return whole;
  const trimmed = header.trim();
  const space = trimmed.search(/\s/);
  const scheme = space < 0 ? trimmed : trimmed.slice(0, space);
  if (scheme === "AWS" || scheme.startsWith("AWS3")) {
    throw authError(addressed, "incomplete", "AWS Signature Version 2 is not supported.");
  }
  if (!scheme.startsWith("AWS4-")) throw authError(addressed, "missingToken");
  if (scheme !== algorithm) {
    throw authError(addressed, "incomplete", `Unsupported AWS 'algorithm': '${scheme}' (only ${algorithm} for now). `);
  }

  const parameters = new Map<string, string>();
  for (const piece of trimmed.slice(scheme.length).split(",")) {
    // White space separates too, which is how a stray blank inside a credential is found.
    for (const pair of piece.trim().split(/\s+/)) {
      if (pair === "") continue;
      const at = pair.indexOf("=");
      if (at < 0) {
        throw authError(
          addressed,
          "incomplete",
          `'${pair}' not a valid key=value pair (missing equal-sign) in Authorization header: '${header}'.`,
        );
      }
      const key = pair.slice(0, at);
      if (parameters.has(key)) {
        throw authError(addressed, "incomplete", `Duplicate '${key}' parameter in Authorization header.`);
      }
      parameters.set(key, pair.slice(at + 1));
    }
  }

  const missing: string[] = [];
  for (const name of ["Credential", "Signature", "SignedHeaders"]) {
    if (!parameters.get(name)) missing.push(`Authorization header requires '${name}' parameter.`);
  }
  if (!hasDate) {
    missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  if (missing.length > 0) {
    throw authError(
      addressed,
      "incomplete",
      `${missing.join(" ")} (Hashed with SHA-256 and encoded with Base64) Authorization=${hash("sha256", header, "base64")}`,
    );
  }

  const credential = parameters.get("Credential") as string;
  return {
    ...readCredential(credential, addressed),
    signedHeaders: parseSignedHeaders(parameters.get("SignedHeaders") as string),
    signature: parameters.get("Signature") as string,
  };
}

/** `AKID/date/region/service/term`; trailing slashes are ignored. */
export function readCredential(
  credential: string,
  addressed: Addressed,
): Pick<AuthorizationParts, "accessKeyId" | "scope" | "terminator"> {
  const elements = credential.replace(/\/+$/, "").split("/");
  if (elements.length !== 5) {
    throw authError(
      addressed,
      "incomplete",
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${credential}'`,
    );
  }
  const [accessKeyId, date, region, service, terminator] = elements as [string, string, string, string, string];
  return { accessKeyId, scope: { date, region, service }, terminator };
}

/** The same header as S3 reads it. */
export function readAuthorizationS3(header: string): AuthorizationParts {
  const space = header.indexOf(" ");
  if (space <= 0) {
    throw invalidHeader("Authorization header is invalid -- one and only one ' ' (space) required.", header);
  }
  const scheme = header.slice(0, space);
  if (scheme !== algorithm) {
    if (scheme === "AWS" || scheme.startsWith("AWS4-")) {
      throw new AwsError(
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        400,
      );
    }
    throw invalidHeader("Unsupported Authorization Type", header);
  }

  const pieces = header.slice(space + 1).split(",");
  if (pieces.length !== 3) {
    throw malformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.");
  }
  const parameters = new Map<string, string>();
  for (const piece of pieces) {
    const pair = piece.trim();
    const at = pair.indexOf("=");
    if (at <= 0) throw malformed(`the authorization component "${pair}" is malformed.`);
    parameters.set(pair.slice(0, at), pair.slice(at + 1));
  }
  for (const name of ["Credential", "SignedHeaders", "Signature"]) {
    if (!parameters.get(name)) throw malformed(`missing ${name}.`);
  }

  const scope = readCredentialS3(parameters.get("Credential") as string, malformed);
  return {
    ...scope,
    signedHeaders: parseSignedHeaders(parameters.get("SignedHeaders") as string),
    signature: parameters.get("Signature") as string,
  };
}

/** S3's reading of a credential, shared by header, query and form; each words the same refusal in its own error. */
export function readCredentialS3(
  credential: string,
  refuse: (detail: string) => AwsError,
): Pick<AuthorizationParts, "accessKeyId" | "scope" | "terminator"> {
  const elements = credential.split("/");
  const [accessKeyId, date, region, service, terminator] = elements;
  if (
    elements.length !== 5 ||
    accessKeyId === undefined ||
    accessKeyId === "" ||
    date === undefined ||
    region === undefined ||
    region === "" ||
    service === undefined ||
    terminator === undefined
  ) {
    throw refuse('the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".');
  }
  if (terminator !== "aws4_request") {
    throw refuse(`incorrect terminal "${terminator}". This endpoint uses "aws4_request".`);
  }
  if (service !== "s3") throw refuse(`incorrect service "${service}". This endpoint belongs to "s3".`);
  if (!/^\d{8}$/.test(date)) {
    throw refuse(`incorrect date format "${date}". This date in the credential must be in the format "yyyyMMdd".`);
  }
  return { accessKeyId, scope: { date, region, service }, terminator };
}

function malformed(detail: string): AwsError {
  return new AwsError("AuthorizationHeaderMalformed", `The authorization header is malformed; ${detail}`, 400);
}

function invalidHeader(message: string, header: string): AwsError {
  return new AwsError("InvalidArgument", message, 400, {
    fields: { ArgumentName: "Authorization", ArgumentValue: header },
  });
}
