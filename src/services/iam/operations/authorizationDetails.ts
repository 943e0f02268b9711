/**
 * Everything about the account's permissions in one listing: users, groups, roles, then policies (of AWS's only
 * those in use). Source: IAM API reference, GetAccountAuthorizationDetails.
 */
import type {
  AttachedPolicy,
  GroupDetail,
  ManagedPolicyDetail,
  PolicyDetail,
  RoleDetail,
  UserDetail,
} from "@aws-sdk/client-iam";
import { awsManagedPolicies, isAwsManaged } from "../awsManagedPolicies.ts";
import { byName, entitiesById } from "../entities.ts";
import { policyShape } from "../managedPolicy.ts";
import { pageOfArray } from "../paging.ts";
import {
  encodeDocument,
  groupShape,
  instanceProfileShape,
  roleDetail,
  roleUse,
  tagsOf,
  userDetail,
} from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import {
  iamState,
  type Group,
  type IamState,
  type InstanceProfile,
  type ManagedPolicy,
  type Principal,
  type Role,
  type User,
} from "../state.ts";

type Item =
  | { filter: "User"; value: User }
  | { filter: "Group"; value: Group }
  | { filter: "Role"; value: Role }
  | { filter: "LocalManagedPolicy" | "AWSManagedPolicy"; value: ManagedPolicy };

function policiesOf(entity: Principal): { inline: PolicyDetail[]; attached: AttachedPolicy[] } {
  return {
    inline: Object.entries(entity.inline).map(([name, document]) => ({
      PolicyName: name,
      PolicyDocument: encodeDocument(document),
    })),
    attached: entity.attached.map((arn) => ({ PolicyName: arn.slice(arn.lastIndexOf("/") + 1), PolicyArn: arn })),
  };
}

async function userItem(state: IamState, user: User): Promise<UserDetail> {
  const { inline, attached } = policiesOf(user);
  const { PasswordLastUsed: _unused, ...shape } = userDetail(user);
  const groups = await entitiesById(state, "group", user.groups);
  return {
    ...shape,
    UserPolicyList: inline,
    GroupList: groups.map((group) => group.name),
    AttachedManagedPolicies: attached,
    Tags: [...user.tags],
  };
}

function groupItem(group: Group): GroupDetail {
  const { inline, attached } = policiesOf(group);
  return { ...groupShape(group), GroupPolicyList: inline, AttachedManagedPolicies: attached };
}

async function roleItem(state: IamState, role: Role): Promise<RoleDetail> {
  const { inline, attached } = policiesOf(role);
  const [use, profiles] = await Promise.all([
    state.get("lastUsed", `role/${role.id}`),
    state.find("instanceProfile", "role", { value: role.id }),
  ]);
  const {
    Description: _description,
    MaxSessionDuration: _max,
    RoleLastUsed: _use,
    ...shape
  } = await roleDetail(state, role, use);
  return {
    ...shape,
    InstanceProfileList: await Promise.all(
      profiles.items.map((document: { value: InstanceProfile }) => instanceProfileShape(state, document.value)),
    ),
    RolePolicyList: inline,
    AttachedManagedPolicies: attached,
    ...tagsOf(role.tags),
    RoleLastUsed: roleUse(use),
  };
}

async function policyItem(state: IamState, policy: ManagedPolicy): Promise<ManagedPolicyDetail> {
  const { Tags: _tags, ...shape } = await policyShape(state, policy, "detail");
  return {
    ...shape,
    PolicyVersionList: policy.versions.map((version) => ({
      Document: encodeDocument(version.document),
      VersionId: version.id,
      IsDefaultVersion: version.id === policy.defaultVersion,
      CreateDate: new Date(version.createdAt),
    })),
  };
}

async function usedAwsPolicies(state: IamState, partition: string): Promise<ManagedPolicy[]> {
  const used = new Set<string>();
  for (const type of ["attachment", "boundaryUse"] as const) {
    for (const { key } of await state.all(type)) used.add(key.id.slice(0, key.id.indexOf("|")));
  }
  const catalogue = awsManagedPolicies(partition);
  return [...used].filter(isAwsManaged).flatMap((arn) => catalogue.get(arn) ?? []);
}

export const authorizationDetails = {
  async GetAccountAuthorizationDetails(input, ctx) {
    const state = iamState(ctx);
    const wanted = (filter: Item["filter"]) =>
      !input.Filter || input.Filter.length === 0 || input.Filter.includes(filter);
    const items: Item[] = [];
    if (wanted("User")) {
      for (const { value } of await state.all("user")) items.push({ filter: "User", value });
    }
    if (wanted("Group")) {
      for (const { value } of await state.all("group")) items.push({ filter: "Group", value });
    }
    if (wanted("Role")) {
      for (const { value } of await state.all("role")) items.push({ filter: "Role", value });
    }
    if (wanted("LocalManagedPolicy")) {
      for (const { value } of await state.all("policy")) items.push({ filter: "LocalManagedPolicy", value });
    }
    if (wanted("AWSManagedPolicy")) {
      const used = await usedAwsPolicies(state, ctx.partition);
      for (const value of used.sort(byName)) items.push({ filter: "AWSManagedPolicy", value });
    }
    const page = pageOfArray(input, items, (item) => item.value.id);
    const output = {
      UserDetailList: [] as UserDetail[],
      GroupDetailList: [] as GroupDetail[],
      RoleDetailList: [] as RoleDetail[],
      Policies: [] as ManagedPolicyDetail[],
    };
    for (const item of page.items) {
      if (item.filter === "User") output.UserDetailList.push(await userItem(state, item.value));
      else if (item.filter === "Group") output.GroupDetailList.push(groupItem(item.value));
      else if (item.filter === "Role") output.RoleDetailList.push(await roleItem(state, item.value));
      else output.Policies.push(await policyItem(state, item.value));
    }
    return { ...output, ...page.paging };
  },
} satisfies IamHandlers;
