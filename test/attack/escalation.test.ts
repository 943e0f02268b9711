/**
 * The known ways from few rights to all: each is open with the permission that AWS opens it with, as in AWS, and stays
 * shut behind a permissions boundary. That none is open without its permission is what noRights.test.ts shows.
 * Source: Rhino Security Labs, "AWS IAM Privilege Escalation – Methods and Mitigation".
 */
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import {
  AddUserToGroupCommand,
  AttachGroupPolicyCommand,
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserPermissionsBoundaryCommand,
  ListUsersCommand,
  PutGroupPolicyCommand,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  SetDefaultPolicyVersionCommand,
  TagUserCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetFederationTokenCommand, GetSessionTokenCommand } from "@aws-sdk/client-sts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { administrator, credentialsOf, person, policy, refusal, user, type Person } from "./people.ts";

const everything = { Effect: "Allow", Action: "*", Resource: "*" };
const all = policy(everything);
const AdministratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess";

let instance: Instance;
let admin: Person;
let account: string;

before(async () => {
  instance = await startInstance();
  admin = administrator(instance);
  account = instance.ready.accountId;
});
after(() => instance?.stop());

const isAdministrator = async (who: Person) => (await refusal(who.iam.send(new ListUsersCommand({})))) === "";
const byRole = async (who: Person, RoleArn: string) => {
  const assume = () => who.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "escalated" }));
  const { Credentials } = await eventually(assume, { within: 2000 });
  return person(instance, credentialsOf(Credentials));
};
const trusting = (principal: string) =>
  policy({ Effect: "Allow", Principal: { AWS: principal }, Action: "sts:AssumeRole" });

interface Path {
  name: string;
  /** What the attacker has. */
  actions: readonly string[];
  /** What lies there already; the user is `name`. */
  given?: (name: string) => Promise<void>;
  /** Gives who has all rights afterwards. */
  escalate(who: Person, name: string): Promise<Person>;
}

const own = (name: string) => `arn:aws:iam::${account}:policy/${name}`;
const givenPolicy = async (name: string) => {
  const PolicyDocument = policy({ ...everything, Action: "s3:ListAllMyBuckets" });
  await admin.iam.send(new CreatePolicyCommand({ PolicyName: name, PolicyDocument }));
  await admin.iam.send(new AttachUserPolicyCommand({ UserName: name, PolicyArn: own(name) }));
};
const givenGroup = async (name: string) => {
  await admin.iam.send(new CreateGroupCommand({ GroupName: name }));
  await admin.iam.send(new AddUserToGroupCommand({ GroupName: name, UserName: name }));
};
const givenRole = (trust: string, document: string) => async (name: string) => {
  const AssumeRolePolicyDocument = trust === "" ? trusting(`arn:aws:iam::${account}:user/${name}`) : trust;
  await admin.iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument }));
  await admin.iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: "p", PolicyDocument: document }));
};
const nothing = policy({ ...everything, Action: "s3:ListAllMyBuckets" });
const role = (name: string) => `arn:aws:iam::${account}:role/${name}`;
const forEc2 = policy({ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" });

const paths: readonly Path[] = [
  {
    name: "new-version",
    actions: ["iam:CreatePolicyVersion"],
    given: givenPolicy,
    escalate: async (who, name) => {
      await who.iam.send(
        new CreatePolicyVersionCommand({ PolicyArn: own(name), PolicyDocument: all, SetAsDefault: true }),
      );
      return who;
    },
  },
  {
    name: "old-version",
    actions: ["iam:SetDefaultPolicyVersion"],
    given: async (name) => {
      await givenPolicy(name);
      await admin.iam.send(new CreatePolicyVersionCommand({ PolicyArn: own(name), PolicyDocument: all }));
    },
    escalate: async (who, name) => {
      await who.iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn: own(name), VersionId: "v2" }));
      return who;
    },
  },
  {
    name: "attach-user",
    actions: ["iam:AttachUserPolicy"],
    escalate: async (who, UserName) => {
      await who.iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn: AdministratorAccess }));
      return who;
    },
  },
  {
    name: "attach-group",
    actions: ["iam:AttachGroupPolicy"],
    given: givenGroup,
    escalate: async (who, GroupName) => {
      await who.iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn: AdministratorAccess }));
      return who;
    },
  },
  {
    name: "put-user",
    actions: ["iam:PutUserPolicy"],
    escalate: async (who, UserName) => {
      await who.iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "all", PolicyDocument: all }));
      return who;
    },
  },
  {
    name: "put-group",
    actions: ["iam:PutGroupPolicy"],
    given: givenGroup,
    escalate: async (who, GroupName) => {
      await who.iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName: "all", PolicyDocument: all }));
      return who;
    },
  },
  {
    name: "join-group",
    actions: ["iam:AddUserToGroup"],
    given: async (name) => {
      await admin.iam.send(new CreateGroupCommand({ GroupName: name }));
      await admin.iam.send(new PutGroupPolicyCommand({ GroupName: name, PolicyName: "all", PolicyDocument: all }));
    },
    escalate: async (who, name) => {
      await who.iam.send(new AddUserToGroupCommand({ GroupName: name, UserName: name }));
      return who;
    },
  },
  {
    name: "attach-role",
    actions: ["iam:AttachRolePolicy"],
    given: givenRole("", nothing),
    escalate: async (who, name) => {
      await who.iam.send(new AttachRolePolicyCommand({ RoleName: name, PolicyArn: AdministratorAccess }));
      return await byRole(who, role(name));
    },
  },
  {
    name: "put-role",
    actions: ["iam:PutRolePolicy"],
    given: givenRole("", nothing),
    escalate: async (who, name) => {
      await who.iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: "all", PolicyDocument: all }));
      return await byRole(who, role(name));
    },
  },
  {
    name: "change-trust",
    actions: ["iam:UpdateAssumeRolePolicy"],
    given: givenRole(forEc2, all),
    escalate: async (who, name) => {
      const PolicyDocument = trusting(`arn:aws:iam::${account}:user/${name}`);
      await who.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: name, PolicyDocument }));
      return await byRole(who, role(name));
    },
  },
  {
    name: "new-key",
    actions: ["iam:CreateAccessKey"],
    given: async (name) => {
      const target = await user(instance, admin, `${name}-target`, everything);
      const { accessKeyId: AccessKeyId } = target.credentials;
      await admin.iam.send(new DeleteAccessKeyCommand({ UserName: `${name}-target`, AccessKeyId }));
    },
    escalate: async (who, name) => {
      const { AccessKey } = await who.iam.send(new CreateAccessKeyCommand({ UserName: `${name}-target` }));
      return person(instance, credentialsOf(AccessKey));
    },
  },
  {
    name: "tag-oneself",
    actions: ["iam:TagUser"],
    given: async (name) => {
      const Condition = { StringEquals: { "aws:PrincipalTag/admin": "yes" } };
      const PolicyDocument = policy({ ...everything, Condition });
      await admin.iam.send(new PutUserPolicyCommand({ UserName: name, PolicyName: "by-tag", PolicyDocument }));
    },
    escalate: async (who, UserName) => {
      await who.iam.send(new TagUserCommand({ UserName, Tags: [{ Key: "admin", Value: "yes" }] }));
      return who;
    },
  },
];

