import assert from "node:assert/strict";
import { test } from "node:test";
import { isPublicPolicy } from "./publicPolicy.ts";

const account = "111122223333";

test("what is public", () => {
  const base = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "*" };
  const cases: [object, boolean][] = [
    [base, true],
    [{ ...base, Principal: { AWS: "*" } }, true],
    [{ ...base, Principal: { AWS: account } }, false],
    [{ ...base, Effect: "Deny" }, false],
    [{ ...base, Principal: undefined, NotPrincipal: { AWS: account } }, true],
    [{ ...base, Condition: { StringEquals: { "aws:SourceVpc": "vpc-1" } } }, false],
    [{ ...base, Condition: { StringLike: { "aws:SourceVpc": "vpc-*" } } }, true],
    [{ ...base, Condition: { StringEqualsIfExists: { "aws:SourceVpc": "vpc-1" } } }, true],
    [{ ...base, Condition: { StringNotEquals: { "aws:PrincipalOrgID": "o-1" } } }, true],
    [{ ...base, Condition: { StringEquals: { "aws:PrincipalOrgID": "o-1" } } }, false],
    [{ ...base, Condition: { IpAddress: { "aws:SourceIp": "192.0.2.0/24" } } }, false],
    [{ ...base, Condition: { IpAddress: { "aws:SourceIp": "0.0.0.0/0" } } }, true],
    [{ ...base, Condition: { ArnLike: { "aws:SourceArn": `arn:aws:sns:*:${account}:*` } } }, false],
    [{ ...base, Condition: { ArnLike: { "aws:SourceArn": "arn:aws:sns:*:*:*" } } }, true],
    [{ ...base, Condition: { StringEquals: { "aws:UserAgent": "x" } } }, true],
  ];
  for (const [statement, expected] of cases) {
    assert.equal(isPublicPolicy(JSON.stringify({ Statement: statement })), expected, JSON.stringify(statement));
  }
});
