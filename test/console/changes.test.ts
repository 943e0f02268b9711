/** What is changed through the pages is changed: the SDK looks at it from outside. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  GetAccountPasswordPolicyCommand,
  GetUserPolicyCommand,
  IAMClient,
  ListAttachedUserPoliciesCommand,
  ListMFADevicesCommand,
} from "@aws-sdk/client-iam";
import { DescribeKeyCommand, GetKeyRotationStatusCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetBucketEncryptionCommand,
  GetObjectCommand,
  GetPublicAccessBlockCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { timeStep, totpCode } from "../../src/services/iam/totp.ts";
import { startInstance, type Instance } from "../instance.ts";
import { fromBase32 } from "./base32.ts";
import { admitAdministrator, launch, noBrowser, signedInAdministrator, type Watched } from "./browser.ts";

const skip = noBrowser();

let instance: Instance;
let browser: Browser;
let watched: Watched;
let page: Page;

before(async () => {
  if (skip) return;
  instance = await startInstance({ args: ["--ephemeral"] });
  await admitAdministrator(instance);
  browser = await launch();
  watched = await signedInAdministrator(browser, instance, { language: "en" });
  page = watched.page;
});
after(async () => {
  await browser?.close();
  await instance?.stop();
});

const open = (path: string) => page.goto(`${instance.endpoint}/_jikimi/console/#/${path}`);
const dialog = () => page.getByRole("dialog");
const press = (name: string) => page.getByRole("button", { name, exact: true }).first().click();

/** Fills the fields of the open dialog and sends it; it closes when the call has been accepted. */
async function answer(fields: Record<string, string>, submit: string): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await dialog().getByLabel(label, { exact: true }).fill(value);
  await dialog().getByRole("button", { name: submit, exact: true }).click();
  await dialog()
    .waitFor({ state: "detached" })
    .catch(async () => assert.fail(await dialog().innerText()));
}

test("a user: made, given policies, an access key that works, and an MFA device", { skip }, async () => {
  const iam = new IAMClient(instance.client);
  await open("iam/users");
  await press("Create user");
  await answer({ "User name": "made" }, "Create");
  await page.getByRole("link", { name: "made" }).click();
  await press("Attach policy");
  await answer({ "Policy ARN": "arn:aws:iam::aws:policy/ReadOnlyAccess" }, "Attach");
  await page.getByRole("link", { name: "ReadOnlyAccess" }).waitFor();
  await press("Add inline policy");
  const document = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Deny", Action: ["s3:*"], Resource: "*", Condition: { StringEquals: { "s3:prefix": "a+b&c='é'" } } },
    ],
  });
  await answer({ "Policy name": "deny", "Policy document": document }, "Save changes");
  const { AttachedPolicies } = await iam.send(new ListAttachedUserPoliciesCommand({ UserName: "made" }));
  assert.equal(AttachedPolicies?.[0]?.PolicyName, "ReadOnlyAccess");
  const inline = await iam.send(new GetUserPolicyCommand({ UserName: "made", PolicyName: "deny" }));
  assert.equal(decodeURIComponent(inline.PolicyDocument!), document);

  await page.getByRole("tab", { name: "Security credentials" }).click();
  await press("Create access key");
  await answer({}, "Create");
  const shown = page.locator('[class*="awsui_alert"]').filter({ hasText: "Secret access key" }).first();
  const [, accessKeyId, secretAccessKey] = /(AKIA\w{16})[\s\S]*?([A-Za-z0-9/+]{40})/.exec(await shown.innerText())!;
  const credentials = { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! };
  const { Arn } = await new STSClient({ ...instance.client, credentials }).send(new GetCallerIdentityCommand({}));
  assert.match(Arn!, /user\/made$/);

  await press("Assign MFA device");
  await dialog().getByRole("button", { name: "Create", exact: true }).click();
  const key = await dialog().locator("code").innerText();
  await dialog().getByRole("img", { name: "QR code of the MFA device" }).waitFor();
  const code = (offset: number) => totpCode(fromBase32(key), timeStep(Date.now()) + offset);
  await answer({ "First code": code(-1), "Second code": code(0) }, "Enable");
  const { MFADevices } = await iam.send(new ListMFADevicesCommand({ UserName: "made" }));
  assert.equal(MFADevices?.length, 1);
});

