/** Customer managed policies and their versions; reading AWS managed ones. Source: IAM API reference, CreatePolicy …. */
import { awsManagedPolicies, isAwsManaged } from "../awsManagedPolicies.ts";
import { byName, entitiesById, keyOf, newNamed } from "../entities.ts";
import { AwsError } from "#kernel/errors.ts";
import { deleteConflict, limitExceeded, noSuch } from "../errors.ts";
import { findPolicy, policyShape, requirePolicy, requirePolicyArn } from "../managedPolicy.ts";
import { pageOfArray } from "../paging.ts";
import { requireManagedPolicy } from "../policyDocument.ts";
import { quotas } from "../quotas.ts";
import { encodeDocument } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import {
  attachmentPrefix,
  iamState,
  type Attachment,
  type IamState,
  type ManagedPolicy,
  type PolicyVersion,
} from "../state.ts";
import { readTags } from "../tags.ts";

const cannotChange = (arn: string) =>
  new AwsError("AccessDenied", `Policy ${arn} is managed by AWS and cannot be changed by customers.`, 403);

function versionShape(policy: ManagedPolicy, version: PolicyVersion, withDocument: boolean) {
  return {
    ...(withDocument ? { Document: encodeDocument(version.document) } : {}),
    VersionId: version.id,
    IsDefaultVersion: version.id === policy.defaultVersion,
    CreateDate: new Date(version.createdAt),
  };
}

/** @throws NoSuchEntity "… version … does not exist or is not attachable." for either of the two. */
async function requireVersion(state: IamState, arn: string, id: string): Promise<[ManagedPolicy, PolicyVersion]> {
  requirePolicyArn(arn);
  const policy = await findPolicy(state, arn);
  const version = policy?.versions.find((each) => each.id === id);
  if (!policy || !version) throw noSuch.policyVersion(arn, id);
  return [policy, version];
}

/** A policy this account may change. */
async function requireOwn(state: IamState, arn: string): Promise<ManagedPolicy> {
  const policy = await requirePolicy(state, arn);
  if (isAwsManaged(arn)) throw cannotChange(arn);
  return policy;
}

const put = (state: IamState, policy: ManagedPolicy) => state.put("policy", keyOf(policy.name), policy);

