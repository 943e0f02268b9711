/** The whole layer, as the gateway calls it. The round trip in test/conformance covers what goes right; here is the rest. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { AwsError } from "#kernel/errors.ts";
import type { ByteStream, Claim, HttpRequest, Route } from "./contract.ts";
import { maxInflated } from "./requestBody.ts";
import { anonymous, bytes, request, signedFor } from "./requests.testing.ts";
import { createWire } from "./wire.ts";

const wire = createWire({ defaultRegion: "us-east-1" });

interface Call {
  asked: HttpRequest;
  claim: Claim;
  body: Uint8Array;
}

const json = (target: string, body: string | Uint8Array, headers: Record<string, string> = {}): Call => ({
  asked: request({ headers: { "x-amz-target": target, "content-type": "application/x-amz-json-1.1", ...headers } }),
  claim: signedFor("kms"),
  body: typeof body === "string" ? bytes(body) : body,
});
const form = (service: string, body: string): Call => ({
  asked: request({ headers: { "content-type": "application/x-www-form-urlencoded" } }),
  claim: signedFor(service),
  body: bytes(body),
});
const rest = (
  service: string,
  method: string,
  path: string,
  body = "",
  headers: Record<string, string> = {},
): Call => ({
  asked: request({
    method,
    path: path.split("?")[0]!,
    query: path.split("?")[1] ?? "",
    headers: { host: "localhost", ...headers },
  }),
  claim: signedFor(service),
  body: bytes(body),
});

function routed(call: Call): Route {
  return wire.route(call.asked, call.claim, wire.routesByBody(call.asked, call.claim) ? call.body : undefined);
}
const decode = (call: Call): Record<string, unknown> => wire.decode(routed(call), call.asked, call.body);

describe("decode refuses with the service's own code", () => {
  const table: [what: string, call: Call, code: string, status: number][] = [
    ["KMS, no body", json("TrentService.Encrypt", ""), "SerializationException", 400],
    ["KMS, a list", json("TrentService.Encrypt", "[]"), "SerializationException", 400],
    ["KMS, text", json("TrentService.Encrypt", '"x"'), "SerializationException", 400],
    ["KMS, null", json("TrentService.Encrypt", "null"), "SerializationException", 400],
    ["KMS, a wrong type", json("TrentService.Encrypt", '{"KeyId":1}'), "SerializationException", 400],
    ["KMS, a key twice", json("TrentService.Encrypt", '{"KeyId":"a","KeyId":"b"}'), "SerializationException", 400],
    ["KMS, not UTF-8", json("TrentService.Encrypt", new Uint8Array([0xff])), "SerializationException", 400],
    [
      "KMS, broken gzip",
      json("TrentService.Encrypt", "{}", { "content-encoding": "gzip" }),
      "SerializationException",
      400,
    ],
    [
      "KMS, unknown encoding",
      json("TrentService.Encrypt", "{}", { "content-encoding": "br" }),
      "UnsupportedMediaTypeException",
      415,
    ],
    [
      "KMS, a gzip bomb",
      json("TrentService.Encrypt", gzipSync(Buffer.alloc(maxInflated + 1)), { "content-encoding": "gzip" }),
      "RequestEntityTooLargeException",
      413,
    ],
    ["IAM, a wrong number", form("iam", "Action=CreateRole&MaxSessionDuration=x"), "MalformedInput", 400],
    ["EC2, a wrong boolean", form("ec2", "Action=DescribeInstances&DryRun=x"), "InvalidParameterValue", 400],
    ["S3, broken XML", rest("s3", "PUT", "/b?tagging", "<Tagging>"), "MalformedXML", 400],
    ["S3, another root", rest("s3", "PUT", "/b?tagging", "<Foo/>"), "MalformedXML", 400],
    ["S3, a document type", rest("s3", "PUT", "/b?tagging", "<!DOCTYPE a><Tagging/>"), "MalformedXML", 400],
    ["S3, a wrong number in the query", rest("s3", "GET", "/b?max-keys=ten"), "InvalidArgument", 400],
    [
      "S3, a wrong date in a header",
      rest("s3", "GET", "/b/k", "", { "if-modified-since": "soon" }),
      "InvalidArgument",
      400,
    ],
    ["Route 53, broken XML", rest("route53", "POST", "/2013-04-01/hostedzone", "<a"), "MalformedInput", 400],
    ["GuardDuty, broken JSON", rest("guardduty", "POST", "/detector", "{"), "SerializationException", 400],
  ];
  for (const [what, call, code, status] of table) {
    test(what, () => {
      assert.throws(
        () => decode(call),
        (error) => error instanceof AwsError && error.code === code && error.status === status,
      );
    });
  }
});

test("a compressed body is read", () => {
  const body = gzipSync('{"KeyId":"k","Plaintext":"YQ=="}');
  const call = json("TrentService.Encrypt", body, { "content-encoding": "gzip" });
  assert.deepEqual(decode(call), { KeyId: "k", Plaintext: new Uint8Array([97]) });
  const query = form("sts", "");
  query.asked = request({
    headers: { "content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip" },
  });
  query.body = gzipSync("Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=AKIA");
  assert.deepEqual(decode(query), { AccessKeyId: "AKIA" });
});

test("an object keeps its encoding: its bytes are the client's own", async () => {
  const call = rest("s3", "PUT", "/b/k", "", { "content-encoding": "gzip" });
  call.body = gzipSync("x");
  const input = decode(call);
  assert.equal(input["ContentEncoding"], "gzip");
  const chunks: Uint8Array[] = [];
  for await (const chunk of input["Body"] as ByteStream) chunks.push(chunk);
  assert.deepEqual(Buffer.concat(chunks), Buffer.from(call.body));
});

test("a streaming body is handed on and not read", () => {
  const call = rest("s3", "PUT", "/b/k");
  const body: ByteStream = {
    [Symbol.asyncIterator]() {
      throw new Error("read");
    },
  };
  assert.equal(wire.decode(routed(call), call.asked, body)["Body"], body);
});

test("a response streams what the handler streams", () => {
  const body: ByteStream = (async function* () {})();
  const response = wire.encode(routed(rest("s3", "GET", "/b/k")), { Body: body, ContentType: "text/css" }, "r");
  assert.equal(response.body, body);
  assert.equal(response.headers["content-type"], "text/css");
});

test("a handler's mistake is an internal error and no client's fault", () => {
  const route = routed(json("TrentService.Encrypt", "{}"));
  for (const output of [{ KeyId: 1 }, { CiphertextBlob: {} }, { EncryptionAlgorithm: [] }]) {
    assert.throws(
      () => wire.encode(route, output, "r"),
      (error) => error instanceof TypeError && !(error instanceof AwsError),
    );
  }
});

test("members the model does not know never leave", () => {
  const route = routed(json("TrentService.Encrypt", "{}"));
  assert.equal(wire.encode(route, { KeyId: "k", secret: "canary" }, "r").body, '{"KeyId":"k"}');
});

describe("error envelopes", () => {
  const error = new AwsError("NotFoundException", 'Key "a" <b>', 404);
  const shown = (call: Call, what = error): { status: number; headers: object; body: unknown } =>
    wire.encodeError(routed(call), call.asked, what, "req-1");

  test("awsJson: 400 for every client fault, whatever the handler said", () => {
    assert.deepEqual(shown(json("TrentService.Encrypt", "{}")), {
      status: 400,
      headers: { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "req-1" },
      body: '{"__type":"NotFoundException","message":"Key \\"a\\" <b>"}',
    });
  });

  test("awsJson: a model that writes Message", () => {
    const call = json("secretsmanager.GetSecretValue", "{}");
    const body = shown(call, new AwsError("ResourceNotFoundException", "gone")).body;
    assert.equal(body, '{"__type":"ResourceNotFoundException","Message":"gone"}');
  });

  test("restJson1", () => {
    const call = rest("guardduty", "GET", "/detector/d");
    const extra = new AwsError("BadRequestException", "bad", 400, { fields: { Type: "InvalidInputException" } });
    const { status, headers, body } = shown(call, extra);
    assert.equal(status, 400);
    assert.equal((headers as Record<string, string>)["x-amzn-errortype"], "BadRequestException");
    assert.deepEqual(JSON.parse(body as string), { message: "bad", type: "InvalidInputException" });
  });

  test("awsQuery: the query code, Sender and the namespace", () => {
    const call = form("iam", "Action=GetUser");
    const { status, body } = shown(call, new AwsError("NoSuchEntityException", "no <user>", 404));
    assert.equal(status, 404);
    assert.equal(
      body,
      '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no &lt;user&gt;</Message></Error><RequestId>req-1</RequestId></ErrorResponse>',
    );
  });

  test("ec2Query", () => {
    const { body } = shown(form("ec2", "Action=DescribeInstances"), new AwsError("InvalidInstanceID.NotFound", "no"));
    assert.equal(
      body,
      '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>no</Message></Error></Errors><RequestID>req-1</RequestID></Response>',
    );
  });

  test("S3: fields beside the message, both ids, no body for HEAD", () => {
    const missing = new AwsError("NoSuchKey", "The specified key does not exist.", 404, { fields: { Key: "a&b" } });
    const { status, headers, body } = shown(rest("s3", "GET", "/b/k"), missing);
    assert.equal(status, 404);
    assert.match(
      body as string,
      /^<\?xml[^>]*>\n<Error><Code>NoSuchKey<\/Code><Message>The specified key does not exist.<\/Message><Key>a&amp;b<\/Key><RequestId>req-1<\/RequestId><HostId>[^<]+<\/HostId><\/Error>$/,
    );
    assert.equal((headers as Record<string, string>)["x-amz-request-id"], "req-1");
    assert.equal(shown(rest("s3", "HEAD", "/b/k"), missing).body, undefined);
  });

  test("query-compatible JSON says the query code too, when asked", () => {
    const call = json("AmazonSQS.GetQueueUrl", "{}", { "x-amzn-query-mode": "true" });
    const { headers } = shown(call, new AwsError("QueueDoesNotExist", "no"));
    assert.equal(
      (headers as Record<string, string>)["x-amzn-query-error"],
      "AWS.SimpleQueueService.NonExistentQueue;Sender",
    );
  });

  test("CBOR", () => {
    const call = json("x", "");
    call.asked = request({
      path: "/service/GraniteServiceVersion20100801/operation/GetDashboard",
      headers: { "smithy-protocol": "rpc-v2-cbor" },
    });
    const { headers, body, status } = shown(call, new AwsError("DashboardNotFoundError", "no"));
    assert.equal(status, 404);
    assert.equal((headers as Record<string, string>)["smithy-protocol"], "rpc-v2-cbor");
    assert.match(Buffer.from(body as Uint8Array).toString("latin1"), /__type.*DashboardNotFoundError/);
  });

  test("a header of the error cannot be split: it is left out", () => {
    const evil = new AwsError("NoSuchKey", "m", 404, {
      headers: { "x-evil": "true\r\nset-cookie: a=b", "x-good": "a" },
    });
    const { headers } = shown(rest("s3", "GET", "/b/k"), evil);
    assert.equal("x-evil" in headers, false);
    assert.equal((headers as Record<string, string>)["x-good"], "a");
  });

  test("fields that do not fit the error's shape are left out, the code and message stay", () => {
    const odd = new AwsError("BadRequestException", "bad", 400, { fields: { Type: {} } });
    assert.equal(shown(rest("guardduty", "GET", "/detector/d"), odd).body, '{"message":"bad"}');
  });

  test("without a route the protocol is guessed from the request", () => {
    const guess = (asked: HttpRequest): string =>
      String(wire.encodeError(undefined, asked, new AwsError("X", "m"), "r").body);
    assert.equal(guess(request({ headers: { "x-amz-target": "a.b" } })), '{"__type":"X","message":"m"}');
    assert.match(
      guess(request({ headers: { "content-type": "application/x-www-form-urlencoded" } })),
      /^<ErrorResponse>/,
    );
    assert.match(guess(request({ method: "GET", path: "/b" })), /<Error><Code>X</);
    const signed = { authorization: "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/lambda/aws4_request" };
    assert.equal(guess(request({ method: "GET", headers: signed })), '{"message":"m"}');
  });
});

test("hostile requests end in an AwsError, never in a crash", () => {
  const claims = [
    anonymous,
    signedFor("s3"),
    signedFor("kms"),
    signedFor("iam"),
    signedFor("lambda"),
    signedFor("__proto__"),
  ];
  const paths = ["", "/", "//", "/%", "/..", "/%00", "*", "/service/x/operation/y", "/b/%F0%9F", "/".repeat(5000)];
  const headerSets: Record<string, string>[] = [
    {},
    { host: "" },
    { host: ":::" },
    { host: ".s3.." },
    { "x-amz-target": "" },
    { "x-amz-target": "...." },
    { "smithy-protocol": "rpc-v2-cbor" },
    { "content-type": "application/x-www-form-urlencoded" },
  ];
  const bodies = [
    "",
    "{",
    "<",
    "a=%",
    "Action=__proto__&Version=x",
    "\u0000",
    "[[[[",
    "Action=GetUser&UserName.1.2.3=4",
  ];
  for (const claim of claims) {
    for (const path of paths) {
      for (const headers of headerSets) {
        for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS", "constructor"]) {
          for (const text of bodies) {
            const asked = request({ method, path, query: text, headers });
            let route: Route | undefined;
            try {
              route = wire.route(asked, claim, wire.routesByBody(asked, claim) ? bytes(text) : undefined);
              wire.validate(route, wire.decode(route, asked, bytes(text)));
            } catch (error) {
              assert.ok(error instanceof AwsError, String((error as Error).stack));
              assert.ok(error.status >= 400 && error.status < 500);
              wire.encodeError(route, asked, error, "r");
            }
          }
        }
      }
    }
  }
});

test("GetBucketLocation's member is the root itself", () => {
  const route = routed(rest("s3", "GET", "/b?location"));
  const start =
    '<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
  assert.equal(
    wire.encode(route, { LocationConstraint: "eu-west-1" }, "r").body,
    `${start}eu-west-1</LocationConstraint>`,
  );
  assert.equal(wire.encode(route, {}, "r").body, `${start}</LocationConstraint>`);
});
