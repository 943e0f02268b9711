/** Opt-in Regions through the unmodified SDK: closed until they are opened, and closed again. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Account } from "@aws-sdk/client-account";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { EC2 } from "@aws-sdk/client-ec2";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { Organizations } from "@aws-sdk/client-organizations";
import { S3 } from "@aws-sdk/client-s3";
import { SQS } from "@aws-sdk/client-sqs";
import { STS } from "@aws-sdk/client-sts";
import { optInRegions } from "#kernel/regions.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";

const hongKong = "ap-east-1";
const named = (name: string, message?: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

describe("opt-in Regions", () => {
  let dataDir: string;
  let instance: Instance;
  let account: Account;
  const there = () => ({ ...instance.client, region: hongKong });
  const status = async (RegionName: string) => (await account.getRegionOptStatus({ RegionName })).RegionOptStatus;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "jikimi-regions-"));
    instance = await startInstance({ dataDir });
    account = new Account(instance.client);
  });
  after(async () => {
    await instance?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  test("a Region that was not opened knows no credentials, in the words of each protocol", async () => {
    assert.equal(await status(hongKong), "DISABLED");
    const token = /security token included in the request is invalid/;
    await assert.rejects(new KMS(there()).listKeys({}), named("UnrecognizedClientException", token));
    await assert.rejects(new SQS(there()).listQueues({}), named("InvalidClientTokenId", token));
    await assert.rejects(new STS(there()).getCallerIdentity({}), named("InvalidClientTokenId", token));
    await assert.rejects(new EC2(there()).describeVpcs({}), named("AuthFailure"));
    await assert.rejects(new S3(there()).listBuckets({}), named("InvalidAccessKeyId"));
  });

  test("opened, it serves from the next call on; closed, it does not; a restart forgets neither", async () => {
    await account.enableRegion({ RegionName: hongKong });
    assert.equal(await status(hongKong), "ENABLED");
    await account.enableRegion({ RegionName: hongKong });
    // Who tried before is in the event history of the Region.
    const trail = new CloudTrail(there());
    const LookupAttributes = [{ AttributeKey: "EventName", AttributeValue: "ListKeys" } as const];
    const { CloudTrailEvent } = await eventually(
      async () => (await trail.lookupEvents({ LookupAttributes })).Events![0],
    );
    const record = JSON.parse(CloudTrailEvent!);
    assert.deepEqual([record.awsRegion, record.errorCode], [hongKong, "UnrecognizedClientException"]);
    const { KeyMetadata } = await new KMS(there()).createKey({});
    const kms = new KMS(instance.client);
    const { KeyMetadata: primary } = await kms.createKey({ MultiRegion: true });
    const replicate = (ReplicaRegion: string) => kms.replicateKey({ KeyId: primary!.KeyId!, ReplicaRegion });
    await assert.rejects(replicate("me-south-1"), named("ValidationException", /not enabled/));
    await assert.rejects(replicate("mars-north-1"), named("ValidationException"));
    await replicate(hongKong);
    await instance.kill();
    instance = await startInstance({ dataDir, port: Number(new URL(instance.endpoint).port) });
    account = new Account(instance.client);
    await new KMS(there()).describeKey({ KeyId: KeyMetadata!.KeyId! });
    const { Regions } = await new EC2(instance.client).describeRegions({});
    const shown = new Map(Regions!.map(({ RegionName, OptInStatus }) => [RegionName, OptInStatus]));
    assert.equal(shown.get(hongKong), "opted-in");
    assert.equal(shown.get("us-east-1"), "opt-in-not-required");
    assert.equal(shown.has("me-south-1"), false);
    const all = await new EC2(instance.client).describeRegions({ AllRegions: true });
    assert.equal(all.Regions!.find(({ RegionName }) => RegionName === "me-south-1")!.OptInStatus, "not-opted-in");
    assert.deepEqual(
      all.Regions!.filter(({ OptInStatus }) => OptInStatus !== "opt-in-not-required").map((each) => each.RegionName!),
      [...optInRegions].toSorted(),
    );
    await account.disableRegion({ RegionName: hongKong });
    await assert.rejects(new KMS(there()).listKeys({}), named("UnrecognizedClientException"));
    // "Your data is not deleted": it is there again when the Region is.
    await account.enableRegion({ RegionName: hongKong });
    await new KMS(there()).describeKey({ KeyId: KeyMetadata!.KeyId! });
    await account.disableRegion({ RegionName: hongKong });
  });

  test("lists, pages, and what cannot be changed", async () => {
    const listed = await account.listRegions({ RegionOptStatusContains: ["ENABLED_BY_DEFAULT"] });
    assert.equal(listed.Regions!.length, 17);
    const names: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await account.listRegions({ MaxResults: 10, ...(NextToken === undefined ? {} : { NextToken }) });
      names.push(...page.Regions!.map((region) => region.RegionName!));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    assert.equal(names.length, 34);
    assert.equal(new Set(names).size, 34);
    const invalid = named("ValidationException");
    for (const RegionName of ["us-east-1", instance.ready.region, "mars-north-1", "../x"]) {
      await assert.rejects(account.disableRegion({ RegionName }), invalid, RegionName);
      await assert.rejects(account.enableRegion({ RegionName }), invalid, RegionName);
    }
    await assert.rejects(account.getRegionOptStatus({ RegionName: "mars-north-1" }), invalid);
    await assert.rejects(account.listRegions({ NextToken: "x" }), invalid);
  });

  test("policies decide, Region by Region; a member's Regions are its own", async () => {
    const iam = new IAM(instance.client);
    await iam.createUser({ UserName: "opener" });
    const statement = {
      Effect: "Allow",
      Action: ["account:EnableRegion", "account:DisableRegion"],
      Resource: "*",
      Condition: { StringEquals: { "account:TargetRegion": hongKong } },
    };
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
    await iam.putUserPolicy({ UserName: "opener", PolicyName: "p", PolicyDocument });
    const { AccessKey } = await iam.createAccessKey({ UserName: "opener" });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const opener = new Account({ ...instance.client, credentials });
    await opener.enableRegion({ RegionName: hongKong });
    await assert.rejects(opener.enableRegion({ RegionName: "me-south-1" }), named("AccessDeniedException"));
    await assert.rejects(opener.listRegions({}), named("AccessDeniedException"));

    const organizations = new Organizations(instance.client);
    await organizations.createOrganization({});
    await organizations.enableAWSServiceAccess({ ServicePrincipal: "account.amazonaws.com" });
    const { CreateAccountStatus: made } = await organizations.createAccount({
      AccountName: "m",
      Email: "m@example.com",
    });
    const { CreateAccountStatus: done } = await organizations.describeCreateAccountStatus({
      CreateAccountRequestId: made!.Id!,
    });
    const AccountId = done!.AccountId!;
    const ofMember = async () =>
      (await account.getRegionOptStatus({ AccountId, RegionName: hongKong })).RegionOptStatus;
    assert.equal(await ofMember(), "DISABLED");
    // A role of the member's, asked for in a Region that the caller has opened and the member has not.
    const RoleArn = `arn:aws:iam::${AccountId}:role/OrganizationAccountAccessRole`;
    const assume = () => new STS(there()).assumeRole({ RoleArn, RoleSessionName: "session" });
    await assert.rejects(assume(), named("RegionDisabledException", /STS is not activated in this region/));
    await account.enableRegion({ AccountId, RegionName: hongKong });
    assert.equal(await ofMember(), "ENABLED");
    await assume();
    await account.disableRegion({ RegionName: hongKong });
    assert.equal(await ofMember(), "ENABLED");
  });
});