export const managedPolicies = {
  async CreatePolicy(input, ctx) {
    const state = iamState(ctx);
    const tags = readTags(input.Tags, "sensitive");
    requireManagedPolicy(input.PolicyDocument!);
    const policy: ManagedPolicy = {
      ...(await newNamed(ctx, state, "policy", input.PolicyName!, input.Path)),
      ...(input.Description === undefined || input.Description === "" ? {} : { description: input.Description }),
      tags,
      defaultVersion: "v1",
      versions: [{ id: "v1", document: input.PolicyDocument!, createdAt: ctx.now }],
      nextVersion: 2,
      updatedAt: ctx.now,
    };
    put(state, policy);
    return { Policy: await policyShape(state, policy, "new") };
  },

  async GetPolicy(input, ctx) {
    const state = iamState(ctx);
    return { Policy: await policyShape(state, await requirePolicy(state, input.PolicyArn!), "detail") };
  },

  async ListPolicies(input, ctx) {
    const state = iamState(ctx);
    const own = input.Scope === "AWS" ? [] : (await state.all("policy")).map((document) => document.value);
    const aws = input.Scope === "Local" ? [] : awsManagedPolicies(ctx.partition).list();
    const usedAs = (["attachment", "boundaryUse"] as const).filter(
      (type) =>
        input.PolicyUsageFilter === undefined ||
        (input.PolicyUsageFilter === "PermissionsPolicy") === (type === "attachment"),
    );
    // The usage filter asks for policies that are used that way; without it, OnlyAttached takes either use.
    const used = new Set<string>();
    const onlyUsed = input.OnlyAttached === true || input.PolicyUsageFilter !== undefined;
    if (onlyUsed) {
      for (const type of usedAs) {
        for (const { key } of await state.all(type)) used.add(key.id.slice(0, key.id.indexOf("|")));
      }
    }
    const list = [...own, ...aws]
      .filter((policy) => policy.path.startsWith(input.PathPrefix ?? "/"))
      .filter((policy) => !onlyUsed || used.has(policy.arn))
      .sort(byName);
    const { items, paging } = pageOfArray(input, list, (policy) => `${keyOf(policy.name)} ${policy.arn}`);
    return { Policies: await Promise.all(items.map((policy) => policyShape(state, policy, "summary"))), ...paging };
  },

  async DeletePolicy(input, ctx) {
    const state = iamState(ctx);
    const policy = await requireOwn(state, input.PolicyArn!);
    const prefix = attachmentPrefix(policy.arn);
    if ((await state.count("attachment", prefix)) + (await state.count("boundaryUse", prefix)) > 0) {
      throw deleteConflict("Cannot delete a policy attached to entities.");
    }
    if (policy.versions.length > 1) {
      throw deleteConflict(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
      );
    }
    state.delete("policy", keyOf(policy.name));
    state.checkNone("attachment", prefix);
    state.checkNone("boundaryUse", prefix);
    return {};
  },

  async CreatePolicyVersion(input, ctx) {
    const state = iamState(ctx);
    const policy = await requireOwn(state, input.PolicyArn!);
    requireManagedPolicy(input.PolicyDocument!);
    if (policy.versions.length >= quotas.versionsPerPolicy) {
      throw limitExceeded(
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
      );
    }
    const version = { id: `v${policy.nextVersion}`, document: input.PolicyDocument!, createdAt: ctx.now };
    const changed: ManagedPolicy = {
      ...policy,
      versions: [...policy.versions, version],
      nextVersion: policy.nextVersion + 1,
      ...(input.SetAsDefault ? { defaultVersion: version.id } : {}),
      updatedAt: ctx.now,
    };
    put(state, changed);
    return { PolicyVersion: versionShape(changed, version, false) };
  },

  async GetPolicyVersion(input, ctx) {
    const [policy, version] = await requireVersion(iamState(ctx), input.PolicyArn!, input.VersionId!);
    return { PolicyVersion: versionShape(policy, version, true) };
  },

  async ListPolicyVersions(input, ctx) {
    const policy = await requirePolicy(iamState(ctx), input.PolicyArn!);
    const { items, paging } = pageOfArray(input, [...policy.versions].reverse(), (version) => version.id);
    return { Versions: items.map((version) => versionShape(policy, version, false)), ...paging };
  },

  async SetDefaultPolicyVersion(input, ctx) {
    const state = iamState(ctx);
    const [policy, version] = await requireVersion(state, input.PolicyArn!, input.VersionId!);
    if (isAwsManaged(policy.arn)) throw cannotChange(policy.arn);
    put(state, { ...policy, defaultVersion: version.id, updatedAt: ctx.now });
    return {};
  },

  async DeletePolicyVersion(input, ctx) {
    const state = iamState(ctx);
    const [policy, version] = await requireVersion(state, input.PolicyArn!, input.VersionId!);
    if (isAwsManaged(policy.arn)) throw cannotChange(policy.arn);
    if (version.id === policy.defaultVersion) throw deleteConflict("Cannot delete the default version of a policy.");
    put(state, { ...policy, versions: policy.versions.filter((each) => each.id !== version.id), updatedAt: ctx.now });
    return {};
  },

  async ListEntitiesForPolicy(input, ctx) {
    const state = iamState(ctx);
    const policy = await requirePolicy(state, input.PolicyArn!);
    const types = (["attachment", "boundaryUse"] as const).filter(
      (type) =>
        input.PolicyUsageFilter === undefined ||
        (input.PolicyUsageFilter === "PermissionsPolicy") === (type === "attachment"),
    );
    const uses: Attachment[] = [];
    for (const type of types) {
      uses.push(...(await state.all(type, attachmentPrefix(policy.arn))).map((document) => document.value));
    }
    const under = (path: string) => path.startsWith(input.PathPrefix ?? "/");
    const wanted = (kind: Attachment["kind"], filter: string) =>
      input.EntityFilter === undefined || input.EntityFilter === filter
        ? [...new Set(uses.filter((use) => use.kind === kind).map((use) => use.id))]
        : [];
    const [groups, users, roles] = await Promise.all([
      entitiesById(state, "group", wanted("group", "Group")),
      entitiesById(state, "user", wanted("user", "User")),
      entitiesById(state, "role", wanted("role", "Role")),
    ]);
    const all = [
      ...groups.map((group) => ({ kind: "group" as const, entity: group })),
      ...users.map((user) => ({ kind: "user" as const, entity: user })),
      ...roles.map((role) => ({ kind: "role" as const, entity: role })),
    ].filter((each) => under(each.entity.path));
    const { items, paging } = pageOfArray(input, all, (each) => each.entity.id);
    const of = (kind: Attachment["kind"]) => items.filter((each) => each.kind === kind).map((each) => each.entity);
    return {
      PolicyGroups: of("group").map((group) => ({ GroupName: group.name, GroupId: group.id })),
      PolicyUsers: of("user").map((user) => ({ UserName: user.name, UserId: user.id })),
      PolicyRoles: of("role").map((role) => ({ RoleName: role.name, RoleId: role.id })),
      ...paging,
    };
  },
} satisfies IamHandlers;
