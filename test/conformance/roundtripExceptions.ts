/** What the clients themselves change or refuse, reviewed row by row. Anything not listed here has to come out equal. */
import type { Member, OperationModel, ServiceModel } from "#model/types.ts";
import { leaveOut } from "./randomValues.ts";

/** Error classes that the client never makes of an answer, as `service:Error`. */
export const unreachableErrors: ReadonlySet<string> = new Set([
  // Its query code is that of another error, and the client goes by the query code.
  "cloudwatch:DashboardNotFoundError",
]);

interface Special {
  service: string;
  operation?: string;
  member: string;
  direction?: "input" | "output";
  location?: Member["location"];
  /** Only for this one of the two clients. */
  client?: "sdk" | "botocore";
  value: unknown;
  reason: string;
}

const customerKey = "the client sends the key in base64 and computes its digest";
const length = "has to be the length of the body";

/** Members for which a client insists on a form, or which it does not carry. */
const special: readonly Special[] = [
  {
    service: "apigateway",
    member: "position",
    direction: "output",
    value: leaveOut,
    reason: "the client's schema has it in the query, so it does not read it",
  },
  {
    service: "apigateway",
    operation: "GetExport",
    member: "accepts",
    value: "application/json",
    reason: "the client always sends this Accept header",
  },
  {
    service: "ec2",
    operation: "CopySnapshot",
    member: "PresignedUrl",
    direction: "input",
    value: "https://ec2/",
    reason: "the client presigns one, and names its Region, where there is none",
  },
  {
    service: "ec2",
    operation: "CopySnapshot",
    member: "DestinationRegion",
    direction: "input",
    value: "us-east-1",
    reason: "the client's own Region",
  },
  {
    service: "ec2",
    client: "botocore",
    operation: "RunInstances",
    member: "UserData",
    direction: "input",
    value: leaveOut,
    reason: "botocore puts it into base64",
  },
  {
    service: "events",
    operation: "PutEvents",
    member: "EndpointId",
    value: leaveOut,
    reason: "needs SigV4A, an optional package",
  },
  { service: "s3", member: "Bucket", location: "label", value: "bucket-1", reason: "the client checks the name" },
  {
    service: "s3",
    member: "ChecksumAlgorithm",
    direction: "input",
    value: "CRC32",
    reason: "the client computes only some algorithms, and names its default",
  },
  { service: "s3", member: "SSECustomerKey", value: leaveOut, reason: customerKey },
  { service: "s3", member: "SSECustomerKeyMD5", direction: "input", value: leaveOut, reason: customerKey },
  { service: "s3", member: "CopySourceSSECustomerKey", value: leaveOut, reason: customerKey },
  { service: "s3", member: "CopySourceSSECustomerKeyMD5", value: leaveOut, reason: customerKey },
  { service: "s3", member: "ContentLength", value: leaveOut, reason: length },
  {
    service: "s3",
    member: "ChecksumMode",
    value: leaveOut,
    reason: "the client would compare the body with made-up checksums",
  },
  {
    service: "s3",
    member: "Expires",
    direction: "output",
    value: leaveOut,
    reason: "the client reads this header into two members",
  },
  { service: "s3", member: "ExpiresString", value: leaveOut, reason: "the client reads this header into two members" },
  { service: "s3", member: "ContentMD5", value: leaveOut, reason: "computed by the client where it is needed" },
  {
    service: "s3control",
    member: "AccountId",
    direction: "input",
    value: "123456789012",
    reason: "the client checks it",
  },
  {
    service: "s3control",
    member: "OutpostId",
    direction: "input",
    value: "op-01234567890123456",
    reason: "the client checks it, and signs for Outposts only with it",
  },
  {
    service: "route53",
    client: "botocore",
    member: "MaxItems",
    direction: "output",
    value: leaveOut,
    reason: "a string to botocore",
  },
  {
    service: "route53",
    client: "botocore",
    member: "HostedZoneIdMarker",
    direction: "input",
    value: "Z1",
    reason: "botocore cuts it at the last slash",
  },
  {
    service: "ec2",
    client: "botocore",
    operation: "GetConsoleOutput",
    member: "Output",
    direction: "output",
    value: leaveOut,
    reason: "botocore takes it out of base64",
  },
  {
    service: "s3",
    client: "botocore",
    operation: "GetBucketLocation",
    member: "LocationConstraint",
    direction: "output",
    value: "eu-west-1",
    reason: "an empty one is null to botocore",
  },
  {
    service: "route53",
    client: "botocore",
    member: "HostedZoneId",
    direction: "input",
    value: "Z1",
    reason: "botocore cuts it at the last slash",
  },
  {
    service: "route53",
    client: "botocore",
    member: "Id",
    direction: "input",
    value: "Z1",
    reason: "botocore cuts it at the last slash",
  },
  {
    service: "route53",
    client: "botocore",
    member: "DelegationSetId",
    direction: "input",
    value: "N1",
    reason: "botocore cuts it at the last slash",
  },
  {
    service: "s3",
    client: "botocore",
    member: "CopySource",
    direction: "input",
    value: "bucket/key",
    reason: "botocore quotes it",
  },
  {
    service: "s3",
    client: "botocore",
    member: "EncodingType",
    direction: "input",
    value: "url",
    reason: "botocore asks for it",
  },
  {
    service: "s3",
    client: "botocore",
    member: "EncodingType",
    direction: "output",
    value: leaveOut,
    reason: "botocore decodes the keys and drops it",
  },
  { service: "s3", client: "botocore", member: "PartNumberMarker", value: leaveOut, reason: "a number to botocore" },
  {
    service: "s3",
    client: "botocore",
    member: "NextPartNumberMarker",
    value: leaveOut,
    reason: "a number to botocore",
  },
  {
    service: "s3",
    client: "botocore",
    member: "RequestRoute",
    direction: "input",
    value: "route",
    reason: "botocore checks it",
  },
];

export function specialValue(
  service: ServiceModel,
  operation: OperationModel,
  member: Member,
  direction: "input" | "output",
  client: "sdk" | "botocore" = "sdk",
): unknown {
  return special.find(
    (row) =>
      row.service === service.id &&
      row.member === member.name &&
      (row.operation ?? operation.name) === operation.name &&
      (row.direction ?? direction) === direction &&
      (row.location ?? member.location) === member.location &&
      (row.client ?? client) === client,
  )?.value;
}
