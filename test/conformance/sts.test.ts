/** STS through the unmodified AWS SDK for JavaScript: who gets credentials, and what these can do. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { IAM } from "@aws-sdk/client-iam";
import { Organizations } from "@aws-sdk/client-organizations";
import { S3 } from "@aws-sdk/client-s3";
import { STS, type AssumeRoleCommandInput } from "@aws-sdk/client-sts";
import { isoSeconds } from "#kernel/clock.ts";
import { aws, awsCommand, isInstalled } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { OidcIssuer } from "../oidcIssuer.ts";
import { advance } from "../operator.ts";
import { rootKey } from "../rootKey.ts";

interface Key {
  AccessKeyId?: string | undefined;
  SecretAccessKey?: string | undefined;
  SessionToken?: string | undefined;
}

const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const allow = (Action: string | string[], more: object = {}) =>
  document({ Effect: "Allow", Action, Resource: "*", ...more });
const hasCli = await isInstalled(awsCommand());
const day = 24 * 3600 * 1000;

describe("STS", () => {
  let instance: Instance;
  let iam: IAM;
  let sts: STS;
  let issuer: OidcIssuer;

  before(async () => {
    issuer = await OidcIssuer.start();
    instance = await startInstance({ args: ["--adjustable-clock"] });
    iam = new IAM(instance.client);
    sts = new STS(instance.client);
  });
  after(async () => {
    await instance?.stop();
    await issuer?.close();
  });

  const arn = (resource: string) => `arn:aws:iam::${instance.ready.accountId}:${resource}`;
  const as = (issued: Key | undefined) => ({
    ...instance.client,
    credentials: {
      accessKeyId: issued!.AccessKeyId!,
      secretAccessKey: issued!.SecretAccessKey!,
      ...(issued!.SessionToken === undefined ? {} : { sessionToken: issued!.SessionToken }),
    },
  });
  const named = (name: string, message?: RegExp) => (error: Error) => {
    assert.equal(error.name, name, error.message);
    if (message) assert.match(error.message, message);
    return true;
  };
  const works = <T>(call: () => Promise<T>) => eventually(async () => (await call()) ?? true, { every: 10 });

  async function role(RoleName: string, trust: object, policy?: string, MaxSessionDuration?: number) {
    await iam.createRole({
      RoleName,
      AssumeRolePolicyDocument: document({ Effect: "Allow", Action: "sts:AssumeRole", ...trust }),
      ...(MaxSessionDuration === undefined ? {} : { MaxSessionDuration }),
    });
    if (policy) await iam.putRolePolicy({ RoleName, PolicyName: "p", PolicyDocument: policy });
    return arn(`role/${RoleName}`);
  }

  async function user(UserName: string, policy: string): Promise<Key> {
    await iam.createUser({ UserName });
    await iam.putUserPolicy({ UserName, PolicyName: "p", PolicyDocument: policy });
    return (await iam.createAccessKey({ UserName })).AccessKey!;
  }

  async function virtualDevice(UserName: string): Promise<{ serial: string; next: () => string }> {
    const { VirtualMFADevice } = await iam.createVirtualMFADevice({ VirtualMFADeviceName: UserName });
    const seed = fromBase32(Buffer.from(VirtualMFADevice!.Base32StringSeed!).toString());
    const serial = VirtualMFADevice!.SerialNumber!;
    let step = Math.floor(Date.now() / 30_000) - 1;
    const next = () => code(seed, step++);
    const codes = { AuthenticationCode1: next(), AuthenticationCode2: next() };
    await iam.enableMFADevice({ UserName, SerialNumber: serial, ...codes });
    return { serial, next };
  }

  describe("web identity", () => {
    let providerArn: string;
    let RoleArn: string;
    let anonymous: STS;
    const assume = (token: string, more: object = {}) =>
      anonymous.assumeRoleWithWebIdentity({ RoleArn, RoleSessionName: "ci", WebIdentityToken: token, ...more });

    before(async () => {
      anonymous = new STS({ endpoint: instance.endpoint, region: instance.ready.region, maxAttempts: 1 });
      const created = await iam.createOpenIDConnectProvider({
        Url: issuer.url,
        ClientIDList: ["sts.amazonaws.com"],
        ThumbprintList: [issuer.thumbprint],
      });
      providerArn = created.OpenIDConnectProviderArn!;
      await iam.createRole({
        RoleName: "deploy",
        AssumeRolePolicyDocument: document({
          Effect: "Allow",
          Principal: { Federated: providerArn },
          Action: ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
          Condition: { StringLike: { [`${issuer.host}:sub`]: "repo:team/*" } },
        }),
      });
      await iam.putRolePolicy({
        RoleName: "deploy",
        PolicyName: "p",
        PolicyDocument: allow("iam:ListUsers", { Condition: { StringEquals: { "aws:PrincipalTag/Team": "blue" } } }),
      });
      RoleArn = arn("role/deploy");
    });

    test("a token of the trusted issuer opens the role, with its tags and its source identity", async () => {
      const answer = await assume(
        issuer.token({
          "https://aws.amazon.com/tags": { principal_tags: { Team: ["blue"] }, transitive_tag_keys: ["Team"] },
          "https://aws.amazon.com/source_identity": "bob",
        }),
      );
      assert.equal(answer.SubjectFromWebIdentityToken, "repo:team/app");
      assert.equal(answer.Audience, "sts.amazonaws.com");
      assert.equal(answer.Provider, providerArn);
      assert.equal(answer.SourceIdentity, "bob");
      const session = as(answer.Credentials);
      const { Arn } = await new STS(session).getCallerIdentity({});
      assert.equal(Arn, `arn:aws:sts::${instance.ready.accountId}:assumed-role/deploy/ci`);
      await new IAM(session).listUsers({});
      // The trail names who came, not the token.
      const trail = new CloudTrail(instance.client);
      const LookupAttributes = [{ AttributeKey: "EventName", AttributeValue: "AssumeRoleWithWebIdentity" } as const];
      const event = await eventually(async () => (await trail.lookupEvents({ LookupAttributes })).Events![0]);
      const { userIdentity, requestParameters } = JSON.parse(event.CloudTrailEvent!);
      assert.deepEqual(userIdentity, {
        type: "WebIdentityUser",
        principalId: `${providerArn}:sts.amazonaws.com:repo:team/app`,
        userName: "repo:team/app",
        identityProvider: providerArn,
      });
      assert.doesNotMatch(JSON.stringify(requestParameters), /eyJ/);
      const untagged = await assume(issuer.token());
      await assert.rejects(new IAM(as(untagged.Credentials)).listUsers({}), named("AccessDenied"));
    });

    test("what is wrong with a token is told apart, and none of it opens the role", async () => {
      const now = Math.floor(Date.now() / 1000);
      const tampered = () => {
        const [header, , signature] = issuer.token().split(".");
        const claims = { iss: issuer.url, sub: "repo:team/root", aud: "sts.amazonaws.com", iat: now, exp: now + 300 };
        return `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
      };
      const rows: [token: string, name: string, message: RegExp][] = [
        ["opaque-access-token", "InvalidIdentityTokenException", /not a valid JWT/],
        [issuer.token({}, { alg: "none" }), "InvalidIdentityTokenException", /unsupported algorithm/],
        [issuer.token({}, { alg: "HS256" }), "InvalidIdentityTokenException", /unsupported algorithm/],
        [issuer.token({}, { alg: "ES256" }), "InvalidIdentityTokenException", /verification key/],
        [issuer.token({}, { kid: "unknown" }), "InvalidIdentityTokenException", /verification key/],
        [tampered(), "InvalidIdentityTokenException", /signature/],
        [issuer.token({ aud: "somebody" }), "InvalidIdentityTokenException", /Incorrect token audience/],
        [issuer.token({ azp: "somebody" }), "InvalidIdentityTokenException", /Incorrect token audience/],
        [issuer.token({ sub: undefined }), "InvalidIdentityTokenException", /Missing a required claim: sub/],
        [issuer.token({ exp: now - 1 }), "ExpiredTokenException", /Token expired/],
        [issuer.token({ nbf: now + 3600 }), "IDPRejectedClaimException", /future/],
        [
          issuer.token({ iss: "https://elsewhere.example" }),
          "InvalidIdentityTokenException",
          /No OpenIDConnect provider/,
        ],
        [
          issuer.token({ sub: "repo:other/app" }),
          "AccessDenied",
          /Not authorized to perform sts:AssumeRoleWithWebIdentity/,
        ],
      ];
      for (const [token, name, message] of rows) await assert.rejects(assume(token), named(name, message));
      await assert.rejects(assume(issuer.token(), { RoleArn: arn("role/nobody") }), named("AccessDenied"));
      await assert.rejects(
        assume(issuer.token(), { ProviderId: "graph.facebook.com" }),
        named("InvalidIdentityTokenException"),
      );
    });

    test("AWS CLI", { skip: hasCli ? false : "no AWS CLI" }, async () => {
      const role = ["--role-arn", RoleArn, "--role-session-name", "cli", "--duration-seconds", "900"];
      const token = ["--web-identity-token", issuer.token()];
      const answer = await aws(instance, ["sts", "assume-role-with-web-identity", ...role, ...token]);
      assert.equal(answer.SubjectFromWebIdentityToken, "repo:team/app");
      assert.equal(answer.AssumedRoleUser.Arn.split("/").at(-1), "cli");
    });

    test("keys are looked up once, and again when they were rotated", async () => {
      await assume(issuer.token());
      const before = issuer.hits;
      await assume(issuer.token());
      assert.equal(issuer.hits, before);
      issuer.rotate();
      await eventually(() => assume(issuer.token()).then(() => true), { within: 20_000 });
    });

    test("an issuer with another certificate than the configured one, or none at all, is not believed", async () => {
      await iam.updateOpenIDConnectProviderThumbprint({
        OpenIDConnectProviderArn: providerArn,
        ThumbprintList: ["0".repeat(40)],
      });
      await assert.rejects(assume(issuer.token()), named("InvalidIdentityTokenException", /thumbprint/));
      const gone = await OidcIssuer.start();
      const token = gone.token();
      await iam.createOpenIDConnectProvider({ Url: gone.url, ClientIDList: ["sts.amazonaws.com"] });
      await gone.close();
      await assert.rejects(assume(token), named("IDPCommunicationErrorException"));
      await iam.deleteOpenIDConnectProvider({ OpenIDConnectProviderArn: providerArn });
      await assert.rejects(assume(issuer.token()), named("InvalidIdentityTokenException", /No OpenIDConnect provider/));
    });
  });

  test("session policies narrow what the role may do", async () => {
    const RoleArn = await role("narrowed", { Principal: { AWS: instance.ready.accountId } }, allow("iam:List*"));
    const open = (more: Partial<AssumeRoleCommandInput>) =>
      sts
        .assumeRole({ RoleArn, RoleSessionName: "session-s", ...more })
        .then(({ Credentials }) => new IAM(as(Credentials)));
    const wide = await open({});
    await wide.listUsers({});
    await wide.listRoles({});
    const narrow = await open({ Policy: allow(["iam:ListUsers", "iam:CreateUser"]) });
    await narrow.listUsers({});
    await assert.rejects(narrow.listRoles({}), named("AccessDenied", /no session policy allows/));
    await assert.rejects(
      narrow.createUser({ UserName: "x" }),
      named("AccessDenied", /no identity-based policy allows/),
    );
    await assert.rejects(open({ Policy: "{" }), named("MalformedPolicyDocumentException"));
  });

  test("a role that asks for a second factor opens with the device's code, once", async () => {
    const key = await user("mona", allow("sts:AssumeRole"));
    const device = await virtualDevice("mona");
    const RoleArn = await role("secured", {
      Principal: { AWS: arn("user/mona") },
      Condition: { Bool: { "aws:MultiFactorAuthPresent": "true" } },
    });
    const mona = new STS(as(key));
    const open = (TokenCode?: string) =>
      mona.assumeRole({
        RoleArn,
        RoleSessionName: "session-m",
        ...(TokenCode === undefined ? {} : { SerialNumber: device.serial, TokenCode }),
      });
    await assert.rejects(open(), named("AccessDenied"));
    await assert.rejects(open("000000"), named("AccessDenied", /MultiFactorAuthentication failed/));
    const right = device.next();
    await works(() => open(right));
    await assert.rejects(open(right), named("AccessDenied", /MultiFactorAuthentication failed/));
  });

  test("a chain of roles: an hour at most, transitive tags and source identity go along and cannot be replaced", async () => {
    const trust = {
      Principal: { AWS: instance.ready.accountId },
      Action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    };
    const steps = allow(["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]);
    const first = await role("first", trust, steps, 43_200);
    const second = await role("second", trust, allow("iam:ListUsers"), 43_200);
    const opened = await sts.assumeRole({
      RoleArn: first,
      RoleSessionName: "session-a",
      SourceIdentity: "carol",
      Tags: [
        { Key: "Project", Value: "Hermes" },
        { Key: "Mood", Value: "fine" },
      ],
      TransitiveTagKeys: ["Project"],
      DurationSeconds: 43_200,
    });
    const chained = new STS(as(opened.Credentials));
    const next = (more: Partial<AssumeRoleCommandInput> = {}) =>
      chained.assumeRole({ RoleArn: second, RoleSessionName: "session-b", ...more });
    await assert.rejects(next({ DurationSeconds: 3601 }), named("ValidationError", /role chaining/));
    await assert.rejects(next({ Tags: [{ Key: "project", Value: "Zeus" }] }), named("InvalidParameterValue"));
    await assert.rejects(next({ SourceIdentity: "mallory" }), named("AccessDenied"));
    await iam.putRolePolicy({
      RoleName: "second",
      PolicyName: "p",
      PolicyDocument: allow("iam:ListUsers", {
        Condition: {
          StringEquals: { "aws:PrincipalTag/Project": "Hermes", "aws:SourceIdentity": "carol" },
          Null: { "aws:PrincipalTag/Mood": "true" },
        },
      }),
    });
    const end = new IAM(as((await next()).Credentials));
    await works(() => end.listUsers({}));
  });

  test("what GetSessionToken and GetFederationToken give cannot do what AWS says it cannot", async () => {
    const key = await user("nils", allow("*"));
    const device = await virtualDevice("nils");
    const nils = new STS(as(key));
    await works(() => nils.getCallerIdentity({}));
    const plain = as((await nils.getSessionToken({})).Credentials);
    await new S3({ ...plain, forcePathStyle: true }).listBuckets({});
    await assert.rejects(new IAM(plain).listUsers({}), named("InvalidClientTokenId"));
    await assert.rejects(new STS(plain).getSessionToken({}), named("AccessDenied", /session credentials/));
    await assert.rejects(
      new STS(plain).getAccessKeyInfo({ AccessKeyId: "AKIAIOSFODNN7EXAMPLE" }),
      named("AccessDenied"),
    );
    await new STS(plain).getCallerIdentity({});
    const proved = await nils.getSessionToken({ SerialNumber: device.serial, TokenCode: device.next() });
    await new IAM(as(proved.Credentials)).listUsers({});

    const federated = await nils.getFederationToken({
      Name: "guest",
      Policy: allow(["s3:ListAllMyBuckets", "iam:*", "sts:*"]),
    });
    const guest = as(federated.Credentials);
    await new S3({ ...guest, forcePathStyle: true }).listBuckets({});
    await assert.rejects(new IAM(guest).listUsers({}), named("InvalidClientTokenId"));
    const RoleArn = await role("forGuests", { Principal: { AWS: instance.ready.accountId } });
    await assert.rejects(new STS(guest).assumeRole({ RoleArn, RoleSessionName: "session-g" }), named("AccessDenied"));
    assert.match((await new STS(guest).getCallerIdentity({})).Arn!, /federated-user\/guest$/);
  });

  test("sessions from before a revocation are refused, later ones are not; an expired one is told so", async () => {
    const RoleArn = await role("revoked", { Principal: { AWS: instance.ready.accountId } }, allow("iam:ListUsers"));
    const open = async () => as((await sts.assumeRole({ RoleArn, RoleSessionName: "session-s" })).Credentials);
    const old = await open();
    await new IAM(old).listUsers({});
    await advance(instance, 60_000);
    const { date } = await instanceDate();
    await iam.putRolePolicy({
      RoleName: "revoked",
      PolicyName: "AWSRevokeOlderSessions",
      PolicyDocument: document({
        Effect: "Deny",
        Action: "*",
        Resource: "*",
        Condition: { DateLessThan: { "aws:TokenIssueTime": date } },
      }),
    });
    await eventually(
      () =>
        new IAM(old).listUsers({}).then(
          () => false,
          () => true,
        ),
      { every: 10 },
    );
    const fresh = await open();
    await new IAM(fresh).listUsers({});
    await advance(instance, 3601_000);
    await assert.rejects(new STS(fresh).getCallerIdentity({}), named("ExpiredToken"));
  });

  /** The installation's time, as a new session tells it. */
  async function instanceDate(): Promise<{ date: string }> {
    const { Credentials: issued } = await sts.getSessionToken({ DurationSeconds: 900 });
    return { date: isoSeconds(issued!.Expiration!.getTime() - 900_000) };
  }

  test("AssumeRoot opens one task in a member account, for the management account, with trusted access", async () => {
    const organizations = new Organizations(instance.client);
    await organizations.createOrganization({});
    const { CreateAccountStatus } = await organizations.createAccount({ AccountName: "m", Email: "m@example.com" });
    const { CreateAccountStatus: done } = await organizations.describeCreateAccountStatus({
      CreateAccountRequestId: CreateAccountStatus!.Id!,
    });
    const member = done!.AccountId!;
    const { accessKeyId } = await rootKey(instance, member);
    const open = (task = "IAMDeleteRootUserCredentials", TargetPrincipal = member) =>
      sts.assumeRoot({ TargetPrincipal, TaskPolicyArn: { arn: `arn:aws:iam::aws:policy/root-task/${task}` } });
    await assert.rejects(open(), named("AccessDenied"));
    await organizations.enableAWSServiceAccess({ ServicePrincipal: "iam.amazonaws.com" });
    await assert.rejects(open("AdministratorAccess"), named("ValidationError"));
    await assert.rejects(open("IAMDeleteRootUserCredentials", "111122223333"), named("AccessDenied"));
    await assert.rejects(open("IAMDeleteRootUserCredentials", instance.ready.accountId), named("AccessDenied"));

    // A bucket that its policy shut for everybody is opened again.
    const { Credentials: memberAdmin } = await sts.assumeRole({
      RoleArn: `arn:aws:iam::${member}:role/OrganizationAccountAccessRole`,
      RoleSessionName: "locksOut",
    });
    const theirs = new S3({ ...as(memberAdmin), forcePathStyle: true });
    const Bucket = `locked-${member}`;
    await theirs.createBucket({ Bucket });
    await theirs.putBucketPolicy({
      Bucket,
      Policy: document({ Effect: "Deny", Principal: "*", Action: "s3:*", Resource: `arn:aws:s3:::${Bucket}` }),
    });
    await assert.rejects(theirs.deleteBucketPolicy({ Bucket }), named("AccessDenied"));
    const unlocker = new S3({ ...as((await open("S3UnlockBucketPolicy")).Credentials), forcePathStyle: true });
    await assert.rejects(unlocker.deleteBucket({ Bucket }), named("AccessDenied"));
    await unlocker.deleteBucketPolicy({ Bucket });
    await theirs.deleteBucket({ Bucket });

    const auditor = new IAM(as((await open("IAMAuditRootUserCredentials")).Credentials));
    const { AccessKeyMetadata } = await auditor.listAccessKeys({});
    assert.deepEqual(
      AccessKeyMetadata!.map(({ AccessKeyId }) => AccessKeyId),
      [accessKeyId],
    );
    await assert.rejects(
      auditor.deleteAccessKey({ AccessKeyId: accessKeyId }),
      named("AccessDenied", /session policy/),
    );
    await assert.rejects(auditor.listUsers({}), named("AccessDenied"));
    const { Credentials: issued } = await open();
    assert.ok(issued!.Expiration!.getTime() <= Date.now() + 2 * day);
    const cleaner = new IAM(as(issued));
    await cleaner.deleteAccessKey({ AccessKeyId: accessKeyId });
    assert.equal((await cleaner.listAccessKeys({})).AccessKeyMetadata!.length, 0);
    await assert.rejects(cleaner.createUser({ UserName: "x" }), named("AccessDenied"));
    await assert.rejects(new STS(as(issued)).getSessionToken({}), named("AccessDenied"));
  });
});

function fromBase32(text: string): Buffer {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...text.replaceAll("=", "")].map((c) => alphabet.indexOf(c).toString(2).padStart(5, "0")).join("");
  return Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
}

/** RFC 6238 with SHA-1, six digits, thirty seconds. */
function code(seed: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeUInt32BE(step, 4);
  const mac = createHmac("sha1", seed).update(counter).digest();
  const at = mac[19]! & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
