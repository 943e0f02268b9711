/** Signing in to the console as everybody who can, and as everybody who cannot; what the trail says of it. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import {
  AttachUserPolicyCommand,
  CreateAccountAliasCommand,
  CreateLoginProfileCommand,
  CreateRoleCommand,
  CreateUserCommand,
  CreateVirtualMFADeviceCommand,
  DeleteLoginProfileCommand,
  EnableMFADeviceCommand,
  GetUserCommand,
  IAMClient,
  ListUsersCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { timeStep, totpCode } from "../../src/services/iam/totp.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { advance, operator } from "../operator.ts";
import { fromBase32 } from "./base32.ts";
import { clientOf, Visitor } from "./visitor.ts";

const password = "Correct-Horse-1";
const email = "root@jikimi.internal";
const managed = (name: string) => `arn:aws:iam::aws:policy/${name}`;

let instance: Instance;
let iam: IAMClient;
/** How far the installation's clock is ahead. */
let ahead = 0;

before(async () => {
  instance = await startInstance({ args: ["--adjustable-clock"] });
  iam = new IAMClient(instance.client);
  const link = await operator(instance, "POST", "/_jikimi/root-link", {});
  const [account, token] = new URL(link.url).hash.slice(1).split(".");
  const visitor = new Visitor(instance);
  const set = await visitor.ask("POST", "/_jikimi/root-password", JSON.stringify({ account, token, password }));
  assert.equal(set.status, 200);
});
after(() => instance?.stop());

async function newUser(UserName: string, options: { PasswordResetRequired?: boolean } = {}): Promise<void> {
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(new CreateLoginProfileCommand({ UserName, Password: password, ...options }));
}

const asUser = (userName: string, more: object = {}) => ({
  kind: "user",
  account: instance.ready.accountId,
  userName,
  password,
  ...more,
});

async function signedIn(who: object): Promise<{ visitor: Visitor; view: any }> {
  const visitor = new Visitor(instance);
  const answer = await visitor.post("sign-in", who);
  assert.equal(answer.body.outcome, "signedIn", JSON.stringify(answer.body));
  return { visitor, view: answer.body.view };
}

/** Events of a name in the event history of a Region, newest first. */
async function events(region: string, name: string, matches: (event: any) => boolean): Promise<any> {
  const client = new CloudTrailClient({ ...instance.client, region });
  return eventually(async () => {
    const { Events = [] } = await client.send(
      new LookupEventsCommand({ LookupAttributes: [{ AttributeKey: "EventName", AttributeValue: name }] }),
    );
    return Events.map((each) => JSON.parse(each.CloudTrailEvent!)).find(matches);
  });
}

test("root signs in, lists buckets, and the trail has AWS's event", async () => {
  const { visitor, view } = await signedIn({ kind: "root", email, password });
  assert.equal(view.identity.kind, "root");
  const client = clientOf(instance, view);
  assert.ok((await new S3Client({ ...client, forcePathStyle: true }).send(new ListBucketsCommand({}))).Buckets);
  assert.ok((await new IAMClient(client).send(new ListUsersCommand({}))).Users);
  const call = await events("us-east-1", "ListUsers", (each) => each.userIdentity.type === "Root");
  assert.equal(call.sessionCredentialFromConsole, "true");
  const event = await events("us-east-1", "ConsoleLogin", (each) => each.userIdentity.type === "Root");
  const { accountId } = instance.ready;
  const { eventID, eventTime, ...rest } = event;
  assert.match(eventID, /^[0-9a-f-]{36}$/);
  assert.match(eventTime, /Z$/);
  assert.deepEqual(rest, {
    eventVersion: "1.08",
    userIdentity: {
      type: "Root",
      principalId: accountId,
      arn: `arn:aws:iam::${accountId}:root`,
      accountId,
      accessKeyId: "",
    },
    eventSource: "signin.amazonaws.com",
    eventName: "ConsoleLogin",
    awsRegion: "us-east-1",
    sourceIPAddress: "127.0.0.1",
    userAgent: visitor.headers["user-agent"],
    requestParameters: null,
    responseElements: { ConsoleLogin: "Success" },
    additionalEventData: {
      LoginTo: `${instance.endpoint}/_jikimi/console/`,
      MobileVersion: "No",
      MFAUsed: "No",
    },
    readOnly: false,
    eventType: "AwsConsoleSignIn",
    managementEvent: true,
    recipientAccountId: accountId,
    eventCategory: "Management",
  });
});

