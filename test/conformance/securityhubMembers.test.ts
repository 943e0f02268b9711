/** Security Hub over several accounts and Regions: invitations, the organization's administrator, aggregation. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { Organizations } from "@aws-sdk/client-organizations";
import { SecurityHub } from "@aws-sdk/client-securityhub";
import { STS } from "@aws-sdk/client-sts";
import { otherAccount, type Credentials } from "../attack/people.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";

interface Account {
  account: string;
  credentials: Credentials;
}

let instance: Instance;
let management: Account;
let other: Account;
before(async () => {
  instance = await startInstance();
  const { accountId, accessKeyId, secretAccessKey } = instance.ready;
  management = { account: accountId, credentials: { accessKeyId, secretAccessKey } };
  other = await otherAccount(instance);
});
after(() => instance?.stop());

const hubOf = ({ credentials }: Account, region = instance.ready.region) =>
  new SecurityHub({ ...instance.client, credentials, region });

async function newAccount(AccountName: string): Promise<Account> {
  const organizations = new Organizations(instance.client);
  const made = await organizations.createAccount({ AccountName, Email: `${AccountName}@example.com` });
  const CreateAccountRequestId = made.CreateAccountStatus!.Id!;
  const account = await eventually(async () => {
    const { CreateAccountStatus } = await organizations.describeCreateAccountStatus({ CreateAccountRequestId });
    return CreateAccountStatus!.State === "SUCCEEDED" && CreateAccountStatus!.AccountId!;
  });
  const RoleArn = `arn:aws:iam::${account}:role/OrganizationAccountAccessRole`;
  const { Credentials } = await new STS(instance.client).assumeRole({ RoleArn, RoleSessionName: "test" });
  const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials!;
  return {
    account,
    credentials: { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! },
  };
}

async function sends(from: Account, Id: string, region = instance.ready.region): Promise<void> {
  const { FailedFindings } = await hubOf(from, region).batchImportFindings({
    Findings: [
      {
        SchemaVersion: "2018-10-08",
        Id,
        ProductArn: `arn:aws:securityhub:${region}:${from.account}:product/${from.account}/default`,
        GeneratorId: "test",
        AwsAccountId: from.account,
        CreatedAt: "2026-01-01T00:00:00Z",
        UpdatedAt: "2026-01-01T00:00:00Z",
        Severity: { Label: "LOW" },
        Title: Id,
        Description: Id,
        Resources: [{ Type: "Other", Id }],
      },
    ],
  });
  assert.deepEqual(FailedFindings, []);
}

const seenBy = async (who: Account, region?: string) =>
  (await hubOf(who, region).getFindings({})).Findings!.map(({ Id }) => Id!).toSorted();

test("an account that accepts an invitation shows its findings, until it leaves", async () => {
  const region = "eu-west-1";
  const [boss, guest] = [hubOf(management, region), hubOf(other, region)];
  await boss.enableSecurityHub({});
  await guest.enableSecurityHub({});
  const AccountDetails = [
    { AccountId: other.account, Email: "other@example.com" },
    { AccountId: "999999999999", Email: "nobody@example.com" },
  ];
  const { UnprocessedAccounts } = await boss.createMembers({ AccountDetails });
  assert.deepEqual(
    UnprocessedAccounts!.map(({ AccountId }) => AccountId),
    ["999999999999"],
  );
  await sends(other, "guest", region);
  assert.deepEqual(await seenBy(management, region), []);
  await boss.inviteMembers({ AccountIds: [other.account] });
  const [invitation] = (await guest.listInvitations({})).Invitations!;
  assert.equal(invitation!.AccountId, management.account);
  const AdministratorId = management.account;
  const wrong = guest.acceptAdministratorInvitation({ AdministratorId, InvitationId: "0".repeat(32) });
  await assert.rejects(wrong, { name: "ResourceNotFoundException" });
  await guest.acceptAdministratorInvitation({ AdministratorId, InvitationId: invitation!.InvitationId! });
  assert.equal((await guest.getAdministratorAccount({})).Administrator!.AccountId, management.account);
  assert.deepEqual(await seenBy(management, region), ["guest"]);
  assert.deepEqual(
    (await boss.listMembers({})).Members!.map(({ AccountId, MemberStatus }) => [AccountId, MemberStatus]),
    [[other.account, "Enabled"]],
  );
  await assert.rejects(guest.disableSecurityHub({}), { name: "InvalidInputException" });
  await guest.disassociateFromAdministratorAccount({});
  assert.deepEqual(await seenBy(management, region), []);
  assert.deepEqual(
    (await boss.listMembers({ OnlyAssociated: false })).Members!.map(({ MemberStatus }) => MemberStatus),
    ["Resigned"],
  );
});

test("only the management account names an administrator, and only that one sets the organization", async () => {
  const AdminAccountId = other.account;
  await assert.rejects(hubOf(other).enableOrganizationAdminAccount({ AdminAccountId }), {
    name: "AccessDeniedException",
  });
  await hubOf(management).enableOrganizationAdminAccount({ AdminAccountId });
  assert.deepEqual((await hubOf(management).listOrganizationAdminAccounts({})).AdminAccounts, [
    { AccountId: other.account, Status: "ENABLED" },
  ]);
  await hubOf(management).enableSecurityHub({});
  await assert.rejects(hubOf(management).describeOrganizationConfiguration({}), { name: "InvalidAccessException" });
  assert.equal((await hubOf(other).describeOrganizationConfiguration({})).AutoEnable, false);
  const OrganizationConfiguration = { ConfigurationType: "CENTRAL" as const };
  await assert.rejects(hubOf(other).updateOrganizationConfiguration({ AutoEnable: false, OrganizationConfiguration }), {
    name: "InvalidInputException",
  });
  const standards = { AutoEnable: true, AutoEnableStandards: "DEFAULT" as const };
  await assert.rejects(hubOf(other).updateOrganizationConfiguration(standards), /needs security standards/);
  await hubOf(other).updateOrganizationConfiguration({ AutoEnable: false, AutoEnableStandards: "NONE" });
  assert.equal((await hubOf(other).describeOrganizationConfiguration({})).AutoEnableStandards, "NONE");
});

test("a new account of the organization joins by itself; its administrator sees and changes its findings, others do not", async () => {
  await hubOf(other).updateOrganizationConfiguration({ AutoEnable: true });
  const third = await newAccount("third");
  await eventually(async () => {
    const { Members } = await hubOf(other).listMembers({});
    return Members!.some(({ AccountId, MemberStatus }) => AccountId === third.account && MemberStatus === "Enabled");
  });
  // The management account was there before.
  assert.deepEqual(
    (await hubOf(other).listMembers({})).Members!.map(({ AccountId }) => AccountId),
    [third.account],
  );
  // With the role that the service works with there; nobody of the account made it.
  const iam = new IAM({ ...instance.client, credentials: third.credentials });
  const RoleName = "AWSServiceRoleForSecurityHub";
  await eventually(async () => (await iam.getRole({ RoleName })).Role!.Path!.startsWith("/aws-service-role/"));
  await sends(third, "of-third");
  await sends(other, "of-other");
  assert.deepEqual(await seenBy(other), ["of-other", "of-third"]);
  assert.deepEqual(await seenBy(third), ["of-third"]);
  assert.deepEqual(await seenBy(management), []);
  const ProductArn = (id: string) => `arn:aws:securityhub:${instance.ready.region}:${id}:product/${id}/default`;
  const set = (who: Account, Id: string, of: Account) =>
    hubOf(who).batchUpdateFindings({
      FindingIdentifiers: [{ Id, ProductArn: ProductArn(of.account) }],
      Workflow: { Status: "RESOLVED" },
    });
  assert.equal((await set(other, "of-third", third)).ProcessedFindings!.length, 1);
  assert.equal((await hubOf(third).getFindings({})).Findings![0]!.Workflow!.Status, "RESOLVED");
  assert.equal((await set(third, "of-other", other)).UnprocessedFindings!.length, 1);
  // Rules of the administrator hold for its members.
  await hubOf(other).createAutomationRule({
    RuleName: "r",
    Description: "d",
    RuleOrder: 1,
    Criteria: { Title: [{ Value: "noise", Comparison: "PREFIX" }] },
    Actions: [{ Type: "FINDING_FIELDS_UPDATE", FindingFieldsUpdate: { Workflow: { Status: "SUPPRESSED" } } }],
  });
  await sends(third, "noise");
  const Filters = { Title: [{ Value: "noise", Comparison: "EQUALS" as const }] };
  assert.equal((await hubOf(third).getFindings({ Filters })).Findings![0]!.Workflow!.Status, "SUPPRESSED");
});

test("one Region shows the findings of those that are linked to it", async () => {
  const far = "eu-central-1";
  await hubOf(other, far).enableSecurityHub({});
  await sends(other, "far", far);
  assert.ok(!(await seenBy(other)).includes("far"));
  const { FindingAggregatorArn } = await hubOf(other).createFindingAggregator({ RegionLinkingMode: "ALL_REGIONS" });
  assert.ok((await seenBy(other)).includes("far"));
  assert.deepEqual(await seenBy(other, far), ["far"]);
  await assert.rejects(hubOf(other, far).createFindingAggregator({ RegionLinkingMode: "ALL_REGIONS" }), {
    name: "LimitExceededException",
  });
  const mode = { FindingAggregatorArn, RegionLinkingMode: "ALL_REGIONS_EXCEPT_SPECIFIED", Regions: [far] };
  await assert.rejects(hubOf(other, far).updateFindingAggregator(mode), { name: "InvalidInputException" });
  await hubOf(other).updateFindingAggregator(mode);
  assert.ok(!(await seenBy(other)).includes("far"));
  assert.deepEqual((await hubOf(other, far).getFindingAggregator({ FindingAggregatorArn })).Regions, [far]);
  await hubOf(other).deleteFindingAggregator({ FindingAggregatorArn });
  assert.deepEqual((await hubOf(other).listFindingAggregators({})).FindingAggregators, []);
});
