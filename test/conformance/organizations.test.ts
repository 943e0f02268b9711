/** Organizations through the unmodified AWS SDK for JavaScript: what a control policy says, every call of a member account obeys. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { Organizations, paginateListAccounts } from "@aws-sdk/client-organizations";
import { S3 } from "@aws-sdk/client-s3";
import { STS } from "@aws-sdk/client-sts";
import { aws, awsCommand, isInstalled } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { advance } from "../operator.ts";
import { rootKey } from "../rootKey.ts";

interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const deny = (Action: string | string[], more: object = {}) =>
  document({ Effect: "Deny", Action, Resource: "*", ...more });
const day = 24 * 3600 * 1000;
const hasCli = await isInstalled(awsCommand());

describe("Organizations", () => {
  let dataDir: string;
  let instance: Instance;
  let organizations: Organizations;
  let sts: STS;
  let root: string;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "jikimi-organizations-"));
    instance = await startInstance({ dataDir, args: ["--adjustable-clock"] });
    organizations = new Organizations(instance.client);
    sts = new STS(instance.client);
    await organizations.createOrganization({ FeatureSet: "ALL" });
    root = (await organizations.listRoots({})).Roots![0]!.Id!;
  });
  after(async () => {
    await instance.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const as = (credentials: Credentials) => ({ ...instance.client, credentials });
  const refusedWith = (name: string, reason?: string) => (error: Error & { Reason?: string }) => {
    assert.equal(error.name, name, error.message);
    if (reason !== undefined) assert.equal(error.Reason, reason);
    return true;
  };
  const within = { within: 1000, every: 10 };
  const works = (call: () => Promise<unknown>) =>
    eventually(
      () =>
        call().then(
          () => true,
          () => false,
        ),
      within,
    );
  const stops = (call: () => Promise<unknown>) =>
    eventually(
      () =>
        call().then(
          () => undefined,
          (error: Error) => error,
        ),
      within,
    );

  async function create(name: string): Promise<string> {
    const { CreateAccountStatus } = await organizations.createAccount({
      AccountName: name,
      Email: `${name}@example.com`,
    });
    assert.equal(CreateAccountStatus!.State, "IN_PROGRESS");
    const done = await organizations.describeCreateAccountStatus({
      CreateAccountRequestId: CreateAccountStatus!.Id!,
    });
    assert.equal(done.CreateAccountStatus!.State, "SUCCEEDED");
    return done.CreateAccountStatus!.AccountId!;
  }

  async function administrator(account: string): Promise<Credentials> {
    const { Credentials: issued } = await sts.assumeRole({
      RoleArn: `arn:aws:iam::${account}:role/OrganizationAccountAccessRole`,
      RoleSessionName: "admin",
    });
    const { AccessKeyId, SecretAccessKey, SessionToken } = issued!;
    return { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! };
  }

  async function policy(name: string, Content: string, Type: "SERVICE_CONTROL_POLICY" | "RESOURCE_CONTROL_POLICY") {
    const { Policy } = await organizations.createPolicy({ Name: name, Description: name, Content, Type });
    return Policy!.PolicySummary!.Id!;
  }

  test("a service control policy stops a member account's administrator and its root user, and lets go again", async () => {
    const account = await create("limited");
    const admin = await administrator(account);
    const rootUser = new IAM(as(await rootKey(instance, account)));
    const iam = new IAM(as(admin));
    await iam.listUsers({});
    await rootUser.listUsers({});

    await organizations.enablePolicyType({ RootId: root, PolicyType: "SERVICE_CONTROL_POLICY" });
    const noUsers = await policy("no-users", deny("iam:ListUsers"), "SERVICE_CONTROL_POLICY");
    await organizations.attachPolicy({ PolicyId: noUsers, TargetId: account });
    const error = await stops(() => iam.listUsers({}));
    assert.equal(error.name, "AccessDenied");
    assert.match(error.message, /with an explicit deny in a service control policy/);
    await stops(() => rootUser.listUsers({}));
    // A near miss: everything else goes on, and the management account is never bound.
    await iam.listRoles({});
    await new IAM(instance.client).listUsers({});
    await organizations.attachPolicy({ PolicyId: noUsers, TargetId: root });
    await new IAM(instance.client).listUsers({});

    await organizations.detachPolicy({ PolicyId: noUsers, TargetId: root });
    await organizations.detachPolicy({ PolicyId: noUsers, TargetId: account });
    await works(() => iam.listUsers({}));
    await works(() => rootUser.listUsers({}));
  });

  test("policies on units bind by the account's place, and each level must allow", async () => {
    const account = await create("placed");
    const iam = new IAM(as(await administrator(account)));
    const { OrganizationalUnit: unit } = await organizations.createOrganizationalUnit({
      ParentId: root,
      Name: "sandbox",
    });
    const onlyRoles = await policy(
      "only-roles",
      document({ Effect: "Allow", Action: "iam:ListRoles", Resource: "*" }),
      "SERVICE_CONTROL_POLICY",
    );
    await organizations.attachPolicy({ PolicyId: onlyRoles, TargetId: unit!.Id! });
    await organizations.detachPolicy({ PolicyId: "p-FullAWSAccess", TargetId: unit!.Id! });
    await iam.listUsers({});
    await organizations.moveAccount({
      AccountId: account,
      SourceParentId: root,
      DestinationParentId: unit!.Id!,
    });
    const error = await stops(() => iam.listUsers({}));
    assert.match(error.message, /because no service control policy allows the iam:ListUsers action/);
    await iam.listRoles({});
    await organizations.moveAccount({
      AccountId: account,
      SourceParentId: unit!.Id!,
      DestinationParentId: root,
    });
    await works(() => iam.listUsers({}));
    await organizations.deleteOrganizationalUnit({ OrganizationalUnitId: unit!.Id! });
  });

  test("resource control policies bind whoever reaches a member's bucket; a prefix is shared with another account", async () => {
    const [owner, guest] = [await create("owner"), await create("guest")];
    const s3 = (credentials: Credentials) => new S3({ ...as(credentials), forcePathStyle: true });
    const ours = s3(await administrator(owner));
    const theirs = s3(await administrator(guest));
    const Bucket = `shared-${owner}`;
    await ours.createBucket({ Bucket });
    await ours.putObject({ Bucket, Key: "public/a", Body: "a" });
    await ours.putObject({ Bucket, Key: "private/b", Body: "b" });
    await ours.putBucketPolicy({
      Bucket,
      Policy: document({
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${guest}:root` },
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${Bucket}/public/*`,
      }),
    });
    const read = (Key: string) => theirs.getObject({ Bucket, Key });
    await read("public/a");
    await assert.rejects(read("private/b"), refusedWith("AccessDenied"));

    await organizations.enablePolicyType({ RootId: root, PolicyType: "RESOURCE_CONTROL_POLICY" });
    await read("public/a");
    const onlyOwner = await policy(
      "only-owner",
      document({
        Effect: "Deny",
        Principal: "*",
        Action: "s3:GetObject",
        Resource: "*",
        Condition: { StringNotEquals: { "aws:PrincipalAccount": owner } },
      }),
      "RESOURCE_CONTROL_POLICY",
    );
    await organizations.attachPolicy({ PolicyId: onlyOwner, TargetId: owner });
    const error = await stops(() => read("public/a"));
    assert.match(error.message, /explicit deny in a resource control policy/);
    await ours.getObject({ Bucket, Key: "public/a" });
    await assert.rejects(
      organizations.detachPolicy({ PolicyId: "p-RCPFullAWSAccess", TargetId: owner }),
      refusedWith("InvalidInputException", "NON_DETACHABLE_POLICY"),
    );
    await organizations.detachPolicy({ PolicyId: onlyOwner, TargetId: owner });
    await works(() => read("public/a"));

    // aws:PrincipalOrgID of the policy's owner's friends.
    const { Organization } = await organizations.describeOrganization({});
    const forOrganization = (id: string) =>
      ours.putBucketPolicy({
        Bucket,
        Policy: document({
          Effect: "Allow",
          Principal: "*",
          Action: "s3:GetObject",
          Resource: `arn:aws:s3:::${Bucket}/*`,
          Condition: { StringEquals: { "aws:PrincipalOrgID": id } },
        }),
      });
    await forOrganization(Organization!.Id!);
    await read("private/b");
    await forOrganization("o-somebodyelse");
    await assert.rejects(read("private/b"), refusedWith("AccessDenied"));
  });

  test("a role is assumed across accounts with its external id only", async () => {
    const [target, partner] = [await create("target"), await create("partner")];
    const iam = new IAM(as(await administrator(target)));
    await iam.createRole({
      RoleName: "auditor",
      AssumeRolePolicyDocument: document({
        Effect: "Allow",
        Principal: { AWS: partner },
        Action: "sts:AssumeRole",
        Condition: { StringEquals: { "sts:ExternalId": "contract-7" } },
      }),
    });
    const partnerSts = new STS(as(await administrator(partner)));
    const RoleArn = `arn:aws:iam::${target}:role/auditor`;
    const assume = (ExternalId?: string) => partnerSts.assumeRole({ RoleArn, RoleSessionName: "audit", ExternalId });
    await assert.rejects(assume(), refusedWith("AccessDenied"));
    await assert.rejects(assume("contract-8"), refusedWith("AccessDenied"));
    const { AssumedRoleUser } = await assume("contract-7");
    assert.equal(AssumedRoleUser!.Arn, `arn:aws:sts::${target}:assumed-role/auditor/audit`);
  });

  test("closing an account refuses every credential of it", async () => {
    const account = await create("closing");
    const admin = await administrator(account);
    const rootUser = new KMS(as(await rootKey(instance, account)));
    await rootUser.listKeys({});
    await organizations.closeAccount({ AccountId: account });
    const { Account } = await organizations.describeAccount({ AccountId: account });
    assert.equal(Account!.Status, "SUSPENDED");
    const session = await stops(() => new STS(as(admin)).getCallerIdentity({}));
    assert.equal(session.name, "InvalidClientTokenId");
    await stops(() => rootUser.listKeys({}));
    await assert.rejects(administrator(account), refusedWith("AccessDenied"));
    await assert.rejects(
      organizations.closeAccount({ AccountId: account }),
      refusedWith("AccountAlreadyClosedException"),
    );
    await assert.rejects(
      organizations.closeAccount({ AccountId: instance.ready.accountId }),
      refusedWith("ConstraintViolationException", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT"),
    );
  });

  test("the tenth account is the last; a created account cannot leave in its first week, then it may", async () => {
    const accounts: string[] = [];
    for await (const page of paginateListAccounts({ client: organizations, pageSize: 3 }, {})) {
      accounts.push(...page.Accounts!.map(({ Id }) => Id!));
    }
    assert.equal(new Set(accounts).size, accounts.length);
    assert.equal(accounts.length, 8);
    await assert.rejects(
      organizations.inviteAccountToOrganization({ Target: { Type: "ACCOUNT", Id: accounts[1]! } }),
      refusedWith("HandshakeConstraintViolationException", "ALREADY_IN_AN_ORGANIZATION"),
    );
    const duplicate = await organizations.createAccount({ AccountName: "again", Email: "LIMITED@example.com" });
    const failed = await organizations.describeCreateAccountStatus({
      CreateAccountRequestId: duplicate.CreateAccountStatus!.Id!,
    });
    assert.equal(failed.CreateAccountStatus!.FailureReason, "EMAIL_ALREADY_EXISTS");
    const leaver = await create("leaver");
    await create("tenth");
    await assert.rejects(
      organizations.createAccount({ AccountName: "eleventh", Email: "eleventh@example.com" }),
      refusedWith("ConstraintViolationException", "ACCOUNT_NUMBER_LIMIT_EXCEEDED"),
    );
    const remove = () => organizations.removeAccountFromOrganization({ AccountId: leaver });
    await assert.rejects(remove(), refusedWith("ConstraintViolationException", "WAIT_PERIOD_ACTIVE"));
    await advance(instance, 7 * day + 1000);
    await remove();
    const alone = new Organizations(as(await administrator(leaver)));
    await assert.rejects(alone.describeOrganization({}), refusedWith("AWSOrganizationsNotInUseException"));

    // It is invited back, looks at the invitation, and accepts it.
    const { Handshake } = await organizations.inviteAccountToOrganization({
      Target: { Type: "EMAIL", Id: "leaver@example.com" },
      Notes: "come back",
    });
    const { Handshakes } = await alone.listHandshakesForAccount({});
    assert.deepEqual(
      Handshakes!.map(({ Id, State }) => [Id, State]),
      [[Handshake!.Id, "OPEN"]],
    );
    await alone.acceptHandshake({ HandshakeId: Handshake!.Id! });
    await assert.rejects(
      alone.acceptHandshake({ HandshakeId: Handshake!.Id! }),
      refusedWith("HandshakeAlreadyInStateException"),
    );
    const back = await organizations.describeAccount({ AccountId: leaver });
    assert.equal(back.Account!.JoinedMethod, "INVITED");
    await assert.rejects(alone.listAccounts({}), refusedWith("AccessDeniedException"));

    // As delegated administrator it reads, and still changes nothing.
    await organizations.registerDelegatedAdministrator({
      AccountId: leaver,
      ServicePrincipal: "guardduty.amazonaws.com",
    });
    assert.ok((await alone.listAccounts({})).Accounts!.length > 5);
    const moved = { Name: "x", ParentId: root };
    await assert.rejects(alone.createOrganizationalUnit(moved), refusedWith("AccessDeniedException"));
    await assert.rejects(
      organizations.removeAccountFromOrganization({ AccountId: leaver }),
      refusedWith("ConstraintViolationException", "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG"),
    );
    await organizations.deregisterDelegatedAdministrator({
      AccountId: leaver,
      ServicePrincipal: "guardduty.amazonaws.com",
    });
    await assert.rejects(alone.listAccounts({}), refusedWith("AccessDeniedException"));

    // The resource policy delegates the management of policies.
    const Content = document({
      Effect: "Allow",
      Principal: { AWS: leaver },
      Action: ["organizations:CreatePolicy", "organizations:DescribePolicy"],
      Resource: "*",
    });
    await organizations.putResourcePolicy({ Content });
    const { Policy } = await alone.createPolicy({
      Name: "theirs",
      Description: "",
      Content: deny("s3:*"),
      Type: "SERVICE_CONTROL_POLICY",
    });
    await alone.describePolicy({ PolicyId: Policy!.PolicySummary!.Id! });
    await assert.rejects(
      alone.deletePolicy({ PolicyId: Policy!.PolicySummary!.Id! }),
      refusedWith("AccessDeniedException"),
    );
    await assert.rejects(
      organizations.putResourcePolicy({
        Content: document({ Effect: "Allow", Principal: "*", Action: "organizations:CloseAccount", Resource: "*" }),
      }),
      refusedWith("InvalidInputException", "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"),
    );
  });

  test("AWS CLI", { skip: hasCli ? false : "no AWS CLI" }, async () => {
    const cli = (...args: string[]) => aws(instance, ["organizations", ...args]);
    const { Accounts } = await cli("list-accounts", "--page-size", "4");
    assert.equal(Accounts.length, 10);
    const { Organization } = await cli("describe-organization");
    assert.equal(Organization.FeatureSet, "ALL");
    const { Policy } = await cli("describe-policy", "--policy-id", "p-FullAWSAccess");
    assert.equal(JSON.parse(Policy.Content).Statement[0].Effect, "Allow");
    assert.equal(Policy.PolicySummary.Arn, "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess");
    const { Policies } = await cli("list-policies", "--filter", "TAG_POLICY");
    assert.deepEqual(Policies, []);
    await assert.rejects(cli("describe-account", "--account-id", "111122223333"), /AccountNotFoundException/);
  });

  test("after a restart the same policies bind the same accounts", async () => {
    const { Accounts } = await organizations.listAccounts({});
    const account = Accounts!.find(({ Name }) => Name === "target")!.Id!;
    const noKeys = await policy("no-keys", deny("kms:*"), "SERVICE_CONTROL_POLICY");
    await organizations.attachPolicy({ PolicyId: noKeys, TargetId: account });
    const { port } = new URL(instance.endpoint);
    await instance.kill();
    instance = await startInstance({ dataDir, port: Number(port), args: ["--adjustable-clock"] });
    const kms = new KMS(as(await administrator(account)));
    await assert.rejects(kms.listKeys({}), /explicit deny in a service control policy/);
    await organizations.detachPolicy({ PolicyId: noKeys, TargetId: account });
    await works(() => kms.listKeys({}));
  });
});
