/**
 * What a call is about, for authorization: the ARN with its path, the tags, and the permissions boundary.
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
 * Management (IAM)".
 *
 * Authorization comes before the look-up's result is told: for a name that does not exist the ARN is made from
 * the name, so that only a caller with permission on it learns that it is missing.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { entityArn, keyOf } from "./entities.ts";
import { isAwsManaged } from "./awsManagedPolicies.ts";
import { findPolicy } from "./managedPolicy.ts";
import { accessDenied } from "./errors.ts";
import { iamState, type Tag } from "./state.ts";
import { requestTagContext, resourceTagContext, type TagInput } from "./tags.ts";

export interface Target {
  arn: string;
  tags: readonly Tag[];
  boundary?: string;
  /** What AWS's refusal calls it when it has no ARN: `user alice` of a user that does not exist. */
  spokenOf?: string;
}

type Context = Record<string, string | readonly string[]>;
type Find<I> = (input: I, ctx: CallContext) => Promise<Target>;

/** One question about one target; `more` adds condition keys of the action. */
export function ask<A, B = A>(
  action: string,
  find: Find<A>,
  more: (input: B, target: Target) => Context = () => ({}),
): (input: A & B, ctx: CallContext) => Promise<Access> {
  return async (input, ctx) => {
    const target = await find(input, ctx);
    return {
      action: `iam:${action}`,
      resource: target.arn,
      resourceAccount: ctx.account,
      context: { ...resourceTagContext(target.tags), ...more(input, target) },
      ...refusal(target),
    };
  };
}

function refusal({ arn, spokenOf }: Target): Pick<Access, "onDenied"> {
  if (spokenOf === undefined) return {};
  return { onDenied: (message) => accessDenied(message.replace(`resource: ${arn}`, `resource: ${spokenOf}`)) };
}

interface ListInput {
  PathPrefix?: string | undefined;
  Marker?: string | undefined;
}

/**
 * Listings by path are about the path: `arn:aws:iam::111122223333:user/`. The service authorization reference
 * gives them no resource, AWS's refusals do ("… iam:ListUsers on resource: arn:aws:iam::111122223333:user/").
 */
export function askList(action: string, resource: string): (input: ListInput, ctx: CallContext) => Access {
  return (input, ctx) => ({
    action: `iam:${action}`,
    resource: `arn:${ctx.partition}:iam::${ctx.account}:${resource}${input.PathPrefix ?? "/"}`,
  });
}

/** "… iam:ListPolicies on resource: policy path /" */
export function listPolicies(input: ListInput): Access {
  return {
    action: "iam:ListPolicies",
    resource: "*",
    ...refusal({ arn: "*", tags: [], spokenOf: `policy path ${input.PathPrefix ?? "/"}` }),
  };
}

/** An action without resource. */
export function askAny(action: string): () => Access {
  return () => ({ action: `iam:${action}`, resource: "*" });
}

type Question<I> = (input: I, ctx: CallContext) => Promise<Access | undefined>;

/** Two questions; both must be allowed. The second may not arise. */
export function askBoth<A, B>(
  first: Question<A>,
  second: Question<B>,
): (input: A & B, ctx: CallContext) => Promise<Access[]> {
  return async (input, ctx) => {
    const asked = [await first(input, ctx), await second(input, ctx)];
    return asked.filter((access) => access !== undefined);
  };
}

/**
 * A create call that brings tags asks for the tagging action as well: "User … is not authorized to perform:
 * iam:TagRole" is what AWS answers to CreateRole (recorded in openshift/installer, issue 1073).
 */
export function withTags<I extends { Tags?: readonly TagInput[] | undefined }>(
  tagAction: string,
  create: (input: I, ctx: CallContext) => Promise<Access>,
): (input: I, ctx: CallContext) => Promise<Access[]> {
  return async (input, ctx) => {
    const asked = await create(input, ctx);
    const tagged = (input.Tags?.length ?? 0) > 0;
    if (!tagged) return [asked];
    return [asked, { ...asked, action: `iam:${tagAction}`, context: requestTagContext(input.Tags) }];
  };
}

interface UserInput {
  UserName?: string | undefined;
}

/** The named user; without a name the caller itself, or root. */
export const theUser: Find<UserInput> = async (input, ctx) => {
  const name = input.UserName ?? (ctx.principal.kind === "user" ? ctx.principal.userName : undefined);
  if (name === undefined || (ctx.principal.kind === "root" && name === ctx.account)) {
    const root = ctx.principal.kind === "root";
    return { arn: root ? `arn:${ctx.partition}:iam::${ctx.account}:root` : "*", tags: [] };
  }
  return namedTarget(ctx, "user", name);
};

