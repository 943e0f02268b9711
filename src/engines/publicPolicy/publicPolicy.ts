/**
 * Whether a resource policy grants access to the public.
 * Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage", section "The meaning of
 * 'public'": a policy is public until it grants only to fixed principals or under fixed condition values.
 */

/** Condition keys whose fixed values keep a statement from being public. */
const fixingKeys = new Set([
  "aws:principalorgid",
  "aws:principalorgpaths",
  "aws:principalaccount",
  "aws:principalarn",
  "aws:sourcearn",
  "aws:sourceaccount",
  "aws:sourceorgid",
  "aws:sourceowner",
  "aws:sourcevpc",
  "aws:sourcevpce",
  "aws:userid",
  "s3:dataaccesspointarn",
  "s3:dataaccesspointaccount",
  "s3:x-amz-server-side-encryption-aws-kms-key-id",
]);

interface Statement {
  Effect?: unknown;
  Principal?: unknown;
  NotPrincipal?: unknown;
  Condition?: Record<string, Record<string, unknown>>;
}

/** Whether a valid bucket policy grants access to the public. */
export function isPublicPolicy(document: string): boolean {
  const { Statement } = JSON.parse(document) as { Statement: Statement | Statement[] };
  return list(Statement).some(isPublicStatement);
}

function isPublicStatement(statement: Statement): boolean {
  if (statement.Effect !== "Allow") return false;
  if (statement.NotPrincipal === undefined && !namesEveryone(statement.Principal)) return false;
  return !isFixed(statement.Condition ?? {});
}

function namesEveryone(principal: unknown): boolean {
  if (principal === "*") return true;
  if (principal === null || typeof principal !== "object") return false;
  return Object.values(principal).some((value) => list(value).includes("*"));
}

function isFixed(condition: Record<string, Record<string, unknown>>): boolean {
  return Object.entries(condition).some(([operator, keys]) => {
    // An operator that also matches when the key is absent fixes nothing.
    if (!/^(ForAnyValue:)?(String(Equals|Like|EqualsIgnoreCase)|Arn(Equals|Like)|IpAddress)$/i.test(operator))
      return false;
    return Object.entries(keys).some(([key, value]) => {
      const values = list(value).map(String);
      const name = key.toLowerCase();
      if (name === "aws:sourceip") return values.every((range) => !isBroadRange(range));
      return fixingKeys.has(name) && values.every((text) => isFixedValue(name, text));
    });
  });
}

/** Wildcards and variables make a value open, except behind an account id in an ARN. */
function isFixedValue(key: string, value: string): boolean {
  if (value.includes("${")) return false;
  if (key === "aws:principalorgpaths") return !value.split("/")[0]!.includes("*");
  if (key.endsWith("arn") && value.startsWith("arn:")) {
    const account = value.split(":")[4] ?? "";
    return account !== "" ? !/[*?]/.test(account) : !/[*?]/.test(value);
  }
  return !/[*?]/.test(value);
}

/** Ranges of more than a /8 (IPv4) or /32 (IPv6) count as the public; so do the documented RFC 1918 exceptions not. */
function isBroadRange(range: string): boolean {
  const [address = "", length] = range.split("/");
  if (length === undefined) return false;
  return Number(length) < (address.includes(":") ? 32 : 8);
}

function list<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}
