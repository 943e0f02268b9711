/**
 * Decisions per second with twenty statements in scope: a user with managed and inline policies, a boundary, two
 * levels of SCPs and a bucket policy. For `jikimi bench`.
 */
import type { EvaluationRequest } from "./decision.ts";
import type { NamedPolicy } from "./document.ts";
import { evaluate } from "./evaluate.ts";
import { fullAccess, parsePolicy } from "./parse.ts";

const account = "111122223333";

function statements(count: number, action: (index: number) => string, resource: (index: number) => string): object[] {
  return Array.from({ length: count }, (_, index) => ({
    Sid: `S${index}`,
    Effect: "Allow",
    Action: action(index),
    Resource: resource(index),
  }));
}

/** The request that is timed; every one of its twenty statements is about S3. */
export function benchmarkRequest(): EvaluationRequest {
  const identity: NamedPolicy = {
    name: "TeamAccess",
    policy: parsePolicy(
      {
        Version: "2012-10-17",
        Statement: [
          ...statements(
            12,
            (index) => `s3:${["Get*", "PutObject", "List*", "DeleteObject"][index % 4]}`,
            (index) => `arn:aws:s3:::team-${index}/*`,
          ),
          {
            Sid: "Home",
            Effect: "Allow",
            Action: ["s3:GetObject", "s3:PutObject"],
            // oxlint-disable-next-line no-template-curly-in-string -- a policy variable
            Resource: "arn:aws:s3:::homes/${aws:username}/*",
            Condition: { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } },
          },
        ],
      },
      "identity",
    ),
  };
  const boundary: NamedPolicy = {
    name: "Boundary",
    policy: parsePolicy(
      {
        Version: "2012-10-17",
        Statement: statements(
          2,
          (index) => (index === 0 ? "s3:*" : "kms:*"),
          () => "*",
        ),
      },
      "boundary",
    ),
  };
  const bucket: NamedPolicy = {
    name: "homes",
    policy: parsePolicy(
      {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "TlsOnly",
            Effect: "Deny",
            Principal: "*",
            Action: "s3:*",
            Resource: "arn:aws:s3:::homes/*",
            Condition: { Bool: { "aws:SecureTransport": "false" } },
          },
          ...[1, 2].map((index) => ({
            Effect: "Allow",
            Principal: { AWS: `arn:aws:iam::${account}:role/reader-${index}` },
            Action: "s3:GetObject",
            Resource: "arn:aws:s3:::homes/*",
          })),
        ],
      },
      "resource",
    ),
  };
  const full: NamedPolicy = { name: "FullAWSAccess", policy: fullAccess("scp") };
  return {
    principal: {
      kind: "user",
      account,
      arn: `arn:aws:iam::${account}:user/alice`,
      id: "AIDACKCEVSQ6C2EXAMPLE",
      name: "alice",
    },
    action: "s3:GetObject",
    resource: "arn:aws:s3:::homes/alice/report.csv",
    resourceAccount: account,
    trust: "either",
    context: { "aws:SourceIp": "203.0.113.7", "aws:SecureTransport": "true" },
    policies: { identity: [identity], boundary, resource: [bucket], scps: [[full], [full]] },
  };
}

/**
 * @param now a monotonic clock, milliseconds
 * @returns decisions per second over `count` decisions, after a warm-up
 */
export function decisionsPerSecond(count: number, now: () => number): number {
  const request = benchmarkRequest();
  for (let i = 0; i < 20_000; i++) evaluate(request);
  const start = now();
  let allowed = 0;
  for (let i = 0; i < count; i++) {
    if (evaluate(request).effect === "Allow") allowed++;
  }
  if (allowed !== count) throw new Error("the benchmark request must be allowed");
  return (count / (now() - start)) * 1000;
}
