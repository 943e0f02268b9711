/** Several accounts: by the organization and by invitation. What an administrator sees and decides, and what nobody else does. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { GuardDuty } from "@aws-sdk/client-guardduty";
import { IAM } from "@aws-sdk/client-iam";
import { Organizations } from "@aws-sdk/client-organizations";
import { S3 } from "@aws-sdk/client-s3";
import { SQS } from "@aws-sdk/client-sqs";
import { STS } from "@aws-sdk/client-sts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { rootKey } from "../rootKey.ts";

const rootUsage = "Policy:IAMUser/RootCredentialUsage";

interface Account {
  id: string;
  guard: GuardDuty;
  iam: IAM;
  root: IAM;
}

describe("GuardDuty with several accounts", () => {
  let instance: Instance;
  let organizations: Organizations;
  let management: GuardDuty;
  let security: Account;
  let workload: Account;
  let detector: string;

  before(async () => {
    instance = await startInstance();
    organizations = new Organizations(instance.client);
    management = new GuardDuty(instance.client);
    await organizations.createOrganization({ FeatureSet: "ALL" });
    security = await account("security");
    workload = await account("workload");
  });

  after(async () => {
    await instance?.stop();
  });

  async function account(name: string): Promise<Account> {
    const { CreateAccountStatus: asked } = await organizations.createAccount({
      AccountName: name,
      Email: `${name}@example.com`,
    });
    const { AccountId: id } = await eventually(async () => {
      const { CreateAccountStatus } = await organizations.describeCreateAccountStatus({
        CreateAccountRequestId: asked!.Id!,
      });
      return CreateAccountStatus!.State === "SUCCEEDED" && CreateAccountStatus!;
    });
    const RoleArn = `arn:aws:iam::${id}:role/OrganizationAccountAccessRole`;
    const { Credentials } = await new STS(instance.client).assumeRole({ RoleArn, RoleSessionName: "test" });
    const credentials = {
      accessKeyId: Credentials!.AccessKeyId!,
      secretAccessKey: Credentials!.SecretAccessKey!,
      sessionToken: Credentials!.SessionToken!,
    };
    return {
      id: id!,
      guard: new GuardDuty({ ...instance.client, credentials }),
      iam: new IAM({ ...instance.client, credentials }),
      root: new IAM({ ...instance.client, credentials: await rootKey(instance, id!) }),
    };
  }

  const refused = (call: Promise<unknown>, message: RegExp) =>
    assert.rejects(call, { name: "BadRequestException", message });
  const detectorOf = async ({ guard }: Account) => (await guard.listDetectors({})).DetectorIds![0];
  const seen = async (guard: GuardDuty, DetectorId: string) => {
    const FindingCriteria = { Criterion: { type: { Equals: [rootUsage] } } };
    const { FindingIds } = await guard.listFindings({ DetectorId, FindingCriteria });
    return FindingIds!.length === 0 ? [] : (await guard.getFindings({ DetectorId, FindingIds })).Findings!;
  };

  test("GuardDuty's role is made with the caller's permission, or there is no detector", async () => {
    const UserName = "without-role";
    await workload.iam.createUser({ UserName });
    const Statement = [{ Effect: "Allow", Action: "guardduty:*", Resource: "*" }];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await workload.iam.putUserPolicy({ UserName, PolicyName: "p", PolicyDocument });
    const { AccessKey } = await workload.iam.createAccessKey({ UserName });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const guard = new GuardDuty({ ...instance.client, credentials });
    await assert.rejects(guard.createDetector({ Enable: true }), /iam:CreateServiceLinkedRole/);
    assert.deepEqual((await guard.listDetectors({})).DetectorIds, []);
  });

  test("the management account names the administrator, who gets a detector", async () => {
    const noPermission = /^The request failed because you do not have required AWS Organization master permission\.$/;
    await refused(security.guard.enableOrganizationAdminAccount({ AdminAccountId: security.id }), noPermission);
    await management.enableOrganizationAdminAccount({ AdminAccountId: security.id });
    assert.deepEqual((await management.listOrganizationAdminAccounts({})).AdminAccounts, [
      { AdminAccountId: security.id, AdminStatus: "ENABLED" },
    ]);
    const { DelegatedAdministrators } = await organizations.listDelegatedAdministrators({
      ServicePrincipal: "guardduty.amazonaws.com",
    });
    assert.deepEqual(
      DelegatedAdministrators!.map(({ Id }) => Id),
      [security.id],
    );
    await refused(
      management.enableOrganizationAdminAccount({ AdminAccountId: workload.id }),
      /another account is already enabled/,
    );
    detector = (await detectorOf(security))!;
    assert.match(detector, /^[0-9a-f]{32}$/);
    const { DetectorId } = await workload.guard.createDetector({ Enable: true });
    await refused(workload.guard.describeOrganizationConfiguration({ DetectorId }), noPermission);
    await workload.guard.deleteDetector({ DetectorId: DetectorId! });
  });

  test("with ALL every account is a member, and its findings are seen above", async () => {
    await security.guard.updateOrganizationConfiguration({
      DetectorId: detector,
      AutoEnableOrganizationMembers: "ALL",
    });
    const configuration = await security.guard.describeOrganizationConfiguration({ DetectorId: detector });
    assert.equal(configuration.AutoEnable, true);
    assert.equal(configuration.AutoEnableOrganizationMembers, "ALL");
    await eventually(async () => (await security.guard.listMembers({ DetectorId: detector })).Members!.length === 2);
    const own = (await detectorOf(workload))!;
    const { Administrator } = await workload.guard.getAdministratorAccount({ DetectorId: own });
    assert.equal(Administrator!.AccountId, security.id);
    assert.equal(Administrator!.RelationshipStatus, "Enabled");

    await workload.root.listUsers({});
    const [found] = await eventually(async () => {
      const findings = await seen(security.guard, detector);
      return findings.length > 0 && findings;
    });
    assert.equal(found!.AccountId, workload.id);
    assert.equal(found!.Service!.DetectorId, own);
    assert.deepEqual(
      (await seen(workload.guard, own)).map(({ Id }) => Id),
      [found!.Id],
    );

    await refused(
      workload.guard.archiveFindings({ DetectorId: own, FindingIds: [found!.Id!] }),
      /member accounts cannot archive findings/,
    );
    await security.guard.archiveFindings({ DetectorId: detector, FindingIds: [found!.Id!] });
    assert.equal((await seen(workload.guard, own))[0]!.Service!.Archived, true);
    const statistics = await security.guard.getFindingsStatistics({ DetectorId: detector, GroupBy: "ACCOUNT" });
    assert.equal(
      statistics.FindingStatistics!.GroupedByAccount!.find(({ AccountId }) => AccountId === workload.id)!.TotalFindings,
      1,
    );
    const { OrganizationDetails } = await security.guard.getOrganizationStatistics({});
    assert.equal(OrganizationDetails!.OrganizationStatistics!.TotalAccountsCount, 3);
    assert.equal(OrganizationDetails!.OrganizationStatistics!.EnabledAccountsCount, 3);
  });

  test("what the administrator decides holds for the members, who decide nothing", async () => {
    const own = (await detectorOf(workload))!;
    const Criterion = { type: { Eq: [rootUsage] } };
    const filter = { Name: "quiet", Action: "ARCHIVE" as const, FindingCriteria: { Criterion } };
    await refused(
      workload.guard.createFilter({ DetectorId: own, ...filter }),
      /member accounts cannot create suppression rules/,
    );
    const list = { Name: "l", Format: "TXT" as const, Location: "s3://lists/l", Activate: true };
    await refused(workload.guard.createIPSet({ DetectorId: own, ...list }), /member accounts cannot manage IPSets/);
    await refused(
      workload.guard.updateDetector({ DetectorId: own, FindingPublishingFrequency: "ONE_HOUR" }),
      /member accounts cannot/,
    );
    await refused(workload.guard.deleteDetector({ DetectorId: own }), /associated member/);
    await refused(
      security.guard.deleteDetector({ DetectorId: detector }),
      /cannot delete detector while it has invited or associated members/,
    );
    await refused(
      security.guard.disassociateMembers({ DetectorId: detector, AccountIds: [workload.id] }),
      /while autoEnableOrganizationMembers is ALL/,
    );

    await security.guard.createFilter({ DetectorId: detector, ...filter });
    await workload.root.listRoles({});
    const [found] = await eventually(async () => {
      const findings = await seen(security.guard, detector);
      return findings[0]?.Service!.Count === 2 && findings;
    });
    assert.equal(found!.Service!.Archived, true);
    await security.guard.deleteFilter({ DetectorId: detector, FilterName: "quiet" });

    const { UnprocessedAccounts } = await security.guard.updateMemberDetectors({
      DetectorId: detector,
      AccountIds: [workload.id, "999999999999"],
      Features: [{ Name: "S3_DATA_EVENTS", Status: "DISABLED" }],
    });
    assert.deepEqual(
      UnprocessedAccounts!.map(({ AccountId }) => AccountId),
      ["999999999999"],
    );
    const { DataSources } = await workload.guard.getDetector({ DetectorId: own });
    assert.equal(DataSources!.S3Logs!.Status, "DISABLED");
  });

  test("a member's sample is told to the administrator too", async () => {
    const credentials = security.guard.config.credentials;
    const sqs = new SQS({ ...instance.client, credentials });
    const events = new EventBridge({ ...instance.client, credentials });
    const { QueueUrl } = await sqs.createQueue({ QueueName: "above" });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
    const Arn = Attributes!["QueueArn"]!;
    const Statement = [
      { Effect: "Allow", Principal: { Service: "events.amazonaws.com" }, Action: "sqs:SendMessage", Resource: Arn },
    ];
    await sqs.setQueueAttributes({
      QueueUrl,
      Attributes: { Policy: JSON.stringify({ Version: "2012-10-17", Statement }) },
    });
    await events.putRule({ Name: "above", EventPattern: JSON.stringify({ source: ["aws.guardduty"] }) });
    await events.putTargets({ Rule: "above", Targets: [{ Id: "1", Arn }] });
    const own = (await detectorOf(workload))!;
    await workload.guard.createSampleFindings({ DetectorId: own, FindingTypes: ["Recon:EC2/Portscan"] });
    const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 20 });
    const event = JSON.parse(Messages![0]!.Body!) as { account: string; detail: { accountId: string; type: string } };
    assert.deepEqual(
      [event.account, event.detail.accountId, event.detail.type],
      [security.id, workload.id, "Recon:EC2/Portscan"],
    );
  });

  test("a list of the administrator is in force in its members", async () => {
    const s3 = new S3({ ...instance.s3Client, credentials: security.guard.config.credentials });
    await s3.createBucket({ Bucket: "lists" });
    await s3.putObject({ Bucket: "lists", Key: "l", Body: "127.0.0.0/8\n" });
    const list = { Name: "l", Format: "TXT" as const, Location: "s3://lists/l", Activate: true };
    const { ThreatIntelSetId } = await security.guard.createThreatIntelSet({ DetectorId: detector, ...list });
    await workload.iam.listUsers({});
    await eventually(async () => {
      const FindingCriteria = {
        Criterion: { accountId: { Eq: [workload.id] }, type: { Eq: ["Recon:IAMUser/MaliciousIPCaller.Custom"] } },
      };
      return (await security.guard.listFindings({ DetectorId: detector, FindingCriteria })).FindingIds!.length === 1;
    });
    await security.guard.deleteThreatIntelSet({ DetectorId: detector, ThreatIntelSetId });
  });

  test("an account that joins becomes a member, one that leaves ceases to be", async () => {
    const fresh = await account("fresh");
    await eventually(async () => {
      const { Members } = await security.guard.getMembers({ DetectorId: detector, AccountIds: [fresh.id] });
      return Members![0]?.RelationshipStatus === "Enabled";
    });
    assert.ok(await detectorOf(fresh));
    await organizations.closeAccount({ AccountId: fresh.id });
    await eventually(async () => {
      const { Members } = await security.guard.getMembers({ DetectorId: detector, AccountIds: [fresh.id] });
      return Members![0]?.RelationshipStatus === "Removed";
    });
  });

  test("monitoring of a member is stopped and started again", async () => {
    const own = (await detectorOf(workload))!;
    await security.guard.updateOrganizationConfiguration({
      DetectorId: detector,
      AutoEnableOrganizationMembers: "NONE",
    });
    await security.guard.stopMonitoringMembers({ DetectorId: detector, AccountIds: [workload.id] });
    assert.equal((await workload.guard.getDetector({ DetectorId: own })).Status, "DISABLED");
    await security.guard.startMonitoringMembers({ DetectorId: detector, AccountIds: [workload.id] });
    assert.equal((await workload.guard.getDetector({ DetectorId: own })).Status, "ENABLED");
    await security.guard.disassociateMembers({ DetectorId: detector, AccountIds: [workload.id] });
    assert.equal((await workload.guard.getAdministratorAccount({ DetectorId: own })).Administrator, undefined);
    assert.ok((await seen(security.guard, detector)).every(({ AccountId }) => AccountId !== workload.id));
    await security.guard.deleteMembers({ DetectorId: detector, AccountIds: [workload.id] });
  });

  test("by invitation: asked, declined, asked again, accepted, left", async () => {
    const { DetectorId: inviter } = await management.createDetector({ Enable: true }).catch(async () => {
      const [first] = (await management.listDetectors({})).DetectorIds!;
      return { DetectorId: first };
    });
    // The management account is a member of the administrator's until it is let go.
    await security.guard.disassociateMembers({ DetectorId: detector, AccountIds: [instance.ready.accountId] });
    await security.guard.deleteMembers({ DetectorId: detector, AccountIds: [instance.ready.accountId] });
    const own = (await detectorOf(workload))!;
    const at = { DetectorId: inviter!, AccountIds: [workload.id] };
    const details = [{ AccountId: workload.id, Email: "workload@example.com" }];
    assert.deepEqual((await management.inviteMembers(at)).UnprocessedAccounts!.length, 1);
    await management.createMembers({ DetectorId: inviter!, AccountDetails: details });
    const again = await management.createMembers({ DetectorId: inviter!, AccountDetails: details });
    assert.match(
      again.UnprocessedAccounts![0]!.Result!,
      /already a member or associated member of the current account/,
    );
    const status = async () => (await management.getMembers(at)).Members![0]!.RelationshipStatus;
    assert.equal(await status(), "Created");
    await management.inviteMembers(at);
    assert.equal(await status(), "Invited");
    assert.equal((await workload.guard.getInvitationsCount({})).InvitationsCount, 1);
    await workload.guard.declineInvitations({ AccountIds: [instance.ready.accountId] });
    assert.equal(await status(), "Resigned");
    await management.inviteMembers(at);
    const { Invitations } = await workload.guard.listInvitations({});
    const [invitation] = Invitations!;
    const accept = { DetectorId: own, AdministratorId: instance.ready.accountId };
    await refused(
      workload.guard.acceptAdministratorInvitation({ ...accept, InvitationId: "0".repeat(32) }),
      /no pending invitation/,
    );
    await workload.guard.acceptAdministratorInvitation({ ...accept, InvitationId: invitation!.InvitationId! });
    assert.equal(await status(), "Enabled");
    assert.equal((await workload.guard.getInvitationsCount({})).InvitationsCount, 0);
    await workload.root.listGroups({});
    await eventually(async () => (await seen(management, inviter!)).some(({ AccountId }) => AccountId === workload.id));
    await workload.guard.disassociateFromAdministratorAccount({ DetectorId: own });
    assert.equal(await status(), "Resigned");
    assert.ok((await seen(management, inviter!)).every(({ AccountId }) => AccountId !== workload.id));
    await management.deleteMembers(at);
    await workload.guard.deleteDetector({ DetectorId: own });
  });

  test("another account's detector, findings and members are nobody's", async () => {
    const notOwned = /not owned by the current account/;
    await refused(workload.guard.listFindings({ DetectorId: detector }), notOwned);
    await refused(workload.guard.getMembers({ DetectorId: detector, AccountIds: [security.id] }), notOwned);
    await refused(workload.guard.updateDetector({ DetectorId: detector, Enable: false }), notOwned);
    const ResourceArn = `arn:aws:guardduty:${instance.ready.region}:${security.id}:detector/${detector}`;
    await assert.rejects(workload.guard.tagResource({ ResourceArn, Tags: { a: "b" } }));
  });

  test("the administrator's office is taken back", async () => {
    await management.disableOrganizationAdminAccount({ AdminAccountId: security.id });
    assert.deepEqual((await management.listOrganizationAdminAccounts({})).AdminAccounts, []);
    await refused(security.guard.describeOrganizationConfiguration({ DetectorId: detector }), /master permission/);
    const { DelegatedAdministrators } = await organizations.listDelegatedAdministrators({
      ServicePrincipal: "guardduty.amazonaws.com",
    });
    assert.deepEqual(DelegatedAdministrators, []);
  });
});
