/** Every detection with the call that shows it, and near misses that do not. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CallRecord } from "./callRecord.ts";
import { detect } from "./detect.ts";
import type { BlockPublicAccess, BucketBlocks, Knowledge } from "./detection.ts";
import { defaultPasswordPolicy } from "./detections/passwordPolicy.ts";
import { findingType, findingTypes, severityOf } from "./findingTypes.ts";

const listed = "203.0.113.9";

const knowledge: Knowledge = {
  s3DataEvents: true,
  threatListOf: (address) => (address === listed ? "bad addresses" : undefined),
  passwordPolicy: defaultPasswordPolicy,
};

const user = { type: "IAMUser", principalId: "AIDAEXAMPLE", userName: "alice", accessKeyId: "AKIAEXAMPLE" };
const root = { type: "Root", principalId: "111122223333", accessKeyId: "AKIAROOT" };

function call(eventSource: string, eventName: string, more: Partial<CallRecord> = {}): CallRecord {
  return {
    eventID: "e",
    eventTime: "2026-01-01T00:00:00Z",
    eventSource: `${eventSource}.amazonaws.com`,
    eventName,
    awsRegion: "us-east-1",
    sourceIPAddress: "192.0.2.7",
    userAgent: "aws-cli/2.9.19",
    readOnly: false,
    eventType: "AwsApiCall",
    eventCategory: "Management",
    recipientAccountId: "111122223333",
    userIdentity: user,
    requestParameters: null,
    ...more,
  };
}

const all: BlockPublicAccess = {
  blockPublicAcls: true,
  ignorePublicAcls: true,
  blockPublicPolicy: true,
  restrictPublicBuckets: true,
};

const trail = (eventName: string, requestParameters: Record<string, unknown>, more: Partial<CallRecord> = {}) =>
  call("cloudtrail", eventName, { requestParameters, ...more });
const bucket = (eventName: string, more: Record<string, unknown> = {}) =>
  call("s3", eventName, { requestParameters: { bucketName: "b", ...more } });
const object = (eventName: string, more: Partial<CallRecord> = {}) =>
  call("s3", eventName, { eventCategory: "Data", requestParameters: { bucketName: "b", key: "k" }, ...more });
const policy = (principal: unknown, condition?: object) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: principal,
        Action: "s3:GetObject",
        Resource: "*",
        ...(condition && { Condition: condition }),
      },
    ],
  });
const kali = "Boto3/1.34 Python/3.11 Linux/6.6.9-kali1-amd64 Botocore/1.34";

type Case = [name: string, record: CallRecord, types: string[], more?: Partial<Knowledge>, blocks?: BucketBlocks];

const cases: Case[] = [
  ["root", call("iam", "ListUsers", { userIdentity: root }), ["Policy:IAMUser/RootCredentialUsage"]],
  [
    "root, refused",
    call("iam", "ListUsers", { userIdentity: root, errorCode: "AccessDenied" }),
    ["Policy:IAMUser/RootCredentialUsage"],
  ],
  [
    "root signs in",
    call("signin", "ConsoleLogin", { userIdentity: root, eventType: "AwsConsoleSignIn" }),
    ["Policy:IAMUser/RootCredentialUsage"],
  ],
  [
    "somebody tries to sign in as root",
    call("signin", "ConsoleLogin", {
      userIdentity: root,
      eventType: "AwsConsoleSignIn",
      responseElements: { ConsoleLogin: "Failure" },
    }),
    [],
  ],
  [
    "root session of AssumeRoot",
    call("iam", "ListUsers", { userIdentity: { ...root, sessionContext: { assumedRoot: "true" } } }),
    ["Policy:IAMUser/ShortTermRootCredentialUsage"],
  ],
  ["root reads an object", object("GetObject", { userIdentity: root }), ["Policy:IAMUser/RootCredentialUsage"]],
  ["the same without S3 Protection", object("GetObject", { userIdentity: root }), [], { s3DataEvents: false }],
  [
    "a service on behalf of root",
    call("kms", "Decrypt", { userIdentity: { ...root, invokedBy: "s3.amazonaws.com" } }),
    [],
  ],
  ["an event of a service", call("kms", "RotateKey", { userIdentity: root, eventType: "AwsServiceEvent" }), []],
  ["a user called root", call("iam", "ListUsers", { userIdentity: { ...user, userName: "root" } }), []],

  ["a trail is stopped", trail("StopLogging", { name: "t" }), ["Stealth:IAMUser/CloudTrailLoggingDisabled"]],
  ["a trail is deleted", trail("DeleteTrail", { name: "t" }), ["Stealth:IAMUser/CloudTrailLoggingDisabled"]],
  ["refused", trail("StopLogging", { name: "t" }, { errorCode: "TrailNotFoundException" }), []],
  ["a bucket is deleted", bucket("DeleteBucket"), ["Stealth:IAMUser/CloudTrailLoggingDisabled"]],
  [
    "a bucket cannot be deleted",
    call("s3", "DeleteBucket", { requestParameters: { bucketName: "b" }, errorCode: "BucketNotEmpty" }),
    [],
  ],
  [
    "nobody records what models are asked any more",
    call("bedrock", "DeleteModelInvocationLoggingConfiguration"),
    ["DefenseEvasion:IAMUser/BedrockLoggingDisabled"],
  ],
  ["it is recorded from now on", call("bedrock", "PutModelInvocationLoggingConfiguration"), []],
  ["a trail is started", trail("StartLogging", { name: "t" }), []],
  [
    "a trail loses Regions",
    trail("UpdateTrail", { name: "t", isMultiRegionTrail: false }),
    ["Stealth:IAMUser/CloudTrailLoggingDisabled"],
  ],
  ["a trail gets a prefix", trail("UpdateTrail", { name: "t", s3KeyPrefix: "p" }), []],
  [
    "management events are taken out",
    trail("PutEventSelectors", { trailName: "t", eventSelectors: [{ includeManagementEvents: false }] }),
    ["Stealth:IAMUser/CloudTrailLoggingDisabled"],
  ],
  [
    "of two selectors one has them",
    trail("PutEventSelectors", {
      trailName: "t",
      eventSelectors: [{ includeManagementEvents: false }, { readWriteType: "All" }],
    }),
    [],
  ],
  [
    "advanced selectors without them",
    trail("PutEventSelectors", {
      trailName: "t",
      advancedEventSelectors: [{ fieldSelectors: [{ field: "eventCategory", equals: ["Data"] }] }],
    }),
    ["Stealth:IAMUser/CloudTrailLoggingDisabled"],
  ],
  [
    "advanced selectors with them",
    trail("PutEventSelectors", {
      trailName: "t",
      advancedEventSelectors: [{ fieldSelectors: [{ field: "eventCategory", equals: ["Management"] }] }],
    }),
    [],
  ],

  ["no password policy", call("iam", "DeleteAccountPasswordPolicy"), ["Stealth:IAMUser/PasswordPolicyChange"]],
  [
    "a shorter password",
    call("iam", "UpdateAccountPasswordPolicy", { requestParameters: { minimumPasswordLength: 6 } }),
    ["Stealth:IAMUser/PasswordPolicyChange"],
  ],
  [
    "a stronger policy",
    call("iam", "UpdateAccountPasswordPolicy", {
      requestParameters: { minimumPasswordLength: 14, requireSymbols: true },
    }),
    [],
  ],
  [
    "weaker than it was",
    call("iam", "UpdateAccountPasswordPolicy", {
      requestParameters: { minimumPasswordLength: 14, requireSymbols: true },
    }),
    ["Stealth:IAMUser/PasswordPolicyChange"],
    { passwordPolicy: { ...defaultPasswordPolicy, minimumLength: 20, symbols: true } },
  ],
  [
    "an attempt counts",
    call("iam", "DeleteAccountPasswordPolicy", { errorCode: "AccessDenied" }),
    ["Stealth:IAMUser/PasswordPolicyChange"],
  ],
  ["there was none to delete", call("iam", "DeleteAccountPasswordPolicy", { errorCode: "NoSuchEntity" }), []],

  [
    "the block of a bucket goes",
    bucket("DeleteBucketPublicAccessBlock"),
    ["Policy:S3/BucketBlockPublicAccessDisabled"],
  ],
  [
    "one of its settings goes",
    bucket("PutBucketPublicAccessBlock", { publicAccessBlockConfiguration: { ...all, blockPublicPolicy: false } }),
    ["Policy:S3/BucketBlockPublicAccessDisabled"],
  ],
  ["all of them are on", bucket("PutBucketPublicAccessBlock", { publicAccessBlockConfiguration: all }), []],
  [
    "the block of the account goes",
    call("s3", "DeletePublicAccessBlock"),
    ["Policy:S3/AccountBlockPublicAccessDisabled"],
  ],
  [
    "the block of the account comes",
    call("s3", "PutPublicAccessBlock", { requestParameters: { publicAccessBlockConfiguration: all } }),
    [],
  ],

  [
    "a policy for everyone",
    bucket("PutBucketPolicy", { policy: policy("*") }),
    ["Policy:S3/BucketAnonymousAccessGranted"],
  ],
  [
    "as CloudTrail writes it",
    bucket("PutBucketPolicy", { bucketPolicy: JSON.parse(policy({ AWS: "*" })) }),
    ["Policy:S3/BucketAnonymousAccessGranted"],
  ],
  [
    "for everyone of an organization",
    bucket("PutBucketPolicy", { policy: policy("*", { StringEquals: { "aws:PrincipalOrgID": "o-1" } }) }),
    [],
  ],
  ["for an account", bucket("PutBucketPolicy", { policy: policy({ AWS: "444455556666" }) }), []],
  ["for everyone, but restricted", bucket("PutBucketPolicy", { policy: policy("*") }), [], {}, { account: all }],
  ["an open list", bucket("PutBucketAcl", { aCL: "public-read" }), ["Policy:S3/BucketAnonymousAccessGranted"]],
  ["an open list, ignored", bucket("PutBucketAcl", { aCL: "public-read" }), [], {}, { bucket: all }],
  [
    "a list for every AWS user",
    bucket("PutBucketAcl", { aCL: "authenticated-read" }),
    ["Policy:S3/BucketPublicAccessGranted"],
  ],
  [
    "grants for every AWS user",
    bucket("PutBucketAcl", {
      accessControlPolicy: {
        grants: [{ grantee: { uRI: "http://acs.amazonaws.com/groups/global/AuthenticatedUsers" } }],
      },
    }),
    ["Policy:S3/BucketPublicAccessGranted"],
  ],
  ["a private list", bucket("PutBucketAcl", { aCL: "private" }), []],
  ["a list for log delivery", bucket("PutBucketAcl", { aCL: "log-delivery-write" }), []],
  ["made open", bucket("CreateBucket", { aCL: "public-read-write" }), ["Policy:S3/BucketAnonymousAccessGranted"]],

  [
    "no access logs",
    bucket("PutBucketLogging", { bucketLoggingStatus: {} }),
    ["Stealth:S3/ServerAccessLoggingDisabled"],
  ],
  ["access logs", bucket("PutBucketLogging", { bucketLoggingStatus: { loggingEnabled: { targetBucket: "l" } } }), []],

  ["Kali", call("iam", "ListUsers", { userAgent: kali }), ["PenTest:IAMUser/KaliLinux"]],
  ["Parrot", call("iam", "ListUsers", { userAgent: "Linux/6.1.0-1parrot1-amd64" }), ["PenTest:IAMUser/ParrotLinux"]],
  ["Pentoo", call("iam", "ListUsers", { userAgent: "aws-cli pentoo" }), ["PenTest:IAMUser/PentooLinux"]],
  ["an application called kalibro", call("iam", "ListUsers", { userAgent: "kalibro/1.0 parroting/2" }), []],
  ["Kali and objects", object("GetObject", { userAgent: kali }), ["PenTest:S3/KaliLinux"]],
  ["Kali and objects without S3 Protection", object("GetObject", { userAgent: kali }), [], { s3DataEvents: false }],

  [
    "a listed address looks",
    call("iam", "ListUsers", { readOnly: true, sourceIPAddress: listed }),
    ["Recon:IAMUser/MaliciousIPCaller.Custom"],
  ],
  [
    "a listed address changes",
    call("iam", "CreateUser", { sourceIPAddress: listed }),
    ["UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom"],
  ],
  [
    "a listed address lists objects",
    object("ListObjects", { sourceIPAddress: listed }),
    ["Discovery:S3/MaliciousIPCaller.Custom"],
  ],
  [
    "a listed address writes",
    object("PutObject", { sourceIPAddress: listed }),
    ["UnauthorizedAccess:S3/MaliciousIPCaller.Custom"],
  ],
  ["another address", call("iam", "ListUsers", { sourceIPAddress: "203.0.113.10" }), []],
  ["a service for somebody at a listed address", call("kms", "Decrypt", { sourceIPAddress: "s3.amazonaws.com" }), []],
];

describe("detections", () => {
  for (const [name, record, types, more = {}, blocks = {}] of cases) {
    test(name, () => {
      const found = detect(record, { ...knowledge, ...more }).filter(({ holds }) => holds?.(blocks) ?? true);
      assert.deepEqual(
        found.map(({ type }) => type),
        types,
      );
      for (const { type, severity } of found) {
        assert.ok(findingType(type), `${type} is a finding type`);
        assert.ok(severity >= severityOf.Low && severity <= severityOf.High);
      }
    });
  }
});

test("the table holds every finding type once", () => {
  assert.equal(findingTypes.length, 197);
  assert.equal(new Set(findingTypes.map(({ type }) => type)).size, 197);
  for (const { type } of findingTypes) assert.match(type, /^[A-Za-z]+:[A-Za-z0-9]+\/[A-Za-z0-9&.!]+$/);
});

test("the severity of a password policy change follows from how much weaker it is", () => {
  const strong = {
    minimumLength: 14,
    symbols: true,
    numbers: true,
    uppercase: true,
    lowercase: true,
    maximumAge: 90,
    reusePrevention: 24,
  };
  const severity = (record: CallRecord) => detect(record, { ...knowledge, passwordPolicy: strong })[0]!.severity;
  assert.equal(severity(call("iam", "DeleteAccountPasswordPolicy")), severityOf.High);
  const slightly = {
    minimumPasswordLength: 12,
    requireSymbols: true,
    requireNumbers: true,
    requireUppercaseCharacters: true,
    requireLowercaseCharacters: true,
    maxPasswordAge: 90,
    passwordReusePrevention: 24,
  };
  assert.equal(severity(call("iam", "UpdateAccountPasswordPolicy", { requestParameters: slightly })), severityOf.Low);
});
