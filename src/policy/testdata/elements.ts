/** What single elements of a statement match: actions, resources, variables, principals. */
import type { Caller } from "./callers.ts";

export interface ActionTable {
  source: string;
  /** Element, patterns, action of the request, whether it matches. */
  rows: readonly (readonly ["Action" | "NotAction", string | readonly string[], string, boolean])[];
}

export const actionTables: readonly ActionTable[] = [
  {
    source: "IAM User Guide, reference_policies_elements_action",
    rows: [
      ["Action", "s3:GetObject", "s3:GetObject", true],
      ["Action", "s3:getobject", "s3:GetObject", true],
      ["Action", "S3:GETOBJECT", "s3:GetObject", true],
      ["Action", "s3:GetObject", "s3:GetObjectAcl", false],
      ["Action", "s3:GetObject", "s3:PutObject", false],
      ["Action", "*", "s3:GetObject", true],
      ["Action", "s3:*", "s3:GetObject", true],
      ["Action", "s3:*", "sqs:SendMessage", false],
      ["Action", "s3:*", "s3-object-lambda:GetObject", false],
      ["Action", "iam:*AccessKey*", "iam:CreateAccessKey", true],
      ["Action", "iam:*AccessKey*", "iam:ListAccessKeys", true],
      ["Action", "iam:*AccessKey*", "iam:CreateUser", false],
      ["Action", "iam:*accesskey*", "iam:DeleteAccessKey", true],
      ["Action", "s3:Get*", "s3:GetBucketAcl", true],
      ["Action", "s3:Get*", "s3:ListBucket", false],
      ["Action", "s3:*Object", "s3:PutObject", true],
      ["Action", "s3:*Object", "s3:PutObjectAcl", false],
      ["Action", "iam:*Report", "iam:GetOrganizationsAccessReport", true],
      ["Action", "iam:*Report", "iam:GetOrganizationsAccessReports", false],
      ["Action", "ec2:Describe*", "ec2:DescribeInstances", true],
      ["Action", "sqs:?endMessage", "sqs:SendMessage", true],
      ["Action", "sqs:?endMessage", "sqs:ResendMessage", false],
      ["Action", "sqs:SendMessage?", "sqs:SendMessage", false],
      ["Action", "kms:*crypt*", "kms:Decrypt", true],
      ["Action", "kms:G*D*K*", "kms:GenerateDataKey", true],
      ["Action", "kms:G*D*K*P*", "kms:GenerateDataKey", false],
      ["Action", ["sqs:*", "s3:GetObject"], "s3:GetObject", true],
      ["Action", ["sqs:*", "s3:GetObject"], "sqs:ReceiveMessage", true],
      ["Action", ["sqs:*", "s3:GetObject"], "s3:PutObject", false],
    ],
  },
  {
    source: "IAM User Guide, reference_policies_elements_notaction",
    rows: [
      ["NotAction", "iam:*", "s3:GetObject", true],
      ["NotAction", "iam:*", "iam:CreateUser", false],
      ["NotAction", "iam:*", "IAM:CreateUser", false],
      ["NotAction", "s3:DeleteBucket", "s3:DeleteObject", true],
      ["NotAction", "s3:DeleteBucket", "s3:DeleteBucket", false],
      ["NotAction", ["iam:*", "sts:GetSessionToken"], "sts:GetSessionToken", false],
      ["NotAction", ["iam:*", "sts:GetSessionToken"], "sts:AssumeRole", true],
      ["NotAction", "*", "s3:GetObject", false],
    ],
  },
];

export interface ResourceTable {
  source: string;
  /** Element, patterns, resource of the request, whether it matches, caller (alice when left out), version. */
  rows: readonly (readonly [
    "Resource" | "NotResource",
    string | readonly string[],
    string,
    boolean,
    (Caller | undefined)?,
    ("2008-10-17" | undefined)?,
  ])[];
}