describe("open with its permission, as in AWS", () => {
  for (const { name, actions, given, escalate } of paths) {
    test(`${name}: ${actions.join(", ")}`, async () => {
      const who = await user(instance, admin, name, { Effect: "Allow", Action: actions, Resource: "*" });
      await given?.(name);
      assert.equal(await isAdministrator(who), false);
      const escalated = await escalate(who, name);
      await eventually(() => isAdministrator(escalated), { within: 2000, every: 20 });
    });
  }
});

test("a boundary holds whatever policies say, and its bearer cannot lift it", async () => {
  const UserName = "bounded";
  const { Policy } = await admin.iam.send(
    new CreatePolicyCommand({
      PolicyName: "boundary",
      PolicyDocument: policy({
        Effect: "Allow",
        Action: ["s3:*", "iam:PutUserPolicy", "iam:AttachUserPolicy"],
        Resource: "*",
      }),
    }),
  );
  await admin.iam.send(new CreateUserCommand({ UserName, PermissionsBoundary: Policy!.Arn! }));
  await admin.iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "all", PolicyDocument: all }));
  const { AccessKey } = await admin.iam.send(new CreateAccessKeyCommand({ UserName }));
  const who = person(instance, credentialsOf(AccessKey));
  await who.iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn: AdministratorAccess }));
  const attempts = [
    new DeleteUserPermissionsBoundaryCommand({ UserName }),
    new PutUserPermissionsBoundaryCommand({ UserName, PermissionsBoundary: AdministratorAccess }),
    new CreatePolicyVersionCommand({ PolicyArn: Policy!.Arn!, PolicyDocument: all, SetAsDefault: true }),
    new CreateAccessKeyCommand({ UserName }),
    new ListUsersCommand({}),
  ];
  for (const attempt of attempts) assert.equal(await refusal(who.iam.send(attempt as never)), "AccessDenied");
});

test("a session is never more than it was opened for", async () => {
  const who = await user(instance, admin, "sessions", everything);
  await admin.iam.send(new CreateRoleCommand({ RoleName: "wide", AssumeRolePolicyDocument: trusting(account) }));
  await admin.iam.send(new PutRolePolicyCommand({ RoleName: "wide", PolicyName: "all", PolicyDocument: all }));
  const Policy = policy({ ...everything, Action: "s3:*" });
  const assume = new AssumeRoleCommand({ RoleArn: role("wide"), RoleSessionName: "narrow", Policy });
  const narrow = person(instance, credentialsOf((await who.sts.send(assume)).Credentials));
  assert.equal(await isAdministrator(narrow), false);
  // Assuming the role again would drop the session policy; the session policy does not allow it.
  const again = new AssumeRoleCommand({ RoleArn: role("wide"), RoleSessionName: "again" });
  assert.equal(await refusal(narrow.sts.send(again)), "AccessDenied");

  const federated = async (policyOf: object) =>
    person(
      instance,
      credentialsOf((await who.sts.send(new GetFederationTokenCommand({ Name: "guest", ...policyOf }))).Credentials),
    );
  const powerless = await federated({});
  assert.equal(await refusal(powerless.iam.send(new ListUsersCommand({}))), "InvalidClientTokenId");
  const full = await federated({ Policy: all });
  assert.equal(await refusal(full.iam.send(new ListUsersCommand({}))), "InvalidClientTokenId");
  assert.equal(await refusal(full.sts.send(again)), "AccessDenied");

  const plain = person(instance, credentialsOf((await who.sts.send(new GetSessionTokenCommand({}))).Credentials));
  assert.equal(
    await refusal(plain.iam.send(new CreateAccessKeyCommand({ UserName: "sessions" }))),
    "InvalidClientTokenId",
  );
  assert.equal(await refusal(plain.sts.send(new GetSessionTokenCommand({}))), "AccessDenied");
});