export const theRole: Find<{ RoleName: string | undefined }> = (input, ctx) =>
  namedTarget(ctx, "role", input.RoleName!);

export const theGroup: Find<{ GroupName: string | undefined }> = (input, ctx) =>
  namedTarget(ctx, "group", input.GroupName!);

export const theInstanceProfile: Find<{ InstanceProfileName: string | undefined }> = (input, ctx) =>
  namedTarget(ctx, "instanceProfile", input.InstanceProfileName!);

export const theServerCertificate: Find<{ ServerCertificateName: string | undefined }> = (input, ctx) =>
  namedTarget(ctx, "serverCertificate", input.ServerCertificateName!);

const spoken = {
  user: "user",
  group: "group",
  role: "role",
  instanceProfile: "instance profile",
  serverCertificate: "server certificate",
} as const;

async function namedTarget(
  ctx: CallContext,
  kind: "user" | "group" | "role" | "instanceProfile" | "serverCertificate",
  name: string,
): Promise<Target> {
  const state = iamState(ctx);
  const found = await state.get(kind, keyOf(name));
  if (found?.name !== name) {
    const arn = entityArn(ctx.partition, state.account, kind, "/", name);
    return { arn, tags: [], spokenOf: `${spoken[kind]} ${name}` };
  }
  return {
    arn: found.arn,
    tags: "tags" in found ? found.tags : [],
    ...("boundary" in found && found.boundary !== undefined ? { boundary: found.boundary } : {}),
  };
}

export const thePolicy: Find<{ PolicyArn: string | undefined }> = async (input, ctx) => {
  const arn = input.PolicyArn!;
  if (isAwsManaged(arn)) return { arn, tags: [] };
  const policy = await findPolicy(iamState(ctx), arn);
  return policy ? { arn, tags: policy.tags } : { arn, tags: [], spokenOf: `policy ${arn}` };
};

export const theMfaDevice: Find<{ SerialNumber: string | undefined }> = async (input, ctx) => {
  const device = await iamState(ctx).get("mfaDevice", input.SerialNumber!);
  return { arn: input.SerialNumber!, tags: device?.tags ?? [] };
};

export const theOidcProvider: Find<{ OpenIDConnectProviderArn: string | undefined }> = async (input, ctx) => {
  const provider = await iamState(ctx).get("oidcProvider", input.OpenIDConnectProviderArn!);
  return { arn: input.OpenIDConnectProviderArn!, tags: provider?.tags ?? [] };
};

export const theSamlProvider: Find<{ SAMLProviderArn: string | undefined }> = async (input, ctx) => {
  const provider = await iamState(ctx).get("samlProvider", input.SAMLProviderArn!);
  return { arn: input.SAMLProviderArn!, tags: provider?.tags ?? [] };
};

/** What a create call will make. */
export function newResource<I extends { Path?: string | undefined }>(
  resource: string,
  name: (input: I) => string | undefined,
): Find<I> {
  return async (input, ctx) => ({
    arn: `arn:${ctx.partition}:iam::${ctx.account}:${resource}${input.Path ?? "/"}${name(input) ?? ""}`,
    tags: [],
  });
}

/** An ARN that the input names as it is. */
export function namedArn<I>(read: (input: I) => string | undefined): Find<I> {
  return async (input) => ({ arn: read(input) ?? "*", tags: [] });
}

export const requestTags = (input: { Tags?: readonly TagInput[] | undefined }): Context =>
  requestTagContext(input.Tags);

export const requestTagKeys = (input: { TagKeys?: readonly string[] | undefined }): Context =>
  input.TagKeys && input.TagKeys.length > 0 ? { "aws:TagKeys": input.TagKeys } : {};

/** The boundary that the target has today. */
export const itsBoundary = (_input: unknown, target: Target): Context =>
  target.boundary === undefined ? {} : { "iam:PermissionsBoundary": target.boundary };

/** The boundary that the request sets. */
export const askedBoundary = (input: { PermissionsBoundary?: string | undefined }): Context =>
  input.PermissionsBoundary === undefined ? {} : { "iam:PermissionsBoundary": input.PermissionsBoundary };

export const policyArn = (input: { PolicyArn: string | undefined }): Context => ({ "iam:PolicyARN": input.PolicyArn! });

export const policyArnAndBoundary = (input: { PolicyArn: string | undefined }, target: Target): Context => ({
  ...policyArn(input),
  ...itsBoundary(input, target),
});