export const resourceTables: readonly ResourceTable[] = [
  {
    source: "IAM User Guide, reference_policies_elements_resource: wildcards in segments",
    rows: [
      ["Resource", "*", "arn:aws:s3:::b/k", true],
      ["Resource", "*", "*", true],
      ["Resource", "arn:aws:s3:::b", "*", false],
      ["Resource", "arn:aws:s3:::*", "*", false],
      ["Resource", "arn:aws:s3:::b/k", "arn:aws:s3:::b/k", true],
      ["Resource", "arn:aws:s3:::b/k", "arn:aws:s3:::b/K", false],
      ["Resource", "arn:aws:s3:::b/*", "arn:aws:s3:::b/k", true],
      ["Resource", "arn:aws:s3:::b/*", "arn:aws:s3:::b/", true],
      ["Resource", "arn:aws:s3:::b/*", "arn:aws:s3:::b", false],
      ["Resource", "arn:aws:s3:::b*", "arn:aws:s3:::b", true],
      ["Resource", "arn:aws:s3:::b*", "arn:aws:s3:::bb/k", true],
      ["Resource", "arn:aws:s3:::*", "arn:aws:s3:::b/k", true],
      ["Resource", "arn:aws:s3:::*log*", "arn:aws:s3:::carlossalazar-logs", true],
      ["Resource", "arn:aws:s3:::*log*", "arn:aws:s3:::carlossalazar", false],
      ["Resource", "arn:aws:s3:::b/*/x", "arn:aws:s3:::b/a/c/x", true],
      ["Resource", "arn:aws:s3:::b/?", "arn:aws:s3:::b/k", true],
      ["Resource", "arn:aws:s3:::b/?", "arn:aws:s3:::b/kk", false],
      ["Resource", "arn:aws:s3:::b/*.txt", "arn:aws:s3:::b/12:30.txt", true],
      ["Resource", "arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", true],
      ["Resource", "arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:us-east-1:111122223333:volume/v-1", false],
      ["Resource", "arn:aws:ec2:us-*:*:instance/*", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", true],
      ["Resource", "arn:aws:ec2:us-*-1:*:instance/*", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", true],
      ["Resource", "arn:aws:ec2:us-*-1:1*:instance/*", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", true],
      // A `*` inside a segment stays in it: it must not reach over the colon to a later "-1".
      ["Resource", "arn:aws:sqs:us-*-1:1*3:q", "arn:aws:sqs:us-east-1:111122223333:q", true],
      ["Resource", "arn:aws:sqs:us-*-1:q", "arn:aws:sqs:us-east:9-1:q", false],
      ["Resource", "arn:aws:sqs:*1:q", "arn:aws:sqs:us-east-1:111122223331:q", false],
      // A `*` that ends a segment may.
      ["Resource", "arn:aws:sqs:*", "arn:aws:sqs:us-east-1:111122223333:q", true],
      ["Resource", "arn:aws:sqs:us-east-1:*", "arn:aws:sqs:us-east-1:111122223333:q", true],
      ["Resource", "arn:aws:sqs:us-east-1:*", "arn:aws:sqs:us-west-2:111122223333:q", false],
      ["Resource", "arn:aws:iam::*:role/*", "arn:aws:iam::111122223333:role/path/r", true],
      ["Resource", "arn:aws:iam::111122223333:user/a*", "arn:aws:iam::111122223333:user/alice", true],
      ["Resource", "arn:aws:iam::111122223333:user/b*", "arn:aws:iam::111122223333:user/alice", false],
      ["Resource", "arn:aws-cn:s3:::b", "arn:aws:s3:::b", false],
      ["Resource", ["arn:aws:s3:::a", "arn:aws:s3:::b"], "arn:aws:s3:::b", true],
      ["Resource", ["arn:aws:s3:::a", "arn:aws:s3:::b"], "arn:aws:s3:::c", false],
      [
        "Resource",
        "arn:aws:logs:*:*:log-group:/aws/lambda/*",
        "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/f:*",
        true,
      ],
      [
        "Resource",
        "arn:aws:logs:*:*:log-group:app:log-stream:*",
        "arn:aws:logs:us-east-1:111122223333:log-group:app:log-stream:x",
        true,
      ],
      [
        "Resource",
        "arn:aws:logs:*:*:log-group:app:log-stream:*",
        "arn:aws:logs:us-east-1:111122223333:log-group:app",
        false,
      ],
    ],
  },
  {
    source: "IAM User Guide, reference_policies_elements_notresource",
    rows: [
      ["NotResource", "arn:aws:s3:::HRBucket/Payroll/*", "arn:aws:s3:::HRBucket/Other", true],
      ["NotResource", "arn:aws:s3:::HRBucket/Payroll/*", "arn:aws:s3:::HRBucket/Payroll/June", false],
      [
        "NotResource",
        ["arn:aws:s3:::HRBucket/Payroll", "arn:aws:s3:::HRBucket/Payroll/*"],
        "arn:aws:s3:::HRBucket/Payroll",
        false,
      ],
      [
        "NotResource",
        ["arn:aws:s3:::HRBucket/Payroll", "arn:aws:s3:::HRBucket/Payroll/*"],
        "arn:aws:s3:::HRBucket",
        true,
      ],
      ["NotResource", "*", "arn:aws:s3:::b", false],
      ["NotResource", "arn:aws:s3:::b", "*", true],
    ],
  },
  {
    source: "IAM User Guide, reference_policies_variables",
    rows: [
      ["Resource", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/alice/k", true],
      ["Resource", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/bob/k", false],
      ["Resource", "arn:aws:s3:::b/${AWS:UserName}/*", "arn:aws:s3:::b/alice/k", true],
      ["Resource", "arn:aws:s3:::b/${aws:userid}", "arn:aws:s3:::b/AIDACKCEVSQ6C2EXAMPLE", true],
      ["Resource", "arn:aws:s3:::b/${aws:PrincipalTag/department}", "arn:aws:s3:::b/Data", true],
      ["Resource", "arn:aws:s3:::b/${aws:PrincipalTag/team}", "arn:aws:s3:::b/Data", false],
      ["Resource", "arn:aws:s3:::b/${aws:PrincipalTag/team, 'company-wide'}", "arn:aws:s3:::b/company-wide", true],
      ["Resource", "arn:aws:s3:::b/${aws:PrincipalTag/department, 'x'}", "arn:aws:s3:::b/Data", true],
      ["Resource", "arn:aws:s3:::b/${aws:PrincipalTag/department, 'x'}", "arn:aws:s3:::b/x", false],
      [
        "Resource",
        "arn:aws:sqs:us-east-2:*:${aws:username}-queue",
        "arn:aws:sqs:us-east-2:111122223333:alice-queue",
        true,
      ],
      [
        "Resource",
        "arn:aws:sqs:us-east-2:*:${aws:username}-queue",
        "arn:aws:sqs:us-east-2:111122223333:bob-queue",
        false,
      ],
      // "not present … any attempt to match it fails and causes the statement to be invalid"
      ["Resource", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/reader/k", false, "role"],
      ["Resource", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b//k", false, "role"],
      ["Resource", "arn:aws:s3:::b/${aws:userid}", "arn:aws:s3:::b/AROADBQP57FF2AEXAMPLE:s1", true, "role"],
      ["Resource", "arn:aws:s3:::b/${aws:username, 'shared'}/*", "arn:aws:s3:::b/shared/k", true, "role"],
      ["NotResource", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/reader/k", true, "role"],
      ["NotResource", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/alice/k", false],
      // Predefined variables stand for the characters themselves.
      ["Resource", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", true],
      ["Resource", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/k", false],
      ["Resource", "arn:aws:s3:::b/${?}", "arn:aws:s3:::b/?", true],
      ["Resource", "arn:aws:s3:::b/${?}", "arn:aws:s3:::b/k", false],
      ["Resource", "arn:aws:s3:::b/${$}{aws:username}", "arn:aws:s3:::b/${aws:username}", true],
      ["Resource", "arn:aws:s3:::b/${$}{aws:username}", "arn:aws:s3:::b/alice", false],
      ["Resource", "arn:aws:s3:::b/${aws:username", "arn:aws:s3:::b/${aws:username", true],
      // Under the old language version they are text.
      ["Resource", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/alice/k", false, "user", "2008-10-17"],
      ["Resource", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/${aws:username}/k", true, "user", "2008-10-17"],
      ["Resource", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/${anything}", true, "user", "2008-10-17"],
      // Keys with several values are no variables.
      ["Resource", "arn:aws:s3:::b/${aws:TagKeys}", "arn:aws:s3:::b/one", false],
    ],
  },
];

export interface PrincipalTable {
  source: string;
  /** Element, value, caller, how the Allow reaches the caller in a key policy: enough alone, with identity, or not. */
  rows: readonly (readonly [unknown, Caller, "alone" | "withIdentity" | "no"])[];
}

const google = { Federated: "accounts.google.com" };

export const principalTables: readonly PrincipalTable[] = [
  {
    source: "IAM User Guide, reference_policies_elements_principal",
    rows: [
      ["*", "user", "alone"],
      ["*", "role", "alone"],
      ["*", "anonymous", "alone"],
      ["*", "service", "alone"],
      [{ AWS: "*" }, "user", "alone"],
      [{ AWS: "*" }, "anonymous", "alone"],
      [{ AWS: "111122223333" }, "user", "withIdentity"],
      [{ AWS: "111122223333" }, "role", "withIdentity"],
      [{ AWS: "111122223333" }, "root", "alone"],
      [{ AWS: "111122223333" }, "anonymous", "no"],
      [{ AWS: "111122223333" }, "service", "no"],
      [{ AWS: "arn:aws:iam::111122223333:root" }, "user", "withIdentity"],
      [{ AWS: "arn:aws:iam::111122223333:root" }, "role", "withIdentity"],
      [{ AWS: "arn:aws:iam::111122223333:root" }, "root", "alone"],
      [{ AWS: "444455556666" }, "user", "no"],
      [{ AWS: ["444455556666", "111122223333"] }, "user", "withIdentity"],
      [{ AWS: "arn:aws:iam::111122223333:user/alice" }, "user", "alone"],
      [{ AWS: "arn:aws:iam::111122223333:user/alice" }, "mfaUser", "alone"],
      [{ AWS: "arn:aws:iam::111122223333:user/Alice" }, "user", "no"],
      [{ AWS: "arn:aws:iam::111122223333:user/bob" }, "user", "no"],
      [{ AWS: "arn:aws:iam::111122223333:user/alice" }, "root", "no"],
      [{ AWS: "arn:aws:iam::444455556666:user/alice" }, "user", "no"],
      [{ AWS: "AIDACKCEVSQ6C2EXAMPLE" }, "user", "alone"],
      [{ AWS: "AIDAOTHEROTHEREXAMPLE" }, "user", "no"],
      [{ AWS: "arn:aws:iam::111122223333:role/reader" }, "role", "alone"],
      [{ AWS: "arn:aws:iam::111122223333:role/writer" }, "role", "no"],
      [{ AWS: "AROADBQP57FF2AEXAMPLE" }, "role", "alone"],
      [{ AWS: "AROADBQP57FF2AEXAMPLE:s1" }, "role", "alone"],
      [{ AWS: "AROADBQP57FF2AEXAMPLE:s2" }, "role", "no"],
      [{ AWS: "arn:aws:sts::111122223333:assumed-role/reader/s1" }, "role", "alone"],
      [{ AWS: "arn:aws:sts::111122223333:assumed-role/reader/s2" }, "role", "no"],
      [{ AWS: "arn:aws:sts::111122223333:federated-user/bob" }, "federatedUser", "alone"],
      [{ AWS: "arn:aws:sts::111122223333:federated-user/eve" }, "federatedUser", "no"],
      [{ CanonicalUser: "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be" }, "user", "withIdentity"],
      [{ CanonicalUser: "00a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be" }, "user", "no"],
      [{ Service: "cloudtrail.amazonaws.com" }, "service", "alone"],
      [{ Service: "config.amazonaws.com" }, "service", "no"],
      [{ Service: ["config.amazonaws.com", "cloudtrail.amazonaws.com"] }, "service", "alone"],
      [{ Service: "cloudtrail.amazonaws.com" }, "user", "no"],
      [google, "google", "alone"],
      [google, "saml", "no"],
      [google, "webRole", "alone"],
      [google, "user", "no"],
      [{ Federated: "arn:aws:iam::111122223333:saml-provider/corp" }, "saml", "alone"],
      [{ Federated: "arn:aws:iam::111122223333:saml-provider/corp" }, "google", "no"],
      [{ AWS: "444455556666", Service: "cloudtrail.amazonaws.com" }, "service", "alone"],
    ],
  },
];

export interface NotPrincipalTable {
  source: string;
  /** Value of NotPrincipal beside Deny, caller, whether a boundary is set, whether the Deny hits. */
  rows: readonly (readonly [unknown, Caller, boolean, boolean])[];
}

export const notPrincipalTables: readonly NotPrincipalTable[] = [
  {
    source: "IAM User Guide, reference_policies_elements_notprincipal",
    rows: [
      [{ AWS: ["arn:aws:iam::111122223333:user/alice", "111122223333"] }, "user", false, false],
      [{ AWS: ["arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:root"] }, "user", false, false],
      [{ AWS: "arn:aws:iam::111122223333:user/alice" }, "user", false, true],
      [{ AWS: "111122223333" }, "user", false, true],
      [{ AWS: ["arn:aws:iam::111122223333:user/bob", "111122223333"] }, "user", false, true],
      [{ AWS: "111122223333" }, "root", false, false],
      [{ AWS: "444455556666" }, "root", false, true],
      [
        {
          AWS: [
            "arn:aws:sts::111122223333:assumed-role/reader/s1",
            "arn:aws:iam::111122223333:role/reader",
            "arn:aws:iam::111122223333:root",
          ],
        },
        "role",
        false,
        false,
      ],
      [{ AWS: ["arn:aws:iam::111122223333:role/reader", "arn:aws:iam::111122223333:root"] }, "role", false, true],
      [{ AWS: ["arn:aws:sts::111122223333:assumed-role/reader/s1", "111122223333"] }, "role", false, true],
      // "will always deny any IAM principal that has a permissions boundary policy attached"
      [{ AWS: ["arn:aws:iam::111122223333:user/alice", "111122223333"] }, "user", true, true],
      [{ Service: "cloudtrail.amazonaws.com" }, "service", false, false],
      [{ Service: "config.amazonaws.com" }, "service", false, true],
      [{ AWS: "111122223333" }, "anonymous", false, true],
      [{ AWS: ["arn:aws:sts::111122223333:federated-user/bob", "111122223333"] }, "federatedUser", false, false],
    ],
  },
];