test("a password policy, with switches and numbers", { skip }, async () => {
  await open("iam/account");
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  await dialog().getByLabel("Minimum length").fill("14");
  await dialog().getByLabel("Passwords expire after (days)").fill("90");
  await dialog().getByText("Require a symbol").click();
  await answer({}, "Save changes");
  const { PasswordPolicy } = await new IAMClient(instance.client).send(new GetAccountPasswordPolicyCommand({}));
  assert.equal(PasswordPolicy?.MinimumPasswordLength, 14);
  assert.equal(PasswordPolicy?.MaxPasswordAge, 90);
  assert.equal(PasswordPolicy?.RequireSymbols, true);
  assert.equal(PasswordPolicy?.RequireNumbers, false);
});

test("a key: made with an alias, rotated by itself from now on", { skip }, async () => {
  const kms = new KMSClient(instance.client);
  await open("kms");
  await press("Create key");
  await answer({ Alias: "alias/from-the-console", Description: "콘솔에서" }, "Create key");
  await page.getByRole("cell", { name: "alias/from-the-console" }).waitFor();
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: "alias/from-the-console" }));
  assert.equal(KeyMetadata?.Description, "콘솔에서");
  await page.getByRole("link", { name: KeyMetadata.KeyId! }).click();
  await page.getByRole("tab", { name: "Key rotation" }).click();
  await press("Enable");
  await answer({ "Rotation period (days)": "180" }, "Enable");
  const rotation = await kms.send(new GetKeyRotationStatusCommand({ KeyId: KeyMetadata.KeyId }));
  assert.equal(rotation.KeyRotationEnabled, true);
  assert.equal(rotation.RotationPeriodInDays, 180);
});

test("a question to the logs, in the language of Logs Insights", { skip }, async () => {
  const logs = new CloudWatchLogsClient(instance.client);
  const where = { logGroupName: "/asked", logStreamName: "one" };
  await logs.send(new CreateLogGroupCommand({ logGroupName: where.logGroupName }));
  await logs.send(new CreateLogStreamCommand(where));
  const logEvents = ["error 1", "fine", "error 2"].map((message) => ({ timestamp: Date.now(), message }));
  await logs.send(new PutLogEventsCommand({ ...where, logEvents }));
  await open("cloudwatch/insights");
  await page.getByLabel("Log groups").fill(where.logGroupName);
  await page.getByLabel("Query", { exact: true }).fill("filter @message like /error/ | stats count(*) as errors");
  await press("Run query");
  await page.getByRole("cell", { name: "2", exact: true }).waitFor();
  await page.getByText("2 of 3 records matched").waitFor();
});

test("a bucket: a file brought and taken, its encryption and its public access changed", { skip }, async () => {
  const s3 = new S3Client(instance.s3Client);
  const Bucket = "changed-in-a-browser";
  await s3.send(new CreateBucketCommand({ Bucket }));
  await open(`s3/${Bucket}`);
  await press("Upload");
  const name = "보고서 (1)+a.txt";
  await dialog()
    .locator("input[type=file]")
    .setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from("내용 €") });
  await answer({}, "Upload");
  const stored = await s3.send(new GetObjectCommand({ Bucket, Key: name }));
  assert.equal(await stored.Body!.transformToString(), "내용 €");
  assert.equal(stored.ContentType, "text/plain");
  await page.getByRole("row", { name }).getByRole("radio").click();
  await press("Actions");
  await page.getByRole("menuitem", { name: "Download" }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    dialog().getByRole("button", { name: "Download", exact: true }).click(),
  ]);
  assert.equal(await readFile(await download.path(), "utf8"), "내용 €");

  await page.getByRole("tab", { name: "Properties" }).click();
  await press("Edit");
  await dialog().getByRole("button", { name: "AES256" }).click();
  await page.getByRole("option", { name: "aws:kms", exact: true }).click();
  await answer({}, "Save changes");
  const encryption = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
  const [rule] = encryption.ServerSideEncryptionConfiguration!.Rules!;
  assert.equal(rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm, "aws:kms");

  await page.getByRole("tab", { name: "Permissions" }).click();
  await page.getByRole("button", { name: "Edit", exact: true }).first().click();
  await dialog().getByText("Block new public policies").click();
  await answer({}, "Save changes");
  const block = await s3.send(new GetPublicAccessBlockCommand({ Bucket }));
  assert.equal(block.PublicAccessBlockConfiguration?.BlockPublicPolicy, false);
  assert.equal(block.PublicAccessBlockConfiguration.BlockPublicAcls, true);
  assert.deepEqual(watched.misdeeds, []);
});
