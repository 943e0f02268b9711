/** Documents and what AWS says to them. `undefined`: accepted. */
import type { PolicyKind } from "../document.ts";

export interface DocumentTable {
  source: string;
  kind: PolicyKind;
  rows: readonly (readonly [document: string | object, message: string | undefined])[];
}

const syntax = "Syntax errors in policy.";
const legacy = "The policy failed legacy parsing";
const version = "Policy document must be version 2012-10-17 or greater.";
const vendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const noActions = "Policy statement must contain actions.";
const noResources = "Policy statement must contain resources.";

const b = "arn:aws:s3:::b";

/** A document of the current version with these statements. */
function doc(...statements: unknown[]): object {
  return { Version: "2012-10-17", Statement: statements.length === 1 ? statements[0] : statements };
}

/** A sound statement with some elements replaced; `undefined` takes one away. */
function allow(changes: object = {}): object {
  return { Effect: "Allow", Action: "s3:ListBucket", Resource: b, ...changes };
}

function resource(value: unknown): object {
  return doc(allow({ Resource: value }));
}

function condition(value: unknown): object {
  return doc(allow({ Condition: value }));
}

function trust(changes: object = {}): object {
  return doc({ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole", ...changes });
}

function bucket(changes: object = {}): object {
  return doc({ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `${b}/*`, ...changes });
}

const iamPaths =
  'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.';

const control = "The provided policy document does not meet the requirements of the specified policy type.";

export const documentTables: readonly DocumentTable[] = [
  {
    source: "answers of IAM CreatePolicy and PutUserPolicy as recorded by moto's policy tests",
    kind: "identity",
    rows: [
      ["This is not a json document", syntax],
      ["", syntax],
      ["[]", syntax],
      ['"x"', syntax],
      [{ Statement: allow() }, version],
      [{ Version: "2008-10-17", Statement: allow() }, version],
      [{ Version: "2013-10-17", Statement: allow() }, syntax],
      [{ Version: "2012-10-17" }, syntax],
      [doc("afd"), syntax],
      [{ ...doc(allow()), "Extra field": "value" }, syntax],
      [doc(allow({ "Extra field": "value" })), syntax],
      [{ ...doc(allow()), Id: ["x"] }, syntax],
      [{ ...doc(allow()), Id: {} }, syntax],
      [{ ...doc(allow()), Id: "x" }, undefined],
      [doc(allow({ Effect: "invalid" })), syntax],
      [doc(allow({ Action: "invalid" })), vendor],
      [doc(allow({ Action: undefined, NotAction: "" })), vendor],
      [doc(allow({ Action: "a a:ListBucket" })), "Vendor a a is not valid"],
      [doc(allow({ Action: "s3:List:Bucket" })), "Actions/Condition can contain only one colon."],
      [doc(allow(), allow({ Action: "s:3s:ListBucket" })), "Actions/Condition can contain only one colon."],
      [resource("invalid resource"), 'Resource invalid resource must be in ARN format or "*".'],
      [resource(""), 'Resource  must be in ARN format or "*".'],
      [doc(allow({ Action: "s:3:ListBucket", Resource: "sdfsadf" })), 'Resource sdfsadf must be in ARN format or "*".'],
      [resource(["adf"]), 'Resource adf must be in ARN format or "*".'],
      [resource("a:bsdfdsafsad"), 'Partition "bsdfdsafsad" is not valid for resource "arn:bsdfdsafsad:*:*:*:*".'],
      [resource("a:b:cadfsdf"), 'Partition "b" is not valid for resource "arn:b:cadfsdf:*:*:*".'],
      [resource("a:b:c:d:e:f:g:h"), 'Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".'],
      [resource("aws:s3:::example_bucket"), 'Partition "s3" is not valid for resource "arn:s3:::example_bucket:*".'],
      [
        resource(["arn:error:s3:::example_bucket", "arn:error:s3::example_bucket"]),
        'Partition "error" is not valid for resource "arn:error:s3:::example_bucket".',
      ],
      [{ Version: "2012-10-17", Statement: [] }, syntax],
      [doc(allow({ Resource: undefined })), noResources],
      [resource([]), noResources],
      [doc(allow({ Action: "invalid", Resource: undefined })), vendor],
      [doc(allow({ Action: undefined })), noActions],
      [doc(allow({ Effect: undefined })), syntax],
      [doc({ Effect: "Allow" }), noActions],
      [doc(allow({ Action: [] })), noActions],
      [doc({ Effect: "Deny" }, allow()), noActions],
      [resource("arn:aws:iam:::example_bucket"), iamPaths],
      [resource("arn:aws:s3::example_bucket"), legacy],
      [doc(allow({ Action: undefined, Resource: "arn:aws:s3::example_bucket" })), legacy],
      [resource("arn:aws"), "Resource vendor must be fully qualified and cannot contain regexes."],
      [resource({ a: b }), syntax],
      [resource(["adfdf", {}]), syntax],
      [doc(allow({ NotResource: [] })), syntax],
      [doc(allow({ NotResource: "*" })), syntax],
      [doc(allow({ Action: [[]] })), syntax],
      [doc(allow({ NotAction: "s3:ListBucket", Action: [] })), syntax],
      [doc(allow({ NotAction: "s3:ListBucket", Action: "iam:dsf" })), syntax],
      [doc(allow({ Action: {} })), syntax],
      [condition([]), syntax],
      [condition("a"), syntax],
      [condition({ a: "b" }), syntax],
      [condition({ DateGreaterThan: "b" }), syntax],
      [condition({ DateGreaterThan: [] }), syntax],
      [condition({ DateGreaterThan: { a: {} } }), syntax],
      [condition({ x: { a: "1" } }), syntax],
      [condition({ "ForAnyValue::StringEqualsIfExists": { a: "asf" } }), syntax],
      [condition([{ "ForAllValues:StringEquals": { "aws:TagKeys": "Department" } }]), syntax],
      [condition({ NullIfExists: { a: "true" } }), syntax],
      [
        resource("arn:aws:iam:us-east-1::example_bucket"),
        "IAM resource arn:aws:iam:us-east-1::example_bucket cannot contain region information.",
      ],
      [
        resource("arn:aws:s3:us-east-1::example_bucket"),
        "Resource arn:aws:s3:us-east-1::example_bucket can not contain region information.",
      ],
      [resource("arn:aws:s3"), "Resource arn:aws:s3 can not contain region information."],
      [resource("arn:aws:iam"), "IAM resource arn:aws:iam cannot contain region information."],
      [doc(allow({ Sid: {} })), syntax],
      [doc(allow({ Sid: [] })), syntax],
      [
        doc(allow({ Sid: "sdf" }), { Sid: "sdf", Effect: "Allow" }),
        "Statement IDs (SID) in a single policy must be unique.",
      ],
      [{ Statement: [allow({ Sid: "sdf" }), { Sid: "sdf", Effect: "Allow" }] }, version],
      [
        doc(allow({ Sid: "with-hyphen" })),
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
      ],
      [doc(allow({ Effect: "denY" })), legacy],
      [condition({ DateGreaterThan: { a: "sdfdsf" } }), legacy],
      [{ Statement: allow({ Condition: { DateGreaterThan: { a: "sdfdsf" } } }) }, version],
      [{ Statement: allow({ Effect: "denY" }) }, version],
      [doc({ Effect: "Allow", Condition: { DateGreaterThan: { a: "sdfdsf" } } }), legacy],
      [resource("arn:aws::::example_bucket"), legacy],
      [doc({ Effect: "allow", Resource: "arn:aws:s3:us-east-1::example_bucket" }), legacy],
      [doc(allow({ Sid: "sdf", Effect: "aLLow" }), { Sid: "sdf", Effect: "Allow" }), legacy],
      [doc(allow({ Resource: undefined, NotResource: "arn:aws:s3::example_bucket" })), legacy],
      [condition({ DateLessThanEquals: { a: "234-13" } }), legacy],
      [condition({ DateLessThanEquals: { a: "2016-12-13t2:00:00.593194+1" } }), legacy],
      [condition({ DateLessThanEquals: { a: "2016-12-13t2:00:00.1999999999+10:59" } }), legacy],
      [condition({ DateLessThan: { a: "9223372036854775808" } }), legacy],
      [doc(allow({ Resource: "arn:error:s3:::b", Condition: { DateGreaterThan: { a: "sdfdsf" } } })), legacy],
      [resource("arn:aws::fdsasf"), legacy],
      [doc(allow({ Principal: "*" })), "Policy document should not specify a principal."],
      [doc(allow({ NotPrincipal: { AWS: "111122223333" } })), "Policy document should not specify a principal."],
      ['{"Version":"2012-10-17","Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}', syntax],
      [`{"Version":"2012-10-17","Statement":${"[".repeat(200_000)}${"]".repeat(200_000)}}`, syntax],
      // Accepted.
      [doc(allow({ Action: "iam: asdf safdsf af " })), undefined],
      [resource([b, "*"]), undefined],
      [doc(allow({ Action: "*" })), undefined],
      [{ Version: "2012-10-17", Statement: [allow()] }, undefined],
      [condition({ DateGreaterThan: { "aws:CurrentTime": "2017-07-01T00:00:00Z" } }), undefined],
      [resource("arn:aws:iam:::user/example_bucket"), undefined],
      [resource("arn:aws:iam::111122223333:*"), undefined],
      // AWS managed policy IAMAuditRootUserCredentials.
      [resource("arn:aws:iam::*:root"), undefined],
      [resource("arn:aws:iam::${aws:PrincipalAccount}:role/x"), undefined],
      [resource("arn:aws:iam::*:user/${aws:username}"), undefined],
      [resource("arn:aws:iam::*:${aws:username}"), iamPaths],
      [resource("arn:aws:fdsasf"), undefined],
      [resource("arn:aws:s33:::example_bucket"), undefined],
      [resource("arn:*:s3:::b"), undefined],
      [resource("arn:aws:s3:us-east-1:111122223333:accesspoint/ap"), undefined],
      [condition({}), undefined],
      [condition({ DateGreaterThan: {} }), undefined],
      [condition({ DateGreaterThan: { a: [] } }), undefined],
      [condition({ a: {} }), undefined],
      [condition({ x: {}, y: {} }), undefined],
      [condition({ "ForAllValues:StringEquals": { "aws:TagKeys": "Department" } }), undefined],
      [condition({ "ForAnyValue:StringEqualsIfExists": { a: "asf" } }), undefined],
      [condition({ DateGreaterThan: { a: "01T" } }), undefined],
      [condition({ DateLessThanEquals: { a: "2016-12-13T21:20:37.593194+00:00" } }), undefined],
      [condition({ DateLessThanEquals: { a: "2016-12-13t2:00:00.593194+23" } }), undefined],
      [condition({ DateLessThan: { a: "-292275054" } }), undefined],
      [condition({ Bool: { "aws:MultiFactorAuthPresent": true } }), undefined],
      [condition({ NumericLessThan: { "s3:max-keys": 10 } }), undefined],
      [doc(allow({ Action: undefined, NotAction: "s3:ListBucket", Resource: undefined, NotResource: "*" })), undefined],
      [doc(allow({ Action: "aaaaaadsfdsafsadfsadfaaaaa:ListBucket" })), undefined],
      [doc(allow({ Action: "s3.s:ListBucket" })), undefined],
      [doc(allow({ Sid: "sdf" }), allow()), undefined],
      [doc(allow({ Sid: "" }), allow({ Sid: "" })), undefined],
    ],
  },
  {
    source: "AWS STS API Reference, AssumeRole: Policy; the same parser, any version",
    kind: "session",
    rows: [
      [{ Statement: allow() }, undefined],
      [{ Version: "2008-10-17", Statement: allow() }, undefined],
      ["{", syntax],
      [doc(allow({ Principal: "*" })), "Policy document should not specify a principal."],
    ],
  },
  {
    source: "answers of IAM CreateRole as recorded by versitygw's tests and reported to terraform-provider-aws",
    kind: "trust",
    rows: [
      [trust(), undefined],
      [trust({ Principal: { AWS: "111122223333" } }), undefined],
      [trust({ Principal: { AWS: "*" } }), undefined],
      [trust({ Principal: "*" }), undefined],
      [trust({ Action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"] }), undefined],
      [{ Statement: (trust() as { Statement: unknown }).Statement }, undefined],
      ["x", "This policy contains invalid Json"],
      [{ ...trust(), Version: "2020-01-01" }, "The policy must contain a valid version string"],
      [{ Version: "2012-10-17", Statement: [] }, "Could not parse the policy: Statement is empty!"],
      [trust({ Effect: undefined }), "Missing required field Effect"],
      [trust({ Effect: "Maybe" }), "Invalid effect: Maybe"],
      [trust({ Effect: "allow" }), "Invalid effect: allow"],
      [trust({ Principal: undefined }), "Missing required field Principal"],
      [trust({ Principal: {} }), "Missing required field Principal cannot be empty!"],
      [trust({ Principal: "arn:aws:iam::111122223333:root" }), "Principal must be a JSON object."],
      [
        trust({ Principal: { AWS: "arn:aws:iam::12345678910:role/r" } }),
        'Invalid principal in policy: "AWS":"arn:aws:iam::12345678910:role/r"',
      ],
      [
        trust({ Principal: { AWS: "arn:aws:iam::111122223333:user/*" } }),
        'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/*"',
      ],
      [
        trust({ Principal: { AWS: "arn:aws:sts::111122223333:assumed-role/r/*" } }),
        'Invalid principal in policy: "AWS":"arn:aws:sts::111122223333:assumed-role/r/*"',
      ],
      [trust({ Principal: { Service: "ec2" } }), 'Invalid principal in policy: "SERVICE":"ec2"'],
      [
        trust({ Principal: { Federated: "not a domain" } }),
        "Federated principals must be valid domain names or SAML metadata ARNs",
      ],
      [trust({ Principal: { Group: "x" } }), 'Invalid principal in policy: "Group"'],
      [
        trust({ Principal: undefined, NotPrincipal: { AWS: "111122223333" } }),
        "Allow with NotPrincipal is not allowed.",
      ],
      [
        trust({ Effect: "Deny", Principal: undefined, NotPrincipal: { AWS: "111122223333" } }),
        "AssumeRole policy must not contain NotPrincipal field.",
      ],
      [trust({ Action: undefined }), "Missing required field Action"],
      [trust({ Action: "*" }), "AssumeRole policy may only specify STS AssumeRole actions."],
      [trust({ Action: "s3:GetObject" }), "AssumeRole policy may only specify STS AssumeRole actions."],
      [trust({ Action: "sts:*" }), "AssumeRole policy may only specify STS AssumeRole actions."],
      [trust({ Resource: "*" }), "Has prohibited field Resource"],
      [trust({ NotResource: "*" }), "AssumeRole policy must not contain resources."],
      [
        trust({ Principal: { Federated: "cognito-identity.amazonaws.com" }, Action: "sts:AssumeRoleWithWebIdentity" }),
        "A condition block must be present for the Cognito provider",
      ],
    ],
  },
  {
    source: "answers of S3 PutBucketPolicy",
    kind: "resource",
    rows: [
      [bucket(), undefined],
      [bucket({ Principal: { AWS: ["111122223333", "arn:aws:iam::444455556666:user/x"] } }), undefined],
      [bucket({ Effect: "Deny", Principal: undefined, NotPrincipal: { AWS: "111122223333" } }), undefined],
      ["<xml/>", "Policies must be valid JSON and the first byte must be '{'"],
      [bucket({ Principal: undefined }), "Missing required field Principal"],
      [bucket({ Action: undefined }), "Missing required field Action"],
      [bucket({ Resource: undefined }), "Missing required field Resource"],
      [bucket({ Effect: "Grant" }), "Invalid effect: Grant"],
      [bucket({ Principal: { AWS: "arn:aws:iam::111122223333:user/a*" } }), "Invalid principal in policy"],
      [bucket({ Principal: { AWS: "nobody" } }), "Invalid principal in policy"],
      [bucket({ Action: "GetObject" }), "Policy has invalid action"],
      [bucket({ Resource: "b" }), "Policy has invalid resource"],
      [bucket({ Extra: 1 }), "Unknown field Extra"],
      [bucket({ Condition: { StringEqual: { "aws:SourceIp": "x" } } }), "Invalid Condition type : StringEqual"],
      [bucket({ Principal: undefined, NotPrincipal: "*" }), "Allow with NotPrincipal is not allowed."],
    ],
  },
  {
    source: "answers of KMS PutKeyPolicy",
    kind: "key",
    rows: [
      [bucket({ Action: "kms:*", Resource: "*", Principal: { AWS: "arn:aws:iam::111122223333:root" } }), undefined],
      [bucket({ Principal: { AWS: "nobody" } }), "Policy contains a statement with one or more invalid principals."],
    ],
  },
  {
    source: "AWS Organizations API Reference, CreatePolicy: MalformedPolicyDocumentException; User Guide, SCP syntax",
    kind: "scp",
    rows: [
      [doc(allow({ Action: "*", Resource: "*" })), undefined],
      [
        doc(allow({ Effect: "Deny", Condition: { StringNotEquals: { "aws:RequestedRegion": "eu-west-1" } } })),
        undefined,
      ],
      [doc(allow({ Effect: "Deny", Action: undefined, NotAction: "iam:*", Resource: "*" })), undefined],
      [{ Statement: allow({ Action: "*", Resource: "*" }) }, control],
      [{ Version: "2008-10-17", Statement: allow({ Action: "*", Resource: "*" }) }, control],
      [doc(allow({ Principal: "*" })), control],
      [doc(allow({ Resource: undefined })), control],
      [doc(allow({ Action: undefined })), control],
      ["nonsense", control],
      [doc(allow({ Effect: "Nope" })), control],
    ],
  },
  {
    source: "AWS Organizations User Guide, RCP syntax",
    kind: "rcp",
    rows: [
      [bucket({ Effect: "Deny" }), undefined],
      [bucket({ Effect: "Deny", Principal: { AWS: "*" } }), undefined],
      [{ ...bucket({ Effect: "Deny" }), Version: undefined }, control],
      [bucket({ Effect: "Allow" }), control],
      [bucket({ Effect: "Deny", Principal: { AWS: "111122223333" } }), control],
      [bucket({ Effect: "Deny", Principal: undefined }), control],
      [bucket({ Effect: "Deny", Principal: undefined, NotPrincipal: "*" }), control],
      [bucket({ Effect: "Deny", Action: "*" }), control],
      [bucket({ Effect: "Deny", Action: undefined, NotAction: "s3:GetObject" }), control],
    ],
  },
];