test("an IAM user signs in by account id and by alias, without MFA may call IAM, and its password counts as used", async () => {
  await newUser("alice");
  await iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: managed("IAMReadOnlyAccess") }));
  await iam.send(new CreateAccountAliasCommand({ AccountAlias: "example-corp" }));
  const { view } = await signedIn(asUser("alice", { account: "example-corp" }));
  const client = clientOf(instance, view);
  assert.ok((await new IAMClient(client).send(new GetUserCommand({}))).User!.PasswordLastUsed);
  const { Arn } = await new STSClient(client).send(new GetCallerIdentityCommand({}));
  assert.equal(Arn, `arn:aws:iam::${instance.ready.accountId}:user/alice`);
  await assert.rejects(new S3Client({ ...client, forcePathStyle: true }).send(new ListBucketsCommand({})), {
    name: "AccessDenied",
  });
  const event = await events(instance.ready.region, "ConsoleLogin", (each) => each.userIdentity.userName === "alice");
  assert.equal(event.userIdentity.type, "IAMUser");
  assert.equal(event.userIdentity.arn, Arn);
  assert.equal("accessKeyId" in event.userIdentity, false);
});

test("whatever part is wrong, the answer is the same; the trail knows, and holds no mistyped password", async () => {
  const answers = [];
  const wrong = [
    asUser("alice", { password: "wrong" }),
    asUser("Sommer-2026!", { password: "wrong" }),
    asUser("alice", { account: "999999999999" }),
    asUser("alice", { account: "no-such-alias" }),
    { kind: "root", email, password: "wrong" },
    { kind: "root", email: "nobody@example.com", password },
  ];
  for (const each of wrong) {
    const visitor = new Visitor(instance);
    const { status, body } = await visitor.post("sign-in", each);
    assert.equal(visitor.cookie, "");
    answers.push({ status, ...body });
  }
  assert.equal(answers[0].status, 401);
  assert.equal(answers[0].code, "AuthenticationFailed");
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  const { region } = instance.ready;
  const isUser = (each: any) => each.userIdentity.type === "IAMUser";
  const failed = await events(
    region,
    "ConsoleLogin",
    (each) => isUser(each) && each.errorMessage === "Failed authentication",
  );
  assert.equal(failed.userIdentity.userName, "alice");
  assert.equal(failed.userIdentity.accessKeyId, "");
  assert.equal("arn" in failed.userIdentity, false);
  assert.deepEqual(failed.responseElements, { ConsoleLogin: "Failure" });
  const unknown = await events(region, "ConsoleLogin", (each) => each.errorMessage?.startsWith("No username"));
  assert.equal(unknown.userIdentity.userName, "HIDDEN_DUE_TO_SECURITY_REASONS");
  assert.equal(JSON.stringify(unknown).includes("Sommer"), false);
  const root = await events("us-east-1", "ConsoleLogin", (each) => each.errorMessage && !isUser(each));
  assert.equal(root.userIdentity.type, "Root");
});

test("guessing is slowed down, also by many at a time, with a time to wait", async () => {
  await newUser("guessed");
  const tries = await Promise.all(
    Array.from({ length: 9 }, () => new Visitor(instance).post("sign-in", asUser("guessed", { password: "wrong" }))),
  );
  const throttled = tries.filter(({ status }) => status === 429);
  assert.equal(throttled.length, 4);
  assert.match(String(throttled[0]!.headers["retry-after"]), /^\d+$/);
  assert.equal((await new Visitor(instance).post("sign-in", asUser("guessed"))).status, 429);
});

test("attempts that have to wait are in the trail: once for each waiting time", async () => {
  await newUser("patient");
  const attempt = () => new Visitor(instance).post("sign-in", asUser("patient", { password: "wrong" }));
  const failures = async () => {
    const client = new CloudTrailClient(instance.client);
    const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue: "ConsoleLogin" }];
    const { Events = [] } = await client.send(new LookupEventsCommand({ LookupAttributes }));
    return Events.map((each) => JSON.parse(each.CloudTrailEvent!)).filter(
      ({ userIdentity, responseElements }) =>
        userIdentity.userName === "patient" && responseElements.ConsoleLogin === "Failure",
    ).length;
  };
  const statuses = [];
  for (let i = 0; i < 12; i++) statuses.push((await attempt()).status);
  const looked = statuses.filter((status) => status === 401).length;
  assert.ok(statuses.includes(429));
  await eventually(async () => (await failures()) === looked + 1);
  await advance(instance, 2000);
  ahead += 2000;
  assert.equal((await attempt()).status, 401);
  for (let i = 0; i < 4; i++) assert.equal((await attempt()).status, 429);
  await eventually(async () => (await failures()) === looked + 3);
});

