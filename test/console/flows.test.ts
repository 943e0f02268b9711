/** People at the console, in a real browser: signing in every way there is, making a bucket, seeing a finding appear. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import {
  AttachUserPolicyCommand,
  CreateLoginProfileCommand,
  CreateRoleCommand,
  CreateUserCommand,
  EnableMFADeviceCommand,
  IAMClient,
  CreateVirtualMFADeviceCommand,
} from "@aws-sdk/client-iam";
import { CreateDetectorCommand, CreateSampleFindingsCommand, GuardDutyClient } from "@aws-sdk/client-guardduty";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { timeStep, totpCode } from "../../src/services/iam/totp.ts";
import { isInstalled, run } from "../cli.ts";
import { startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";
import { fromBase32 } from "./base32.ts";
import { launch, newPage, noBrowser, type Watched } from "./browser.ts";

const skip = noBrowser();
const password = "Correct-Horse-1";
const administrator = "arn:aws:iam::aws:policy/AdministratorAccess";

let instance: Instance;
let browser: Browser;
let iam: IAMClient;

before(async () => {
  if (skip) return;
  instance = await startInstance({ args: ["--ephemeral"] });
  iam = new IAMClient(instance.client);
  const { url } = await operator(instance, "POST", "/_jikimi/root-link", {});
  const [account, token] = new URL(url).hash.slice(1).split(".");
  const body = JSON.stringify({ account, token, password });
  assert.ok((await fetch(`${instance.endpoint}/_jikimi/root-password`, { method: "POST", body })).ok);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await instance?.stop();
});

async function newUser(UserName: string, options: { PasswordResetRequired?: boolean } = {}): Promise<void> {
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(new CreateLoginProfileCommand({ UserName, Password: password, ...options }));
  await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn: administrator }));
}

async function opened(language: "ko" | "en" = "en"): Promise<Watched> {
  const watched = await newPage(browser, instance, { language });
  await watched.page.goto(`${instance.endpoint}/`);
  await watched.page.locator("form").waitFor();
  return watched;
}

async function fillUser(page: Page, userName: string, secret = password): Promise<void> {
  await page.getByLabel("Account ID (12 digits) or account alias").fill(instance.ready.accountId);
  await page.getByLabel("IAM user name").fill(userName);
  await page.getByLabel("Password").fill(secret);
  await page.keyboard.press("Enter");
}

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name, exact: true });

test("root signs in, makes a bucket and sees it; the command that is offered does the same", { skip }, async () => {
  const { page, misdeeds } = await opened();
  await page.getByRole("button", { name: "Root user" }).click();
  await page.getByLabel("Root user e-mail address").fill("root@jikimi.internal");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await heading(page, "Console home").waitFor();
  await page.getByRole("navigation").getByRole("link", { name: "S3", exact: true }).click();
  await heading(page, "Buckets").waitFor();
  await page.getByRole("button", { name: "Create bucket" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Bucket name").fill("Not_A_Bucket");
  await dialog.getByRole("button", { name: "Create bucket" }).click();
  await dialog.getByText("InvalidBucketName").waitFor();
  await dialog.getByLabel("Bucket name").fill("made-in-a-browser");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "made-in-a-browser" }).waitFor();
  const { Buckets } = await new S3Client(instance.s3Client).send(new ListBucketsCommand({}));
  assert.deepEqual(
    Buckets?.map(({ Name }) => Name),
    ["made-in-a-browser"],
  );
  await page.getByRole("button", { name: "Copy as CLI" }).click();
  const commands = await page.getByRole("dialog").locator("code").allInnerTexts();
  const create = commands.find((each) => each.includes("create-bucket --bucket made-in-a-browser"));
  assert.match(create ?? "", /^aws s3api create-bucket --bucket made-in-a-browser --region \S+ --endpoint-url http/);
  await page.keyboard.press("Escape");
  await page.getByRole("cell", { name: instance.ready.region, exact: true }).waitFor();
  await page.getByRole("link", { name: "made-in-a-browser" }).click();
  await page.getByRole("tab", { name: "Objects" }).waitFor();
  await page.getByRole("button", { name: "Copy as CLI" }).click();
  const list = await page.getByRole("dialog").locator("code").first().innerText();
  assert.match(list, /^aws s3api list-objects-v2 --bucket made-in-a-browser --delimiter \/ /);
  if (await isInstalled("aws")) {
    const ran = await run("sh", ["-c", `${list} --output json`], instance.env());
    assert.equal(ran.code, 0, ran.stderr);
  }
  assert.deepEqual(misdeeds, []);
});

test("root gives itself an MFA device, and needs it from then on", { skip }, async () => {
  const { page, misdeeds } = await opened();
  const enter = async () => {
    await page.getByRole("button", { name: "Root user" }).click();
    await page.getByLabel("Root user e-mail address").fill("root@jikimi.internal");
    await page.getByLabel("Password").fill(password);
    await page.keyboard.press("Enter");
  };
  await enter();
  await heading(page, "Console home").waitFor();
  await page.goto(`${instance.endpoint}/_jikimi/console/#/root-user`);
  await page.getByText("The root user has no MFA device.").waitFor();
  await page.getByRole("button", { name: "Assign MFA device" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  const seed = fromBase32(await dialog.locator("code").innerText());
  const code = (offset: number) => totpCode(seed, timeStep(Date.now()) + offset);
  await dialog.getByLabel("First code").fill(code(-1));
  await dialog.getByLabel("Second code").fill(code(0));
  await dialog.getByRole("button", { name: "Enable" }).click();
  await page.getByRole("cell", { name: /^arn:.*root-account-mfa-device/ }).waitFor();
  await page.getByRole("button", { name: "User menu" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await enter();
  await page.getByLabel("MFA code").fill(code(1));
  await page.keyboard.press("Enter");
  await heading(page, "Root user").waitFor();
  assert.deepEqual(misdeeds, []);
});

test("an IAM user: wrong password, right one, another language, a reload, signing out", { skip }, async () => {
  await newUser("alice");
  const { page, misdeeds } = await opened();
  await fillUser(page, "alice", "wrong");
  await page.getByText("Your authentication information is incorrect.").waitFor();
  assert.equal(await page.evaluate("document.cookie"), "");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await heading(page, "Console home").waitFor();
  const kept = await page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)");
  assert.doesNotMatch(String(kept), /ASIA|secretAccessKey|jikimi-console/);
  await page.getByRole("button", { name: "Language" }).click();
  await page.getByRole("menuitem", { name: "한국어" }).click();
  await heading(page, "콘솔 홈").waitFor();
  assert.equal(await page.evaluate("document.documentElement.lang"), "ko");
  await page.reload();
  await heading(page, "콘솔 홈").waitFor();
  await page.getByRole("button", { name: "사용자 메뉴" }).click();
  await page.getByRole("menuitem", { name: "로그아웃" }).click();
  await page.getByRole("heading", { name: "로그인" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "로그인" }).waitFor();
  assert.deepEqual(misdeeds, []);
});

test("MFA: the code is asked for, a wrong one refused, the right one accepted", { skip }, async () => {
  await newUser("mia");
  const { VirtualMFADevice } = await iam.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: "mia" }));
  const { SerialNumber, Base32StringSeed } = VirtualMFADevice!;
  const seed = fromBase32(Buffer.from(Base32StringSeed!).toString());
  const code = (offset: number) => totpCode(seed, timeStep(Date.now()) + offset);
  const [AuthenticationCode1, AuthenticationCode2] = [code(-1), code(0)];
  const device = { UserName: "mia", SerialNumber, AuthenticationCode1, AuthenticationCode2 };
  await iam.send(new EnableMFADeviceCommand(device));
  const { page, misdeeds } = await opened();
  await fillUser(page, "mia");
  await page.getByLabel("MFA code").fill("000000");
  await page.keyboard.press("Enter");
  await page.getByText("Your authentication information is incorrect.").waitFor();
  await page.getByLabel("MFA code").fill(code(1));
  await page.keyboard.press("Enter");
  await heading(page, "Console home").waitFor();
  await page.getByRole("button", { name: "User menu" }).click();
  await page.getByText("Signed in with MFA").waitFor();
  assert.deepEqual(misdeeds, []);
});

test("a password that must be changed, and a role that is taken", { skip }, async () => {
  await newUser("newcomer", { PasswordResetRequired: true });
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: instance.ready.accountId }, Action: "sts:AssumeRole" }],
  };
  await iam.send(new CreateRoleCommand({ RoleName: "nobody", AssumeRolePolicyDocument: JSON.stringify(trust) }));
  const { page, misdeeds } = await opened();
  await fillUser(page, "newcomer");
  await page.getByRole("heading", { name: "Change your password" }).waitFor();
  await page.getByLabel("New password", { exact: true }).fill("Another-Horse-2");
  await page.getByLabel("New password again").fill("Another-Horse-3");
  await page.keyboard.press("Enter");
  await page.getByText("The two new passwords differ.").waitFor();
  await page.getByLabel("New password again").fill("Another-Horse-2");
  await page.keyboard.press("Enter");
  await heading(page, "Console home").waitFor();
  await page.getByRole("button", { name: "User menu" }).click();
  await page.getByRole("menuitem", { name: "Switch role" }).click();
  await page.getByLabel("Role name").fill("nobody");
  await page.keyboard.press("Enter");
  // The role may do nothing, and the page says so in AWS's words.
  await page.goto(`${instance.endpoint}/_jikimi/console/#/iam/users`);
  await page.getByText(/assumed-role\/nobody\/newcomer is not authorized to perform: iam:ListUsers/).waitFor();
  await page.getByRole("button", { name: "User menu" }).click();
  await page.getByRole("menuitem", { name: "Switch back to newcomer" }).click();
  await page.getByRole("link", { name: "newcomer" }).waitFor();
  assert.deepEqual(misdeeds, []);
});

test("an identity broker's link opens the console, and leaves no token behind", { skip }, async () => {
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: instance.ready.accountId }, Action: "sts:AssumeRole" }],
  };
  await iam.send(new CreateRoleCommand({ RoleName: "guest", AssumeRolePolicyDocument: JSON.stringify(trust) }));
  const RoleArn = `arn:aws:iam::${instance.ready.accountId}:role/guest`;
  const { Credentials } = await new STSClient(instance.client).send(
    new AssumeRoleCommand({ RoleArn, RoleSessionName: "visitor" }),
  );
  const [sessionId, sessionKey] = [Credentials!.AccessKeyId, Credentials!.SecretAccessKey];
  const parts = JSON.stringify({ sessionId, sessionKey, sessionToken: Credentials!.SessionToken });
  const endpoint = `${instance.endpoint}/_jikimi/federation`;
  const given = await fetch(`${endpoint}?Action=getSigninToken&Session=${encodeURIComponent(parts)}`);
  const { SigninToken } = (await given.json()) as { SigninToken: string };
  const { page, misdeeds } = await newPage(browser, instance, { language: "en" });
  await page.goto(`${endpoint}?Action=login&SigninToken=${SigninToken}`);
  await heading(page, "Console home").waitFor();
  assert.doesNotMatch(page.url(), new RegExp(SigninToken));
  await page.getByRole("button", { name: "User menu" }).click();
  await page.getByText("assumed-role/guest/visitor").first().waitFor();
  assert.deepEqual(misdeeds, []);
});

test("a finding appears without a reload", { skip }, async () => {
  await newUser("watcher");
  const guardDuty = new GuardDutyClient(instance.client);
  const { DetectorId } = await guardDuty.send(new CreateDetectorCommand({ Enable: true }));
  const { page, misdeeds } = await opened();
  await fillUser(page, "watcher");
  await heading(page, "Console home").waitFor();
  await page.goto(`${instance.endpoint}/_jikimi/console/#/guardduty`);
  await heading(page, "Findings").waitFor();
  await page.getByRole("button", { name: "Generate sample findings" }).waitFor();
  assert.equal(await page.getByRole("link", { name: /BitcoinTool/ }).count(), 0);
  const FindingTypes = ["CryptoCurrency:EC2/BitcoinTool.B!DNS"];
  await guardDuty.send(new CreateSampleFindingsCommand({ DetectorId, FindingTypes }));
  await page.getByRole("link", { name: "CryptoCurrency:EC2/BitcoinTool.B!DNS" }).waitFor();
  await page.getByRole("link", { name: "CryptoCurrency:EC2/BitcoinTool.B!DNS" }).click();
  await page.getByRole("heading", { name: "CryptoCurrency:EC2/BitcoinTool.B!DNS" }).waitFor();
  assert.deepEqual(misdeeds, []);
});
