/** Documents as the API shows them. */
import type {
  AttachedPermissionsBoundary,
  Group as ApiGroup,
  InstanceProfile as ApiInstanceProfile,
  Role as ApiRole,
  Tag as ApiTag,
  User as ApiUser,
} from "@aws-sdk/client-iam";
import { entityById } from "./entities.ts";
import type { Group, IamState, InstanceProfile, LastUsed, Role, Tag, User } from "./state.ts";
import { currentTrust } from "./trustPolicy.ts";

/** Policy documents leave IAM URL-encoded "compliant with RFC 3986" (IAM API reference, GetRolePolicy). */
export function encodeDocument(document: string): string {
  return encodeURIComponent(document).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The API calls the type of the attachment "Policy"; the SDK's enum has only the name the documentation gives it. */
function boundaryOf(arn: string | undefined): { PermissionsBoundary?: AttachedPermissionsBoundary } {
  if (arn === undefined) return {};
  const type = "Policy" as unknown as AttachedPermissionsBoundary["PermissionsBoundaryType"];
  return { PermissionsBoundary: { PermissionsBoundaryType: type, PermissionsBoundaryArn: arn } };
}

export function tagsOf(tags: readonly Tag[]): { Tags?: ApiTag[] } {
  return tags.length === 0 ? {} : { Tags: [...tags] };
}

/** As lists show a user: without tags and boundary. */
export function userSummary(user: User, passwordUse?: LastUsed): ApiUser {
  return {
    Path: user.path,
    UserName: user.name,
    UserId: user.id,
    Arn: user.arn,
    CreateDate: new Date(user.createdAt),
    ...(passwordUse ? { PasswordLastUsed: new Date(passwordUse.at) } : {}),
  };
}

export function userDetail(user: User, passwordUse?: LastUsed): ApiUser {
  return { ...userSummary(user, passwordUse), ...boundaryOf(user.boundary), ...tagsOf(user.tags) };
}

export function groupShape(group: Group): ApiGroup {
  return {
    Path: group.path,
    GroupName: group.name,
    GroupId: group.id,
    Arn: group.arn,
    CreateDate: new Date(group.createdAt),
  };
}

/** As CreateRole shows a role. */
export async function roleNew(state: IamState, role: Role): Promise<ApiRole> {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: encodeDocument(await currentTrust(state, role)),
    ...(role.description === undefined ? {} : { Description: role.description }),
    ...boundaryOf(role.boundary),
    ...tagsOf(role.tags),
  };
}

/** As ListRoles shows it: no tags, no boundary, no last use ("does not return the following attributes", API reference). */
export async function roleSummary(state: IamState, role: Role): Promise<ApiRole> {
  const { Tags: _tags, PermissionsBoundary: _boundary, ...rest } = await roleNew(state, role);
  return { ...rest, MaxSessionDuration: role.maxSession };
}

export async function roleDetail(state: IamState, role: Role, use: LastUsed | undefined): Promise<ApiRole> {
  return { ...(await roleNew(state, role)), MaxSessionDuration: role.maxSession, RoleLastUsed: roleUse(use) };
}

export function roleUse(use: LastUsed | undefined): { LastUsedDate?: Date; Region?: string } {
  if (!use) return {};
  return { LastUsedDate: new Date(use.at), ...(use.region === undefined ? {} : { Region: use.region }) };
}

export async function instanceProfileShape(state: IamState, profile: InstanceProfile): Promise<ApiInstanceProfile> {
  const role = profile.role === undefined ? undefined : await entityById(state, "role", profile.role);
  return {
    Path: profile.path,
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: profile.arn,
    CreateDate: new Date(profile.createdAt),
    Roles: role ? [await roleNew(state, role)] : [],
  };
}