test("bad input is refused with a reason, and nothing else happens", async () => {
  const visitor = new Visitor(instance);
  for (const body of [{}, { kind: "user" }, { kind: "root", email: 1, password }, asUser("x".repeat(5000)), []]) {
    const answer = await visitor.post("sign-in", body);
    assert.equal(answer.status, 400, JSON.stringify(answer.body));
    assert.equal(answer.body.code, "InvalidRequest");
  }
  for (const path of ["session", "sign-out", "exit-role"]) assert.equal((await visitor.post(path)).status, 401, path);
  visitor.cookie = `jikimi-console-${new URL(instance.endpoint).port}=${"A".repeat(43)}`;
  visitor.page = "A".repeat(43);
  assert.equal((await visitor.post("session")).status, 401);
});

test("the cookie is for this site's scripts' eyes never, and worth nothing without the page's key", async () => {
  const visitor = new Visitor(instance);
  const answer = await visitor.post("sign-in", asUser("alice"));
  const [cookie = ""] = [answer.headers["set-cookie"]!].flat();
  assert.match(cookie, /; HttpOnly; SameSite=Strict$/);
  assert.match(cookie, /; Path=\/_jikimi\/console\/api; Max-Age=43200;/);
  assert.equal(JSON.stringify(answer.body).includes(cookie.split(/[=;]/)[1]!), false);
  const { page } = visitor;
  visitor.page = "";
  assert.equal((await visitor.post("session")).status, 401);
  visitor.page = "A".repeat(43);
  assert.equal((await visitor.post("session")).status, 401);
  visitor.page = page;
  assert.equal((await visitor.post("session")).status, 200);
});

test("pages of other origins, and names rebound to us, get nothing", async () => {
  const { visitor } = await signedIn(asUser("alice"));
  for (const headers of [
    { origin: "http://evil.example" },
    { origin: "http://evil.example", host: "evil.example" },
    { origin: "http://127.0.0.1:1" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ]) {
    for (const path of ["session", "sign-in", "sign-out"]) {
      const answer = await visitor.post(path, asUser("alice"), headers);
      assert.equal(answer.status, 403, JSON.stringify({ path, headers }));
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
    }
  }
  assert.equal((await visitor.post("session")).status, 200);
});

test("a page is told that a service of its account has changed: not what, not of others, not without a session", async () => {
  const { visitor } = await signedIn(asUser("alice"));
  assert.equal((await new Visitor(instance).post("changes", { services: ["sqs"] })).status, 401);
  for (const body of [{}, { services: "sqs" }, { services: ["sqs"], after: "1" }, { services: ["sqs"], after: 0.5 }]) {
    assert.equal((await visitor.post("changes", body)).status, 400);
  }
  const { sequence } = (await visitor.post("changes", { services: ["sqs"] })).body;
  const waiting = visitor.post("changes", { services: ["sqs"], after: sequence });
  await iam.send(new CreateUserCommand({ UserName: "noise" }));
  await new SQSClient(instance.client).send(new CreateQueueCommand({ QueueName: "changed" }));
  const { body } = await waiting;
  assert.deepEqual(Object.keys(body).toSorted(), ["sequence", "services"]);
  assert.deepEqual(body.services, ["sqs"]);
  assert.ok(body.sequence > sequence);
});

test("signing out ends the session and all credentials given in it; the end of the password ends the session", async () => {
  await newUser("leaver");
  const { visitor, view } = await signedIn(asUser("leaver"));
  const { cookie } = visitor;
  const trust = { Effect: "Allow", Principal: { AWS: instance.ready.accountId }, Action: "sts:AssumeRole" };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName: "leavers", AssumeRolePolicyDocument }));
  const may = { Effect: "Allow", Action: "sts:AssumeRole", Resource: Role!.Arn };
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [may] });
  await iam.send(new PutUserPolicyCommand({ UserName: "leaver", PolicyName: "switch", PolicyDocument }));
  const renewed = (await visitor.post("session")).body;
  const account = instance.ready.accountId;
  const switched = (await visitor.post("switch-role", { account, roleName: "leavers" })).body;
  const again = (await visitor.post("session")).body;
  const who = (given: any) => new STSClient(clientOf(instance, given)).send(new GetCallerIdentityCommand({}));
  for (const given of [view, renewed, switched, again]) assert.ok((await who(given)).Arn);
  const out = await visitor.post("sign-out");
  assert.match([out.headers["set-cookie"]!].flat()[0]!, /=; .*Max-Age=0/);
  visitor.cookie = cookie;
  assert.equal((await visitor.post("session")).status, 401);
  // What its pages were given, and the role's, is worth nothing from the answer on.
  for (const given of [view, renewed, switched, again]) await assert.rejects(who(given), { name: "ExpiredToken" });
  const next = (await signedIn(asUser("leaver"))).visitor;
  await iam.send(new DeleteLoginProfileCommand({ UserName: "leaver" }));
  assert.equal((await next.post("session")).status, 401);
});

