/**
 * Access control lists: canned lists, grant headers, the XML form, and their translation into resource policy
 * statements, so that one evaluator decides.
 * Source: Amazon S3 User Guide, "Access control list (ACL) overview", "Controlling ownership of objects".
 */
import type { AccessControlPolicy, Grant as WireGrant } from "@aws-sdk/client-s3";
import type { NamedPolicy } from "#gateway/identity.ts";
import { AwsError } from "#kernel/errors.ts";
import { accountOfCanonicalId, canonicalId } from "./canonical.ts";
import { accessDenied, invalidArgument, invalidRequest } from "./errors.ts";
import type { Grant, ObjectOwnership } from "./state.ts";

type Permission = Grant["permission"];

export interface AclInput {
  ACL?: string | undefined;
  GrantFullControl?: string | undefined;
  GrantRead?: string | undefined;
  GrantReadACP?: string | undefined;
  GrantWrite?: string | undefined;
  GrantWriteACP?: string | undefined;
}

const groups = {
  AllUsers: "http://acs.amazonaws.com/groups/global/AllUsers",
  AuthenticatedUsers: "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
  LogDelivery: "http://acs.amazonaws.com/groups/s3/LogDelivery",
} as const;

/** Canned lists beside the owner's FULL_CONTROL, which each of them has. */
const canned: Record<string, (bucketOwner: string) => Grant[]> = {
  private: () => [],
  "public-read": () => [{ grantee: { group: "AllUsers" }, permission: "READ" }],
  "public-read-write": () => [
    { grantee: { group: "AllUsers" }, permission: "READ" },
    { grantee: { group: "AllUsers" }, permission: "WRITE" },
  ],
  "authenticated-read": () => [{ grantee: { group: "AuthenticatedUsers" }, permission: "READ" }],
  "bucket-owner-read": (account) => [{ grantee: { account }, permission: "READ" }],
  "bucket-owner-full-control": (account) => [{ grantee: { account }, permission: "FULL_CONTROL" }],
  "log-delivery-write": () => [
    { grantee: { group: "LogDelivery" }, permission: "WRITE" },
    { grantee: { group: "LogDelivery" }, permission: "READ_ACP" },
  ],
};

const grantHeaders = [
  ["GrantFullControl", "FULL_CONTROL"],
  ["GrantRead", "READ"],
  ["GrantReadACP", "READ_ACP"],
  ["GrantWrite", "WRITE"],
  ["GrantWriteACP", "WRITE_ACP"],
] as const;

export function ownerGrant(account: string): Grant {
  return { grantee: { account }, permission: "FULL_CONTROL" };
}

export function asksForAcl(input: AclInput): boolean {
  return input.ACL !== undefined || grantHeaders.some(([member]) => input[member] !== undefined);
}

/** Grants that a request's headers ask for; the private list when they say nothing. */
export function grantsOfRequest(input: AclInput, owner: string, bucketOwner: string): Grant[] {
  const headers = grantHeaders.filter(([member]) => input[member] !== undefined);
  if (input.ACL !== undefined) {
    if (headers.length > 0) throw invalidRequest("Specifying both Canned ACLs and Header Grants is not allowed");
    const list = Object.hasOwn(canned, input.ACL) ? canned[input.ACL] : undefined;
    if (!list) throw invalidArgument("", "x-amz-acl", input.ACL);
    return [ownerGrant(owner), ...list(bucketOwner).filter((grant) => !isOwner(grant, owner))];
  }
  if (headers.length === 0) return [ownerGrant(owner)];
  return headers.flatMap(([member, permission]) => parseGrantees(input[member]!, permission));
}

function isOwner(grant: Grant, owner: string): boolean {
  return "account" in grant.grantee && grant.grantee.account === owner;
}

/** `id="…", uri="…", emailAddress="…"`. */
function parseGrantees(header: string, permission: Permission): Grant[] {
  return header.split(",").map((item) => {
    const match = /^\s*(\w+)\s*=\s*"?([^"]*)"?\s*$/.exec(item);
    const [, kind, value] = match ?? [];
    if (kind === "id") return { grantee: account(value!), permission };
    if (kind === "uri") return { grantee: group(value!), permission };
    if (kind?.toLowerCase() === "emailaddress") throw unresolvableEmail(value!);
    throw invalidArgument("Argument format not recognized", `x-amz-grant-${permission.toLowerCase()}`, header);
  });
}

function account(id: string) {
  const found = accountOfCanonicalId(id);
  if (found === undefined) throw invalidArgument("Invalid id", "CanonicalUser/ID", id);
  return { account: found };
}

function group(uri: string) {
  for (const [name, value] of Object.entries(groups)) if (value === uri) return { group: name as keyof typeof groups };
  throw invalidArgument("Invalid group uri", "Group/URI", uri);
}

/** AWS ended grants by e-mail address on 1 October 2025. */
function unresolvableEmail(address: string): AwsError {
  return new AwsError(
    "UnresolvableGrantByEmailAddress",
    "The e-mail address you provided does not match any account on record.",
    400,
    { fields: { EmailAddress: address } },
  );
}

const malformed = () =>
  new AwsError(
    "MalformedACLError",
    "The XML you provided was not well-formed or did not validate against our published schema",
    400,
  );

const permissions = new Set<string>(["FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"]);
const maxGrants = 100;

