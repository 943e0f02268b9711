/** Calls of our own: signed like AWS's, refused like AWS's, on the record like AWS's. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { IAM } from "@aws-sdk/client-iam";
import { Organizations } from "@aws-sdk/client-organizations";
import { STS } from "@aws-sdk/client-sts";
import { isInstalled, run } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";

let instance: Instance;
before(async () => {
  instance = await startInstance();
});
after(() => instance?.stop());

interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

const skip = (await isInstalled("curl")) ? false : "there is no curl";

/** curl signs, so it is not our own signature that is verified. */
async function asked(path: string, credentials?: Credentials): Promise<{ status: number; body: any }> {
  const signed = credentials
    ? [
        "--aws-sigv4",
        `aws:amz:${instance.ready.region}:jikimi`,
        "--user",
        `${credentials.accessKeyId}:${credentials.secretAccessKey}`,
        ...(credentials.sessionToken ? ["--header", `x-amz-security-token: ${credentials.sessionToken}`] : []),
      ]
    : [];
  const line = ["--silent", "--write-out", "\n%{http_code}", ...signed, `${instance.endpoint}${path}`];
  const { stdout } = await run("curl", line, { PATH: process.env["PATH"] });
  const [text, status] = stdout.split(/\n(?=\d+$)/);
  return { status: Number(status), body: JSON.parse(text!) };
}

const administrator = (): Credentials => instance.ready;

test("the seal, to whoever may see it, without anything that opens it", { skip }, async () => {
  const { status, body } = await asked("/_jikimi/seal", administrator());
  assert.equal(status, 200);
  const { since, setAt, domainKeys, ...rest } = body;
  assert.deepEqual(rest, {
    sealed: false,
    seal: "development",
    development: true,
    opensItself: true,
    keptOutside: false,
  });
  assert.ok(Math.abs(since - Date.now()) < 600_000 && setAt <= since + 1000);
  assert.deepEqual(Object.keys(domainKeys), ["count", "currentSince"]);
  assert.equal(domainKeys.count, 1);
});

test("nobody without a signature, with a wrong one, or without the right", { skip }, async () => {
  assert.deepEqual(
    [(await asked("/_jikimi/seal")).status, (await asked("/_jikimi/seal")).body.code],
    [400, "MissingAuthenticationTokenException"],
  );
  const wrong = await asked("/_jikimi/seal", { ...administrator(), secretAccessKey: "x".repeat(40) });
  assert.equal(wrong.body.code, "InvalidSignatureException");
  const unknown = await asked("/_jikimi/seal", { ...administrator(), accessKeyId: "AKIAXXXXXXXXXXXXXXXX" });
  assert.equal(unknown.body.code, "UnrecognizedClientException");
  const iam = new IAM(instance.client);
  await iam.createUser({ UserName: "reader" });
  const { AccessKey } = await iam.createAccessKey({ UserName: "reader" });
  const reader = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  const refused = await asked("/_jikimi/seal", reader);
  assert.equal(refused.body.code, "AccessDeniedException");
  assert.match(refused.body.message, /jikimi:GetSeal/);
  const Statement = [{ Effect: "Allow", Action: "jikimi:GetSeal", Resource: "*" }];
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await iam.putUserPolicy({ UserName: "reader", PolicyName: "seal", PolicyDocument });
  await eventually(async () => (await asked("/_jikimi/seal", reader)).status === 200);
});

test("the seal is the provider's: no administrator of another account sees it", { skip }, async () => {
  const organizations = new Organizations(instance.client);
  await organizations.createOrganization({ FeatureSet: "ALL" });
  const { CreateAccountStatus } = await organizations.createAccount({
    AccountName: "team",
    Email: "team@jikimi.internal",
  });
  const CreateAccountRequestId = CreateAccountStatus!.Id!;
  const account = await eventually(async () => {
    const { CreateAccountStatus: now } = await organizations.describeCreateAccountStatus({ CreateAccountRequestId });
    return now!.AccountId;
  });
  const RoleArn = `arn:aws:iam::${account}:role/OrganizationAccountAccessRole`;
  const { Credentials: made } = await new STS(instance.client).assumeRole({ RoleArn, RoleSessionName: "team" });
  const member = {
    accessKeyId: made!.AccessKeyId!,
    secretAccessKey: made!.SecretAccessKey!,
    sessionToken: made!.SessionToken!,
  };
  const { body } = await asked("/_jikimi/seal", member);
  assert.equal(body.code, "AccessDeniedException");
  assert.match(body.message, /operates this installation/);
});

test("such calls are on the record, refused ones too", { skip }, async () => {
  const cloudtrail = new CloudTrail(instance.client);
  const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue: "GetSeal" }];
  const events = await eventually(async () => {
    const { Events } = await cloudtrail.lookupEvents({ LookupAttributes });
    const found = Events!.map(({ CloudTrailEvent }) => JSON.parse(CloudTrailEvent!));
    return found.some(({ errorCode }) => errorCode) && found.some(({ errorCode }) => !errorCode) ? found : undefined;
  });
  for (const { eventSource, errorCode, readOnly } of events) {
    assert.equal(eventSource, "jikimi.internal");
    if (errorCode === undefined) assert.equal(readOnly, true);
  }
});