test("with MFA: the code is asked for, checked once, and says so in the session and in the trail", async () => {
  await newUser("mia");
  const { VirtualMFADevice } = await iam.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: "mia" }));
  const { SerialNumber, Base32StringSeed } = VirtualMFADevice!;
  const seed = fromBase32(Buffer.from(Base32StringSeed!).toString());
  const code = (offset: number) => totpCode(seed, timeStep(Date.now() + ahead) + offset);
  await iam.send(
    new EnableMFADeviceCommand({
      UserName: "mia",
      SerialNumber,
      AuthenticationCode1: code(-1),
      AuthenticationCode2: code(0),
    }),
  );
  const visitor = new Visitor(instance);
  assert.deepEqual((await visitor.post("sign-in", asUser("mia"))).body, { outcome: "mfaRequired" });
  assert.equal(visitor.cookie, "");
  const { region } = instance.ready;
  const checked = await events(region, "CheckMfa", () => true);
  assert.deepEqual(checked.additionalEventData, { MfaType: "Virtual MFA" });
  assert.equal((await visitor.post("sign-in", asUser("mia", { mfaCode: "000000" }))).status, 401);
  const mfaCode = code(1);
  const { view } = await signedIn(asUser("mia", { mfaCode }));
  assert.equal(view.identity.mfaAuthenticated, true);
  assert.equal((await visitor.post("sign-in", asUser("mia", { mfaCode }))).status, 401);
  const event = await events(region, "ConsoleLogin", (each) => each.additionalEventData.MFAIdentifier !== undefined);
  assert.equal(event.additionalEventData.MFAIdentifier, SerialNumber);
  assert.equal(event.additionalEventData.MFAUsed, "Yes");
});

test("a password that must be changed opens nothing until it is", async () => {
  await newUser("newcomer", { PasswordResetRequired: true });
  await iam.send(new AttachUserPolicyCommand({ UserName: "newcomer", PolicyArn: managed("IAMUserChangePassword") }));
  const visitor = new Visitor(instance);
  const first = await visitor.post("sign-in", asUser("newcomer"));
  assert.equal(first.body.outcome, "changePassword");
  assert.equal(JSON.stringify(first.body).includes("ASIA"), false);
  assert.equal((await visitor.post("session")).body.code, "PasswordChangeRequired");
  assert.equal((await visitor.post("switch-role", { account: "1", roleName: "x" })).status, 400);
  const change = (oldPassword: string, newPassword: string) =>
    visitor.post("change-password", { oldPassword, newPassword });
  assert.equal((await change("wrong", "Another-Horse-2")).body.code, "AccessDenied");
  assert.equal((await change(password, "weak")).body.code, "PasswordPolicyViolation");
  const changed = await change(password, "Another-Horse-2");
  assert.equal(changed.status, 200, JSON.stringify(changed.body));
  assert.ok(changed.body.credentials.accessKeyId.startsWith("ASIA"));
  assert.equal((await visitor.post("session")).status, 200);
  assert.equal((await new Visitor(instance).post("sign-in", asUser("newcomer"))).status, 401);
});

