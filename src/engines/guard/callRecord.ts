/**
 * What the detections read of a CloudTrail record. Sources: CloudTrail User Guide, "CloudTrail record contents",
 * "CloudTrail userIdentity element".
 */
export interface CallRecord {
  eventID: string;
  /** ISO 8601, whole seconds. */
  eventTime: string;
  eventSource: string;
  eventName: string;
  awsRegion: string;
  sourceIPAddress: string;
  userAgent: string;
  errorCode?: string;
  readOnly: boolean;
  eventType: string;
  eventCategory: string;
  recipientAccountId: string;
  userIdentity: Readonly<Record<string, unknown>>;
  requestParameters: Readonly<Record<string, unknown>> | null;
  responseElements?: Readonly<Record<string, unknown>> | null;
  resources?: readonly { ARN: string; type: string }[];
}

/** Who made the call, as findings name it. */
export interface Caller {
  accessKeyId?: string;
  principalId?: string;
  /** CloudTrail's type: `Root`, `IAMUser`, `AssumedRole`, `FederatedUser`, `AWSAccount`. */
  userType: string;
  userName: string;
  /** What findings of one caller are gathered by: a role's sessions are one caller. */
  identity: string;
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

export function callerOf({ userIdentity, recipientAccountId }: CallRecord): Caller {
  const issuer = nested(userIdentity, "sessionContext.sessionIssuer");
  const principalId = text(userIdentity["principalId"]);
  const userType = text(userIdentity["type"]) ?? "Unknown";
  const identity = text(nested(issuer, "principalId")) ?? principalId ?? recipientAccountId;
  const userName =
    text(userIdentity["userName"]) ??
    text(nested(issuer, "userName")) ??
    (userType === "Root" ? "Root" : (principalId?.split(":").at(-1) ?? userType));
  const accessKeyId = text(userIdentity["accessKeyId"]);
  return {
    ...(accessKeyId === undefined ? {} : { accessKeyId }),
    ...(principalId === undefined ? {} : { principalId }),
    userType,
    userName,
    identity,
  };
}

/**
 * A member by its path. Names are compared without case: the records of some services write members as their wire
 * protocol does, those of others begin them with a small letter.
 */
export function nested(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split(".")) {
    if (found === null || typeof found !== "object" || Array.isArray(found)) return undefined;
    const wanted = name.toLowerCase();
    const entry = Object.entries(found).find(([key]) => key.toLowerCase() === wanted);
    found = entry?.[1];
  }
  return found;
}

export function parameter(record: CallRecord, path: string): unknown {
  return nested(record.requestParameters, path);
}

export function parameterText(record: CallRecord, path: string): string | undefined {
  return text(parameter(record, path));
}

/** A service that acts for the caller, or by itself: the caller's own call is the one that counts. */
export function isByService({ userIdentity, eventType }: CallRecord): boolean {
  return (
    eventType === "AwsServiceEvent" || userIdentity["type"] === "AWSService" || userIdentity["invokedBy"] !== undefined
  );
}

/** The bucket of an S3 call, by its request or its resources. */
export function bucketOf(record: CallRecord): string | undefined {
  const named = parameterText(record, "bucketName");
  if (named !== undefined && !named.startsWith("arn:")) return named;
  const arn = record.resources?.find(({ type }) => type === "AWS::S3::Bucket")?.ARN;
  return arn?.split(":::")[1];
}