/** The XML form. The owner it names must be the owner. */
export function grantsOfPolicy(policy: AccessControlPolicy, owner: string): Grant[] {
  if (policy.Owner?.ID === undefined || !policy.Grants) throw malformed();
  if (policy.Owner.ID !== canonicalId(owner)) throw accessDenied();
  if (policy.Grants.length > maxGrants) throw malformed();
  return policy.Grants.map(({ Grantee: grantee, Permission: permission }) => {
    if (!grantee || permission === undefined || !permissions.has(permission)) throw malformed();
    const known = permission as Permission;
    if (grantee.Type === "CanonicalUser" && grantee.ID) return { grantee: account(grantee.ID), permission: known };
    if (grantee.Type === "Group" && grantee.URI) return { grantee: group(grantee.URI), permission: known };
    if (grantee.Type === "AmazonCustomerByEmail") throw unresolvableEmail(grantee.EmailAddress ?? "");
    throw malformed();
  });
}

export function wireGrants(grants: readonly Grant[]): WireGrant[] {
  return grants.map(({ grantee, permission }) => ({
    Grantee:
      "account" in grantee
        ? { Type: "CanonicalUser", ID: canonicalId(grantee.account) }
        : { Type: "Group", URI: groups[grantee.group] },
    Permission: permission,
  }));
}

export function isPublicGrant(grant: Grant): boolean {
  return "group" in grant.grantee && grant.grantee.group !== "LogDelivery";
}

/** Lists that a bucket without access control lists still takes: those that change nothing. */
export function isBucketOwnerFullControl(grants: readonly Grant[], bucketOwner: string): boolean {
  return (
    grants.length > 0 && grants.every((grant) => isOwner(grant, bucketOwner) && grant.permission === "FULL_CONTROL")
  );
}

export const accessControlListNotSupported = () =>
  new AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs", 400);

/** Who owns an object that `writer` puts, and its list. */
export function newObjectAcl(
  ownership: ObjectOwnership,
  input: AclInput,
  writer: string | undefined,
  bucketOwner: string,
): { owner: string; grants: Grant[] } {
  if (ownership === "BucketOwnerEnforced") {
    if (asksForAcl(input) && input.ACL !== "bucket-owner-full-control") {
      const headers = input.ACL === undefined ? grantsOfRequest(input, bucketOwner, bucketOwner) : [];
      if (!isBucketOwnerFullControl(headers, bucketOwner)) throw accessControlListNotSupported();
    }
    return { owner: bucketOwner, grants: [] };
  }
  const preferred = ownership === "BucketOwnerPreferred" && input.ACL === "bucket-owner-full-control";
  // An anonymous writer has no account that could own anything.
  const owner = preferred ? bucketOwner : (writer ?? bucketOwner);
  return { owner, grants: grantsOfRequest(input, owner, bucketOwner) };
}

const bucketActions: Record<Permission, readonly string[]> = {
  READ: ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"],
  WRITE: ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
  READ_ACP: ["s3:GetBucketAcl"],
  WRITE_ACP: ["s3:PutBucketAcl"],
  FULL_CONTROL: [],
};
const objectActions: Record<Permission, readonly string[]> = {
  READ: ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"],
  WRITE: [],
  READ_ACP: ["s3:GetObjectAcl", "s3:GetObjectVersionAcl"],
  WRITE_ACP: ["s3:PutObjectAcl", "s3:PutObjectVersionAcl"],
  FULL_CONTROL: [],
};

/**
 * A list as a resource policy. The owner's own grants are left out: within its account, identity policies decide.
 * @param authenticated whether the caller has credentials, which the group AuthenticatedUsers asks for
 */
export function aclPolicy(
  grants: readonly Grant[],
  of: { kind: "bucket" | "object"; arn: string; owner: string; name: string },
  authenticated: boolean,
): NamedPolicy | undefined {
  const table = of.kind === "bucket" ? bucketActions : objectActions;
  const statements = grants.flatMap((grant) => {
    if (isOwner(grant, of.owner)) return [];
    const principal = principalOf(grant, authenticated);
    if (principal === undefined) return [];
    const actions =
      grant.permission === "FULL_CONTROL"
        ? (["READ", "WRITE", "READ_ACP", "WRITE_ACP"] as const).flatMap((permission) => table[permission])
        : table[grant.permission];
    if (actions.length === 0) return [];
    const resources = of.kind === "bucket" ? [of.arn, `${of.arn}/*`] : [literal(of.arn)];
    return [{ Effect: "Allow", Principal: principal, Action: actions, Resource: resources }];
  });
  if (statements.length === 0) return undefined;
  return { name: of.name, document: JSON.stringify({ Version: "2012-10-17", Statement: statements }) };
}

/** A key may hold characters that mean something in a policy. */
function literal(arn: string): string {
  return arn.replace(/[*?$]/g, (character) => `\${${character}}`);
}

function principalOf(grant: Grant, authenticated: boolean): unknown {
  if ("account" in grant.grantee) return { AWS: `arn:aws:iam::${grant.grantee.account}:root` };
  if (grant.grantee.group === "AllUsers") return "*";
  if (grant.grantee.group === "AuthenticatedUsers") return authenticated ? "*" : undefined;
  return { Service: "logging.s3.amazonaws.com" };
}