test("switching roles: authorized like AssumeRole, kept over a reload, recorded, and left again", async () => {
  await newUser("rob");
  const { accountId, region } = instance.ready;
  const trust = (principal: string) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: principal }, Action: "sts:AssumeRole" }],
    });
  await iam.send(
    new CreateRoleCommand({
      RoleName: "auditor",
      AssumeRolePolicyDocument: trust(`arn:aws:iam::${accountId}:user/rob`),
    }),
  );
  const { visitor, view } = await signedIn(asUser("rob"));
  const away = await visitor.post("switch-role", { account: accountId, roleName: "no-such-role" });
  assert.equal(away.status, 403);
  assert.equal(away.body.code, "AccessDenied");
  assert.equal(
    (await visitor.post("switch-role", { account: "nowhere", roleName: "auditor" })).body.code,
    "InvalidRole",
  );
  const switched = await visitor.post("switch-role", { account: accountId, roleName: "auditor", displayName: "Audit" });
  assert.equal(switched.status, 200, JSON.stringify(switched.body));
  const arn = `arn:aws:sts::${accountId}:assumed-role/auditor/rob`;
  assert.equal(switched.body.identity.arn, arn);
  assert.equal(switched.body.switchedFrom.displayName, "Audit");
  assert.equal((await visitor.post("session")).body.identity.arn, arn);
  const asRole = new IAMClient(clientOf(instance, switched.body));
  await assert.rejects(asRole.send(new ListUsersCommand({})), { name: "AccessDenied" });
  const refusal = await events("us-east-1", "ListUsers", (each) => each.userIdentity.arn === arn);
  assert.equal(refusal.sessionCredentialFromConsole, "true");
  const event = await events(region, "SwitchRole", () => true);
  assert.equal(event.userIdentity.arn, arn);
  assert.equal(event.additionalEventData.SwitchFrom, view.identity.arn);
  assert.deepEqual(event.responseElements, { SwitchRole: "Success" });
  assert.equal((await visitor.post("exit-role")).body.identity.arn, view.identity.arn);
  const root = (await signedIn({ kind: "root", email, password })).visitor;
  const refused = await root.post("switch-role", { account: accountId, roleName: "auditor" });
  assert.equal(refused.body.code, "AccessDenied");
});

test("an identity broker trades credentials of a role for a session, once", async () => {
  await newUser("broker");
  const { accountId } = instance.ready;
  await iam.send(
    new PutUserPolicyCommand({
      UserName: "broker",
      PolicyName: "assume",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" }],
      }),
    }),
  );
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: accountId }, Action: "sts:AssumeRole" }],
  };
  await iam.send(new CreateRoleCommand({ RoleName: "guest", AssumeRolePolicyDocument: JSON.stringify(trust) }));
  const { view } = await signedIn(asUser("broker"));
  const { Credentials } = await new STSClient(clientOf(instance, view)).send(
    new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${accountId}:role/guest`, RoleSessionName: "visitor" }),
  );
  const parts = {
    sessionId: Credentials!.AccessKeyId,
    sessionKey: Credentials!.SecretAccessKey,
    sessionToken: Credentials!.SessionToken,
  };
  const visitor = new Visitor(instance);
  const ask = (session: object, more = "") =>
    visitor.ask(
      "GET",
      `/_jikimi/federation?Action=getSigninToken&Session=${encodeURIComponent(JSON.stringify(session))}${more}`,
    );
  assert.equal((await ask({ ...parts, sessionKey: "wrong" })).status, 400);
  assert.equal((await ask(parts, "&SessionDuration=3600")).status, 400);
  const { SigninToken } = (await ask(parts)).body;
  const login = await visitor.ask("GET", `/_jikimi/federation?Action=login&SigninToken=${SigninToken}`);
  assert.equal(login.headers["location"], `/_jikimi/console/#/federation/${SigninToken}`);
  const opened = await visitor.post("federation", { token: SigninToken });
  assert.equal(opened.body.view.identity.arn, `arn:aws:sts::${accountId}:assumed-role/guest/visitor`);
  assert.equal((await visitor.post("session")).status, 200);
  assert.equal((await visitor.post("federation", { token: SigninToken })).status, 400);
});

test("a session survives kill -9, and ends after twelve hours", async () => {
  const { visitor } = await signedIn(asUser("alice"));
  const { api } = await instance.rolePids();
  process.kill(api!, "SIGKILL");
  const first = await eventually(async () => {
    const answer = await visitor.post("session");
    return answer.status === 200 && answer;
  });
  const left = first.body.credentials.expiresAt - (Date.now() + ahead);
  assert.ok(left > 14 * 60_000 && left <= 15 * 60_000, String(left));
  await advance(instance, 11 * 3_600_000);
  assert.equal((await visitor.post("session")).status, 200);
  await assert.rejects(new IAMClient(clientOf(instance, first.body)).send(new ListUsersCommand({})), {
    name: "ExpiredToken",
  });
  await advance(instance, 3_600_000);
  ahead += 12 * 3_600_000;
  assert.equal((await visitor.post("session")).status, 401);
});
