/** One ordinary request of every operation that is served, near enough to a real one to get as far as its authorization. */
import { loadModel } from "#model/load.ts";
import type { OperationModel, ServiceModel } from "#model/types.ts";
import { actionsOf } from "#policy/actions.ts";
import { services } from "../../src/roles/services.ts";
import { encode, type Input } from "../hostile/encode.ts";
import { ordinary, type Known } from "../hostile/values.ts";
import type { Draft } from "../hostile/signedRequest.ts";

export interface ServedOperation {
  /** `iam:CreateUser`, by service id and operation. */
  name: string;
  service: ServiceModel;
  operation: OperationModel;
  /** IAM actions that it needs. */
  actions: readonly string[];
  draft: Draft;
}

const uuid = "00000000-0000-4000-8000-000000000001";

/** Values that the model asks for and no resource of the hostile tests has. */
const formed: Readonly<Record<string, Known>> = {
  iam: { AuthenticationCode1: "123456", AuthenticationCode2: "654321" },
  sts: {
    TargetPrincipal: "000000000001",
    TaskPolicyArn: { arn: "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials" },
  },
  account: {
    AccountId: "000000000001",
    PhoneNumber: "+1 555 0100",
    EmailAddress: "member@example.com",
    PrimaryEmail: "member@example.com",
    Otp: "123456",
  },
  acm: { DomainName: "www.example.com" },
  cloudtrail: { QueryId: uuid, QueryStatement: `SELECT eventID FROM ${uuid}` },
  logs: { queryString: "fields @message", logGroupName: "ordinary" },
  guardduty: { AccountDetails: [{ AccountId: "000000000001", Email: "member@example.com" }] },
  wafv2: { Id: uuid, LockToken: uuid, WebACLId: uuid },
  kms: { ReplicaRegion: "eu-west-1", PrimaryRegion: "eu-west-1" },
  organizations: {
    RootId: "r-abcd",
    ParentId: "r-abcd",
    SourceParentId: "r-abcd",
    DestinationParentId: "ou-abcd-12345678",
    ChildId: "000000000001",
    AccountId: "000000000001",
    TargetId: "000000000001",
    ResourceId: "000000000001",
    OrganizationalUnitId: "ou-abcd-12345678",
    PolicyId: "p-12345678",
    HandshakeId: "h-12345678",
    CreateAccountRequestId: "car-12345678",
    Email: "member@example.com",
    Target: { Id: "000000000001", Type: "ACCOUNT" },
  },
};

/** Members beyond the required ones without which the request names nothing. */
const named: Readonly<Record<string, readonly string[]>> = {
  "kms:Decrypt": ["CiphertextBlob"],
  "kms:ReEncrypt": ["CiphertextBlob"],
  "kms:RetireGrant": ["KeyId", "GrantId"],
};

/** Lists in headers, which the hostile encoder writes as JSON. */
const headers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "s3:GetObjectAttributes": { "x-amz-object-attributes": "ETag" },
};

function withHeaders(draft: Draft, more: Readonly<Record<string, string>> = {}): Draft {
  return { ...draft, headers: { ...draft.headers, ...more } };
}

export function servedOperations(resources: Readonly<Record<string, Known>>): ServedOperation[] {
  const found: ServedOperation[] = [];
  for (const { id, operations } of services) {
    const service = loadModel(id);
    const known = { ...resources[id], ...formed[id] };
    for (const name of operations.keys()) {
      const operation = service.operations.get(name)!;
      const input: Input = {};
      for (const member of operation.input.members ?? []) {
        const wanted =
          member.required || member.location === "payload" || named[`${id}:${name}`]?.includes(member.name);
        if (wanted) input[member.name] = ordinary(member, known);
      }
      found.push({
        name: `${id}:${name}`,
        service,
        operation,
        actions: actionsOf(service.iamPrefix, name, { service: id }),
        draft: withHeaders(encode(service, operation, input), headers[`${id}:${name}`]),
      });
    }
  }
  return found;
}
