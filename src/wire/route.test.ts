import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { loadModel, modelHeads } from "#model/load.ts";
import type { Claim, HttpRequest, Route } from "./contract.ts";
import { Router } from "./route.ts";
import { anonymous, bytes, request, signedFor } from "./requests.testing.ts";

const router = new Router({
  heads: modelHeads(),
  load: loadModel,
  defaultRegion: "eu-west-1",
  baseHosts: ["localhost"],
});

function route(parts: Partial<HttpRequest>, claim: Claim, form?: string): Route {
  const asked = request({ ...parts, headers: { host: "localhost:4566", ...parts.headers } });
  const body = form === undefined ? undefined : bytes(form);
  assert.equal(router.routesByBody(asked, claim), body !== undefined, "routesByBody");
  return router.route(asked, claim, body);
}

const formType = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
const target = (name: string, version = "1.1"): Partial<HttpRequest> => ({
  headers: { "x-amz-target": name, "content-type": `application/x-amz-json-${version}` },
});

const table: [what: string, parts: Partial<HttpRequest>, claim: Claim, form: string | undefined, route: string][] = [
  ["JSON 1.1", target("TrentService.Encrypt"), signedFor("kms"), undefined, "kms Encrypt awsJson1_1"],
  [
    "JSON 1.0",
    target("GraniteServiceVersion20100801.ListMetrics", "1.0"),
    signedFor("monitoring"),
    undefined,
    "cloudwatch ListMetrics awsJson1_0",
  ],
  [
    "botocore's long target",
    target("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"),
    signedFor("cloudtrail"),
    undefined,
    "cloudtrail LookupEvents awsJson1_1",
  ],
  [
    "the SDK's short target",
    target("CloudTrail_20131101.LookupEvents"),
    signedFor("cloudtrail"),
    undefined,
    "cloudtrail LookupEvents awsJson1_1",
  ],
  [
    "RPC v2",
    {
      path: "/service/GraniteServiceVersion20100801/operation/PutMetricData",
      headers: { "smithy-protocol": "rpc-v2-cbor" },
    },
    signedFor("monitoring"),
    undefined,
    "cloudwatch PutMetricData rpcV2Cbor",
  ],
  ["query", { headers: formType }, signedFor("iam"), "Action=CreateUser&Version=2010-05-08", "iam CreateUser awsQuery"],
  [
    "query of CloudWatch",
    { headers: formType },
    signedFor("monitoring"),
    "Action=ListMetrics&Version=2010-08-01",
    "cloudwatch ListMetrics awsQuery",
  ],
  [
    "ec2 query",
    { headers: formType },
    signedFor("ec2"),
    "Action=RunInstances&Version=2016-11-15",
    "ec2 RunInstances ec2Query",
  ],
  [
    "query as GET",
    { method: "GET", query: "Action=GetCallerIdentity&Version=2011-06-15" },
    signedFor("sts"),
    undefined,
    "sts GetCallerIdentity awsQuery",
  ],
  [
    "query to a queue's own path (SQS)",
    { path: "/123456789012/q", headers: formType },
    signedFor("sqs"),
    "Action=SendMessage&Version=2012-11-05",
    "sqs SendMessage awsQuery",
  ],
  [
    "query without a version",
    { headers: formType },
    signedFor("sts"),
    "Action=GetCallerIdentity",
    "sts GetCallerIdentity awsQuery",
  ],
  [
    "unsigned STS",
    { headers: formType },
    anonymous,
    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15",
    "sts AssumeRoleWithWebIdentity awsQuery",
  ],
  [
    "REST JSON",
    { method: "GET", path: "/detector/abc" },
    signedFor("guardduty"),
    undefined,
    "guardduty GetDetector restJson1",
  ],
  [
    "REST XML",
    { method: "GET", path: "/2013-04-01/hostedzone/Z1" },
    signedFor("route53"),
    undefined,
    "route53 GetHostedZone restXml",
  ],
  [
    "a slash at the end",
    { method: "POST", path: "/2013-04-01/hostedzone/Z1/rrset/" },
    signedFor("route53"),
    undefined,
    "route53 ChangeResourceRecordSets restXml",
  ],
  [
    "two services under one signing name, v1",
    { method: "GET", path: "/restapis" },
    signedFor("apigateway"),
    undefined,
    "apigateway GetRestApis restJson1",
  ],
  [
    "two services under one signing name, v2",
    { method: "GET", path: "/v2/apis" },
    signedFor("apigateway"),
    undefined,
    "apigatewayv2 GetApis restJson1",
  ],
  ["S3 list", { method: "GET", path: "/" }, signedFor("s3"), undefined, "s3 ListBuckets restXml"],
  ["S3 list objects 1", { method: "GET", path: "/b" }, signedFor("s3"), undefined, "s3 ListObjects restXml"],
  [
    "S3 list objects 2",
    { method: "GET", path: "/b", query: "list-type=2&prefix=a" },
    signedFor("s3"),
    undefined,
    "s3 ListObjectsV2 restXml",
  ],
  [
    "S3 list type 3",
    { method: "GET", path: "/b", query: "list-type=3" },
    signedFor("s3"),
    undefined,
    "s3 ListObjects restXml",
  ],
  ["S3 get", { method: "GET", path: "/b/k" }, signedFor("s3"), undefined, "s3 GetObject restXml"],
  [
    "S3 parts",
    { method: "GET", path: "/b/k", query: "uploadId=u" },
    signedFor("s3"),
    undefined,
    "s3 ListParts restXml",
  ],
  ["S3 put", { method: "PUT", path: "/b/k" }, signedFor("s3"), undefined, "s3 PutObject restXml"],
  [
    "S3 put with a form's content type (urllib)",
    { method: "PUT", path: "/b/k", headers: formType },
    signedFor("s3"),
    undefined,
    "s3 PutObject restXml",
  ],
  [
    "S3 part",
    { method: "PUT", path: "/b/k", query: "partNumber=1&uploadId=u" },
    signedFor("s3"),
    undefined,
    "s3 UploadPart restXml",
  ],
  [
    "S3 copy",
    { method: "PUT", path: "/b/k", headers: { "x-amz-copy-source": "b/a" } },
    signedFor("s3"),
    undefined,
    "s3 CopyObject restXml",
  ],
  [
    "S3 part copy",
    { method: "PUT", path: "/b/k", query: "partNumber=1&uploadId=u", headers: { "x-amz-copy-source": "b/a" } },
    signedFor("s3"),
    undefined,
    "s3 UploadPartCopy restXml",
  ],
  [
    "S3 subresource",
    { method: "GET", path: "/b", query: "policy" },
    signedFor("s3"),
    undefined,
    "s3 GetBucketPolicy restXml",
  ],
  [
    "S3 virtual host",
    { method: "GET", path: "/k", headers: { host: "b.localhost:4566" } },
    signedFor("s3"),
    undefined,
    "s3 GetObject restXml",
  ],
  ["S3 anonymous", { method: "GET", path: "/b/k" }, anonymous, undefined, "s3 GetObject restXml"],
  [
    "S3 browser form",
    { path: "/b", headers: { "content-type": "multipart/form-data; boundary=x" } },
    anonymous,
    undefined,
    "s3 PutObject restXml",
  ],
  [
    "S3 Control",
    {
      method: "GET",
      path: "/v20180820/configuration/publicAccessBlock",
      headers: { "x-amz-account-id": "123456789012" },
    },
    signedFor("s3"),
    undefined,
    "s3control GetPublicAccessBlock restXml",
  ],
  [
    "a bucket named like S3 Control's version",
    { method: "GET", path: "/v20180820/configuration/publicAccessBlock" },
    signedFor("s3"),
    undefined,
    "s3 GetObject restXml",
  ],
  [
    "an Action in the query of a REST service is a query parameter",
    { method: "GET", path: "/b", query: "Action=CreateUser&Version=2010-05-08" },
    signedFor("s3"),
    undefined,
    "s3 ListObjects restXml",
  ],
];
for (const [what, parts, claim, form, expected] of table) {
  test(what, () => {
    const found = route(parts, claim, form);
    assert.equal(`${found.service.id} ${found.operation.name} ${found.protocol}`, expected);
    assert.equal(found.region, claim.region ?? "eu-west-1");
  });
}

