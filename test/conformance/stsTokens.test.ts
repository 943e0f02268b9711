/** Tokens for the outside through the unmodified SDK: curl finds the keys, openssl checks the signatures. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createPublicKey, type webcrypto } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { IAM } from "@aws-sdk/client-iam";
import { STS, type Credentials, type GetWebIdentityTokenCommandInput } from "@aws-sdk/client-sts";
import { eventually, startInstance, type Instance } from "../instance.ts";

const run = promisify(execFile);
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const named = (name: string, message?: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

type Jwk = webcrypto.JsonWebKey & { kid: string; alg: string };

describe("GetWebIdentityToken", () => {
  let folder: string;
  let instance: Instance;
  let iam: IAM;
  let role: STS;
  let issuer: string;
  let RoleArn: string;

  const as = ({ AccessKeyId, SecretAccessKey, SessionToken }: Credentials) => ({
    ...instance.client,
    credentials: { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! },
  });
  const asked: GetWebIdentityTokenCommandInput = { Audience: ["https://api.example.com"], SigningAlgorithm: "RS256" };
  const token = (more: Partial<GetWebIdentityTokenCommandInput> = {}) =>
    role.getWebIdentityToken({ ...asked, ...more });
  const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());

  async function published<T>(name: string): Promise<T> {
    const address = `${issuer}/.well-known/${name}`;
    const { stdout } = await run("curl", ["-sSf", "--cacert", join(folder, "data", "tls", "ca.pem"), address]);
    return JSON.parse(stdout) as T;
  }

  /** As openssl sees it. */
  async function verify(jwt: string): Promise<boolean> {
    const [header, claims, signature] = jwt.split(".") as [string, string, string];
    const { kid, alg } = read(header);
    const { keys } = await published<{ keys: Jwk[] }>("jwks.json");
    const jwk = keys.find((each) => each.kid === kid)!;
    assert.equal(jwk.alg, alg);
    const pem = createPublicKey({ key: jwk, format: "jwk" }).export({ format: "pem", type: "spki" });
    const bytes = Buffer.from(signature, "base64url");
    const [key, text, sig] = ["key.pem", "text", "sig"].map((name) => join(folder, name)) as [string, string, string];
    await writeFile(key, pem);
    await writeFile(text, `${header}.${claims}`);
    await writeFile(sig, alg === "RS256" ? bytes : derOf(bytes));
    const digest = alg === "RS256" ? "-sha256" : "-sha384";
    const checked = await run("openssl", ["dgst", digest, "-verify", key, "-signature", sig, text]).catch(() => null);
    return checked?.stdout.includes("Verified OK") ?? false;
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-tokens-"));
    instance = await startInstance({ dataDir: join(folder, "data") });
    iam = new IAM(instance.client);
    const trust = { Effect: "Allow", Principal: { AWS: instance.ready.accountId }, Action: "sts:AssumeRole" };
    const created = await iam.createRole({
      RoleName: "batch",
      AssumeRolePolicyDocument: document(trust),
      Tags: [{ Key: "team", Value: "data" }],
    });
    RoleArn = created.Role!.Arn!;
    const PolicyDocument = document(
      {
        Effect: "Allow",
        Action: "sts:GetWebIdentityToken",
        Resource: "*",
        Condition: {
          "ForAllValues:StringEquals": { "sts:IdentityTokenAudience": ["https://api.example.com", "b"] },
          NumericLessThanEquals: { "sts:DurationSeconds": 900 },
        },
      },
      {
        Effect: "Allow",
        Action: "sts:TagGetWebIdentityToken",
        Resource: "*",
        Condition: { StringLike: { "aws:RequestTag/job": "nightly-*" } },
      },
    );
    await iam.putRolePolicy({ RoleName: "batch", PolicyName: "p", PolicyDocument });
    const assumed = await new STS(instance.client).assumeRole({
      RoleArn,
      RoleSessionName: "run",
      DurationSeconds: 900,
    });
    role = new STS(as(assumed.Credentials!));
  });
  after(async () => {
    await instance?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("switched off until the account says otherwise", async () => {
    await assert.rejects(token(), named("OutboundWebIdentityFederationDisabledException"));
    await assert.rejects(iam.getOutboundWebIdentityFederationInfo({}), named("FeatureDisabledException"));
    await assert.rejects(iam.disableOutboundWebIdentityFederation({}), named("FeatureDisabledException"));
    issuer = (await iam.enableOutboundWebIdentityFederation({})).IssuerIdentifier!;
    await assert.rejects(iam.enableOutboundWebIdentityFederation({}), named("FeatureEnabledException"));
    const info = await iam.getOutboundWebIdentityFederationInfo({});
    assert.deepEqual([info.IssuerIdentifier, info.JwtVendingEnabled], [issuer, true]);
    assert.match(issuer, /^https:/);
    const discovery = await published<Record<string, unknown>>("openid-configuration");
    assert.deepEqual([discovery["issuer"], discovery["jwks_uri"]], [issuer, `${issuer}/.well-known/jwks.json`]);
  });

  for (const SigningAlgorithm of ["RS256", "ES384"]) {
    test(`a token signed with ${SigningAlgorithm} says who calls, and everybody can check it`, async () => {
      const Tags = [{ Key: "job", Value: "nightly-1" }];
      const { WebIdentityToken, Expiration } = await token({ SigningAlgorithm, Tags, DurationSeconds: 120 });
      const [header, claims] = WebIdentityToken!.split(".").slice(0, 2).map(read);
      assert.equal(header.alg, SigningAlgorithm);
      const { iat, exp, jti, ...rest } = claims;
      assert.equal(exp - iat, 120);
      assert.equal(Expiration!.getTime(), exp * 1000);
      assert.ok(Math.abs(Date.now() / 1000 - iat) < 60);
      assert.match(jti, /^[0-9a-f-]{36}$/);
      assert.deepEqual(rest, {
        iss: issuer,
        aud: "https://api.example.com",
        sub: RoleArn,
        "https://sts.amazonaws.com/": {
          aws_account: instance.ready.accountId,
          source_region: instance.ready.region,
          principal_tags: { team: "data" },
          request_tags: { job: "nightly-1" },
        },
      });
      assert.equal(await verify(WebIdentityToken!), true);
      const forged = { ...claims, sub: "arn:aws:iam::1:role/admin" };
      const parts = WebIdentityToken!.split(".");
      parts[1] = Buffer.from(JSON.stringify(forged)).toString("base64url");
      assert.equal(await verify(parts.join(".")), false);
    });
  }

  test("the same keys sign again, after a restart too; calls at once make one pair", async () => {
    const kid = async (jwt: Promise<{ WebIdentityToken?: string | undefined }>) =>
      read((await jwt).WebIdentityToken!.split(".")[0]!).kid;
    const before = await kid(token());
    const port = Number(new URL(instance.endpoint).port);
    await instance.kill();
    instance = await startInstance({ dataDir: join(folder, "data"), port });
    iam = new IAM(instance.client);
    assert.deepEqual(new Set(await Promise.all([kid(token()), kid(token()), kid(token())])), new Set([before]));
    const { keys } = await published<{ keys: Jwk[] }>("jwks.json");
    assert.equal(keys.length, 2);
    assert.ok(keys.every((key) => key.d === undefined));
  });

  test("policies decide on audience, duration and tags", async () => {
    const denied = named("AccessDenied");
    await token({ Audience: ["https://api.example.com", "b"], DurationSeconds: 60 });
    await assert.rejects(token({ Audience: ["https://other.example.com"] }), denied);
    await assert.rejects(token({ Audience: ["b", "https://other.example.com"] }), denied);
    await assert.rejects(token({ DurationSeconds: 901 }), denied);
    await assert.rejects(token({ Tags: [{ Key: "job", Value: "hourly" }] }), denied);
    await assert.rejects(token({ DurationSeconds: 900 }), named("SessionDurationEscalationException"));
  });

  test("bad input", async () => {
    const invalid = named("ValidationError");
    for (const more of [
      { SigningAlgorithm: "HS256" },
      { SigningAlgorithm: "none" },
      { Audience: [] },
      { DurationSeconds: 59 },
      { DurationSeconds: 3601 },
      { SubjectMode: "OriginIdentity" as const },
      { Scope: "read" },
    ]) {
      await assert.rejects(token(more), invalid, JSON.stringify(more));
    }
    const twice = [
      { Key: "job", Value: "nightly-1" },
      { Key: "Job", Value: "nightly-2" },
    ];
    await assert.rejects(token({ Tags: twice }), named("InvalidParameterValue"));
    for (const path of [
      "x/.well-known/jwks.json",
      `${"0".repeat(8)}-0000-0000-0000-${"0".repeat(12)}/.well-known/jwks.json`,
    ]) {
      assert.equal((await fetch(`${instance.endpoint}/_jikimi/issuers/${path}`)).status, 404);
    }
  });

  test("our own tokens open no role, and no token is in the trail", async () => {
    const { WebIdentityToken } = await token();
    const anonymous = new STS({ endpoint: instance.endpoint, region: instance.ready.region, maxAttempts: 1 });
    const assume = anonymous.assumeRoleWithWebIdentity({
      RoleArn,
      RoleSessionName: "own",
      WebIdentityToken: WebIdentityToken!,
    });
    await assert.rejects(assume, named("InvalidIdentityTokenException", /cannot be used/));
    const trail = new CloudTrail(instance.client);
    const LookupAttributes = [{ AttributeKey: "EventName", AttributeValue: "GetWebIdentityToken" } as const];
    const events = await eventually(async () => {
      const { Events } = await trail.lookupEvents({ LookupAttributes });
      return Events!.length > 0 && Events;
    });
    for (const { CloudTrailEvent } of events) assert.doesNotMatch(CloudTrailEvent!, /eyJ/);
    // Switched off, nothing is issued; what was issued can still be checked.
    await iam.disableOutboundWebIdentityFederation({});
    await assert.rejects(token(), named("OutboundWebIdentityFederationDisabledException"));
    assert.equal(await verify(WebIdentityToken!), true);
    assert.equal((await iam.enableOutboundWebIdentityFederation({})).IssuerIdentifier, issuer);
  });
});

/** r and s of one length, as ASN.1 has them. */
function derOf(signature: Buffer): Buffer {
  const integer = (bytes: Buffer) => {
    const start = bytes.findIndex((byte) => byte !== 0);
    const short = bytes.subarray(start);
    const body = short[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short;
    return Buffer.concat([Buffer.from([2, body.length]), body]);
  };
  const half = signature.length / 2;
  const body = Buffer.concat([integer(signature.subarray(0, half)), integer(signature.subarray(half))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}
