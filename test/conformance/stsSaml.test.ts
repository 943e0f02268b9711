/** AssumeRoleWithSAML through the unmodified clients, with an identity provider that xmlsec1 signs for. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { IAM } from "@aws-sdk/client-iam";
import { STS, type AssumeRoleWithSAMLCommandInput, type Credentials } from "@aws-sdk/client-sts";
import { aws, awsCommand, isInstalled } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { SamlIdp, type Said } from "../samlIdp.ts";

const skip = spawnSync("xmlsec1", ["--version"]).error ? "xmlsec1 is not installed" : false;
const hasCli = await isInstalled(awsCommand());
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const named = (name: string, message?: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

describe("AssumeRoleWithSAML", { skip }, () => {
  let instance: Instance;
  let iam: IAM;
  let anonymous: STS;
  let idp: SamlIdp;
  let ours: SamlIdp;
  let PrincipalArn: string;
  let RoleArn: string;

  const arn = (resource: string) => `arn:aws:iam::${instance.ready.accountId}:${resource}`;
  const as = ({ AccessKeyId, SecretAccessKey, SessionToken }: Credentials) => ({
    ...instance.client,
    credentials: { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! },
  });

  async function role(RoleName: string, actions: string[], Condition?: object, MaxSessionDuration = 3600) {
    const trust = { Effect: "Allow", Principal: { Federated: PrincipalArn }, Action: actions };
    await iam.createRole({
      RoleName,
      MaxSessionDuration,
      AssumeRolePolicyDocument: document({ ...trust, ...(Condition ? { Condition } : {}) }),
    });
    return arn(`role/${RoleName}`);
  }

  /** A person of the identity provider who may take the role. */
  function person(more: Record<string, readonly string[]> = {}, roleArn = RoleArn): Said {
    return { attributes: { Role: [`${roleArn},${PrincipalArn}`], RoleSessionName: ["alice"], ...more } };
  }

  async function assume(said: Said, more: Partial<AssumeRoleWithSAMLCommandInput> = {}) {
    return await anonymous.assumeRoleWithSAML({
      RoleArn,
      PrincipalArn,
      SAMLAssertion: await idp.response(said),
      ...more,
    });
  }

  before(async () => {
    [idp, ours] = await Promise.all([SamlIdp.start(), SamlIdp.start()]);
    instance = await startInstance();
    iam = new IAM(instance.client);
    anonymous = new STS({ endpoint: instance.endpoint, region: instance.ready.region, maxAttempts: 1 });
    const created = await iam.createSAMLProvider({ Name: "corp", SAMLMetadataDocument: await idp.metadata() });
    PrincipalArn = created.SAMLProviderArn!;
    const every = ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"];
    RoleArn = await role("staff", every, { StringEquals: { "SAML:aud": "https://signin.aws.amazon.com/saml" } }, 7200);
    await iam.putRolePolicy({
      RoleName: "staff",
      PolicyName: "p",
      PolicyDocument: document({
        Effect: "Allow",
        Action: "iam:ListUsers",
        Resource: "*",
        Condition: { StringEquals: { "aws:PrincipalTag/Team": "blue", "saml:sub": "alice@example.com" } },
      }),
    });
  });
  after(async () => {
    await instance?.stop();
    await Promise.all([idp, ours].map((each) => each?.close()));
  });

  test("a person of the provider gets the role, with tags and source identity, and the trail says who", async () => {
    const said = person({
      "PrincipalTag:Team": ["blue"],
      TransitiveTagKeys: ["Team"],
      SourceIdentity: ["alice.smith"],
    });
    const answer = await assume(said, { DurationSeconds: 1800 });
    const nameQualifier = createHash("sha1").update(`${idp.entityId}${instance.ready.accountId}/corp`).digest("base64");
    const { Subject, SubjectType, Issuer, Audience, NameQualifier, SourceIdentity, AssumedRoleUser } = answer;
    assert.deepEqual(
      { Subject, SubjectType, Issuer, Audience, NameQualifier, SourceIdentity },
      {
        Subject: "alice@example.com",
        SubjectType: "persistent",
        Issuer: idp.entityId,
        Audience: "https://signin.aws.amazon.com/saml",
        NameQualifier: nameQualifier,
        SourceIdentity: "alice.smith",
      },
    );
    const sessionArn = `arn:aws:sts::${instance.ready.accountId}:assumed-role/staff/alice`;
    assert.equal(AssumedRoleUser!.Arn, sessionArn);
    const left = answer.Credentials!.Expiration!.getTime() - Date.now();
    assert.ok(left > 1_700_000 && left <= 1_800_000, String(left));
    assert.equal((await new STS(as(answer.Credentials!)).getCallerIdentity({})).Arn, sessionArn);
    await new IAM(as(answer.Credentials!)).listUsers({});

    const trail = new CloudTrail(instance.client);
    const LookupAttributes = [{ AttributeKey: "EventName", AttributeValue: "AssumeRoleWithSAML" } as const];
    const event = await eventually(async () => (await trail.lookupEvents({ LookupAttributes })).Events![0]);
    const record = JSON.parse(event.CloudTrailEvent!);
    assert.deepEqual(record.userIdentity, {
      type: "SAMLUser",
      principalId: `${nameQualifier}:alice@example.com`,
      userName: "alice@example.com",
      identityProvider: nameQualifier,
    });
    const { sAMLAssertionID, ...parameters } = record.requestParameters;
    assert.match(sAMLAssertionID, /^_[0-9a-f]{32}$/);
    assert.deepEqual(parameters, {
      roleSessionName: "alice",
      sourceIdentity: "alice.smith",
      principalTags: { Team: "blue" },
      transitiveTagKeys: ["Team"],
      durationSeconds: 1800,
      roleArn: RoleArn,
      principalArn: PrincipalArn,
    });
    assert.deepEqual(
      record.resources.map(({ type }: { type: string }) => type),
      ["AWS::IAM::Role", "AWS::IAM::SAMLProvider"],
    );
    assert.equal(record.responseElements.subject, "alice@example.com");
    assert.equal(record.responseElements.credentials.secretAccessKey, undefined);
    assert.doesNotMatch(event.CloudTrailEvent!, /SignatureValue|PHNhbWxw/);

    // Without the tag the role may do nothing.
    const plain = await assume(person());
    await assert.rejects(new IAM(as(plain.Credentials!)).listUsers({}), named("AccessDenied"));
  });

  test("the shortest of what is asked, what the assertion says and what the role allows", async () => {
    const minutes = async (said: Said, DurationSeconds?: number) => {
      const { Credentials } = await assume(said, DurationSeconds === undefined ? {} : { DurationSeconds });
      return Math.round((Credentials!.Expiration!.getTime() - Date.now()) / 60_000);
    };
    assert.equal(await minutes(person()), 60);
    assert.equal(await minutes(person(), 7200), 120);
    assert.equal(await minutes(person({ SessionDuration: ["1800"] }), 7200), 30);
    assert.equal(await minutes(person({ SessionDuration: ["43200"] })), 60, "it only shortens");
    assert.equal(await minutes({ ...person(), sessionNotOnOrAfter: 1_200_000 }), 20);
    await assert.rejects(assume(person(), { DurationSeconds: 7201 }), named("ValidationError", /MaxSessionDuration/));
    for (const text of ["899", "43201", "long", "-1"]) {
      await assert.rejects(assume(person({ SessionDuration: [text] })), named("IDPRejectedClaimException"), text);
    }
  });

  test("trust policies decide by what the assertion says", async () => {
    const eduPerson = "urn:oid:1.3.6.1.4.1.5923.1.1.1.1";
    const condition = {
      "ForAnyValue:StringEquals": { "saml:edupersonaffiliation": ["faculty"] },
      StringEquals: {
        "saml:iss": idp.entityId,
        "saml:doc": `${instance.ready.accountId}/corp`,
        "saml:sub_type": "persistent",
        "saml:mail": "alice@example.com",
      },
    };
    const faculty = await role("faculty", ["sts:AssumeRoleWithSAML"], condition);
    const mail = { "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": ["alice@example.com"] };
    const take = (more: Record<string, readonly string[]>) =>
      assume(person({ ...mail, ...more }, faculty), { RoleArn: faculty });
    await take({ [eduPerson]: ["member", "faculty"] });
    const denied = named("AccessDenied", /^Not authorized to perform sts:AssumeRoleWithSAML$/);
    await assert.rejects(take({ [eduPerson]: ["member", "student"] }), denied);
    await assert.rejects(take({}), denied);
    // Tags and a source identity need their own permissions.
    await assert.rejects(take({ [eduPerson]: ["faculty"], "PrincipalTag:Team": ["blue"] }), denied);
    await assert.rejects(take({ [eduPerson]: ["faculty"], SourceIdentity: ["alice"] }), denied);
    // A role that is not in the assertion, one that does not exist, one that trusts others.
    await assert.rejects(assume(person({}, arn("role/other"))), denied);
    await assert.rejects(assume(person({}, arn("role/other")), { RoleArn: arn("role/other") }), denied);
    await assert.rejects(assume({ attributes: { RoleSessionName: ["alice"] } }), denied);
    await assert.rejects(assume({ ...person(), subject: null }), denied);
  });

  test("what the assertion has to say, in AWS's words", async () => {
    const rows: [Said, string, RegExp][] = [
      [{ ...person(), audience: "https://other.example.com" }, "InvalidIdentityTokenException", /required audience/],
      [{ ...person(), audience: null }, "InvalidIdentityTokenException", /required audience/],
      [
        { ...person(), recipient: "https://signin.aws.amazon.com.evil.example/saml" },
        "InvalidIdentityTokenException",
        /recipient/,
      ],
      [
        { ...person(), method: "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches" },
        "InvalidIdentityTokenException",
        /bearer/,
      ],
      [{ ...person(), notOnOrAfter: -1000 }, "ExpiredTokenException", /^Response has expired$/],
      [{ ...person(), sessionNotOnOrAfter: -1000 }, "ExpiredTokenException", /^Response has expired$/],
      [
        { ...person(), issuedAt: -301_000 },
        "ExpiredTokenException",
        /^Token must be redeemed within 5 minutes of issuance$/,
      ],
      [{ ...person(), notBefore: 400_000, notOnOrAfter: 900_000 }, "InvalidIdentityTokenException", /not yet valid/],
      [
        { ...person(), issuer: "https://other.example.com" },
        "InvalidIdentityTokenException",
        /^Issuer not present in specified/,
      ],
      [{ ...person(), status: "Requester" }, "IDPRejectedClaimException", /Requester/],
      [
        person({ RoleSessionName: [] }),
        "InvalidIdentityTokenException",
        /^RoleSessionName is required in AuthnResponse$/,
      ],
      [
        person({ RoleSessionName: ["John Doe"] }),
        "InvalidIdentityTokenException",
        /^RoleSessionName in AuthnResponse must match/,
      ],
      [person({ SourceIdentity: ["aws:me"] }), "InvalidIdentityTokenException", /^Source Identity must match/],
      [person({ "PrincipalTag:Team": ["blue", "red"] }), "IDPRejectedClaimException", /one value/],
      [person({ "PrincipalTag:Team": ["blue"], TransitiveTagKeys: ["Other"] }), "InvalidParameterValue", /transitive/],
    ];
    for (const [said, code, message] of rows) {
      await assert.rejects(assume(said), named(code, message), JSON.stringify(said));
    }
    const urn = { ...person(), audience: "urn:amazon:webservices" };
    const regional = "https://ap-northeast-2.signin.aws.amazon.com/saml";
    await assume(urn);
    const condition = { StringEquals: { "saml:aud": regional } };
    const there = await role("regional", ["sts:AssumeRoleWithSAML"], condition);
    const answer = await assume({ ...person({}, there), audience: regional, recipient: regional }, { RoleArn: there });
    assert.equal(answer.Audience, regional);
    const elsewhere = { PrincipalArn: arn("saml-provider/none") };
    await assert.rejects(
      assume(person(), elsewhere),
      named("InvalidIdentityTokenException", /^Specified provider doesn't exist$/),
    );
    for (const SAMLAssertion of ["!!!!", Buffer.from([0xff, 0xfe, 0x3c]).toString("base64")]) {
      await assert.rejects(
        assume(person(), { SAMLAssertion }),
        named("InvalidIdentityTokenException", /Invalid base64/),
      );
    }
    const notXml = Buffer.from("no response").toString("base64");
    await assert.rejects(
      assume(person(), { SAMLAssertion: notXml }),
      named("InvalidIdentityTokenException", /invalid/),
    );
  });

  test("encrypted assertions, once the provider has a private key", async () => {
    const encrypted = async (more: Said = {}) =>
      await idp.response({ ...person(), ...more }, { encryptFor: ours, sign: "both" });
    const invalid = named("InvalidIdentityTokenException", /^Response signature invalid$/);
    await assert.rejects(assume(person(), { SAMLAssertion: await encrypted() }), invalid);
    await iam.updateSAMLProvider({ SAMLProviderArn: PrincipalArn, AddPrivateKey: await ours.privateKey() });
    await assume(person(), { SAMLAssertion: await encrypted() });
    await assume(person());
    await iam.updateSAMLProvider({ SAMLProviderArn: PrincipalArn, AssertionEncryptionMode: "Required" });
    await assert.rejects(assume(person()), invalid);
    // With encryption required, the endpoint has the provider's identifier.
    const { SAMLProviderUUID } = await iam.getSAMLProvider({ SAMLProviderArn: PrincipalArn });
    const own = `https://signin.aws.amazon.com/saml/acs/${SAMLProviderUUID}`;
    const wrong = named("InvalidIdentityTokenException", /recipient/);
    await assert.rejects(assume(person(), { SAMLAssertion: await encrypted() }), wrong);
    const there = { recipient: own, audience: own };
    const answer = anonymous.assumeRoleWithSAML({
      RoleArn,
      PrincipalArn,
      SAMLAssertion: await encrypted(there),
    });
    await assert.rejects(answer, named("AccessDenied"), "saml:aud of the trust policy is the recipient");
    await iam.updateSAMLProvider({ SAMLProviderArn: PrincipalArn, AssertionEncryptionMode: "Allowed" });
  });

  test("the AWS CLI", { skip: hasCli ? false : "no AWS CLI" }, async () => {
    const args = [
      "--role-arn",
      RoleArn,
      "--principal-arn",
      PrincipalArn,
      "--saml-assertion",
      await idp.response(person()),
    ];
    const answer = await aws(instance, ["sts", "assume-role-with-saml", ...args]);
    assert.equal(answer["Subject"], "alice@example.com");
  });

  test("a provider that is gone, or whose certificate was changed, opens nothing", async () => {
    const before = await idp.response(person());
    const other = await SamlIdp.start();
    await iam.updateSAMLProvider({ SAMLProviderArn: PrincipalArn, SAMLMetadataDocument: await other.metadata() });
    const again = () => assume(person(), { SAMLAssertion: before });
    await assert.rejects(again(), named("InvalidIdentityTokenException", /^Response signature invalid$/));
    await iam.updateSAMLProvider({ SAMLProviderArn: PrincipalArn, SAMLMetadataDocument: await idp.metadata() });
    await again();
    await iam.deleteSAMLProvider({ SAMLProviderArn: PrincipalArn });
    await assert.rejects(again(), named("InvalidIdentityTokenException", /doesn't exist/));
    await other.close();
  });
});