test("labels are decoded once; a key keeps its slashes", () => {
  const get = (path: string): Readonly<Record<string, string>> =>
    route({ method: "GET", path }, signedFor("s3")).labels;
  assert.deepEqual(get("/b/a%20b/%252e/c+d"), { Bucket: "b", Key: "a b/%2e/c+d" });
  assert.deepEqual(get("/b//a//b/"), { Bucket: "b", Key: "/a//b/" });
  assert.deepEqual(get("/b/../x"), { Bucket: "b", Key: "../x" });
  const lambda = route(
    { method: "GET", path: "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af" },
    signedFor("lambda"),
  );
  assert.deepEqual(lambda.labels, { FunctionName: "arn:aws:lambda:us-east-1:1:function:f" });
});

const refused: [
  what: string,
  parts: Partial<HttpRequest>,
  claim: Claim,
  form: string | undefined,
  code: string,
  status: number,
][] = [
  ["an unknown target", target("Nobody.Encrypt"), signedFor("kms"), undefined, "UnknownOperationException", 400],
  [
    "an unknown JSON operation",
    target("TrentService.Explode"),
    signedFor("kms"),
    undefined,
    "UnknownOperationException",
    400,
  ],
  ["a target without a dot", target("Encrypt"), signedFor("kms"), undefined, "UnknownOperationException", 400],
  [
    "a target named like a method",
    target("TrentService.constructor"),
    signedFor("kms"),
    undefined,
    "UnknownOperationException",
    400,
  ],
  [
    "an unknown action",
    { headers: formType },
    signedFor("iam"),
    "Action=Explode&Version=2010-05-08",
    "InvalidAction",
    400,
  ],
  [
    "another version",
    { headers: formType },
    signedFor("iam"),
    "Action=CreateUser&Version=1999-01-01",
    "InvalidAction",
    400,
  ],
  ["no action", { headers: formType }, signedFor("iam"), "Version=2010-05-08", "MissingAction", 400],
  [
    "two actions",
    { headers: formType },
    signedFor("iam"),
    "Action=CreateUser&Action=DeleteUser",
    "SerializationException",
    400,
  ],
  [
    "an unknown path",
    { method: "GET", path: "/nowhere" },
    signedFor("guardduty"),
    undefined,
    "UnknownOperationException",
    404,
  ],
  [
    "an empty label",
    { method: "GET", path: "/detector//findings" },
    signedFor("guardduty"),
    undefined,
    "UnknownOperationException",
    404,
  ],
  ["a method S3 has not", { method: "PATCH", path: "/b/k" }, signedFor("s3"), undefined, "MethodNotAllowed", 405],
  ["a broken escape", { method: "GET", path: "/b/%zz" }, signedFor("s3"), undefined, "InvalidURI", 400],
  ["an escape that is not UTF-8", { method: "GET", path: "/b/%ff" }, signedFor("s3"), undefined, "InvalidURI", 400],
  [
    "a broken escape in the query",
    { method: "GET", path: "/b", query: "prefix=%zz" },
    signedFor("s3"),
    undefined,
    "SerializationException",
    400,
  ],
  [
    "a service nobody knows",
    { method: "GET", path: "/" },
    signedFor("constructor"),
    undefined,
    "UnknownServiceException",
    404,
  ],
  [
    "RPC v2 for nobody",
    { path: "/service/X/operation/Y", headers: { "smithy-protocol": "rpc-v2-cbor" } },
    signedFor("monitoring"),
    undefined,
    "UnknownOperationException",
    404,
  ],
];
for (const [what, parts, claim, form, code, status] of refused) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => route(parts, claim, form),
      (error) => error instanceof AwsError && error.code === code && error.status === status,
    );
  });
}

test("every operation of every service is reachable by its own URI", () => {
  for (const head of modelHeads()) {
    if (!head.protocols.some((protocol) => protocol.startsWith("rest")) || head.id === "s3") continue;
    for (const operation of loadModel(head.id).operations.values()) {
      const [path, query = ""] = operation.http.uri.split("?") as [string, string?];
      const required = (operation.input.members ?? []).filter(
        (member) => member.required && member.location === "query",
      );
      const more = required.map((member) => `${member.wireName ?? member.name}=x`);
      const parts = {
        method: operation.http.method,
        path: path.replaceAll(/\{[^}]+\}/g, "x1"),
        query: [query, ...more].filter((part) => part !== "").join("&"),
        ...(head.id === "s3control" ? { headers: { "x-amz-account-id": "123456789012" } } : {}),
      };
      const claim = signedFor(head.id === "s3control" ? "s3-outposts" : head.signingName);
      assert.equal(route(parts, claim).operation, operation, `${head.id} ${operation.name}`);
    }
  }
});
