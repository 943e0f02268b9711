/** Permissions boundaries: a managed policy that limits what a user or role may do. */
import { noSuch } from "./errors.ts";
import { checkPolicy, findPolicy, requirePolicyArn } from "./managedPolicy.ts";
import { attachmentId, type IamState, type Role, type User } from "./state.ts";

/** Checks a boundary named in a request. @throws InvalidInput, NoSuchEntity "Scope ARN: …" */
export async function requireBoundary(state: IamState, arn: string): Promise<string> {
  requirePolicyArn(arn);
  const policy = await findPolicy(state, arn);
  if (!policy) throw noSuch.boundary(arn);
  checkPolicy(state, policy);
  return arn;
}

/** The use that GetPolicy counts and DeletePolicy minds. */
export function putBoundaryUse(state: IamState, kind: "user" | "role", entity: User | Role): void {
  if (entity.boundary === undefined) return;
  state.put("boundaryUse", attachmentId(entity.boundary, kind, entity.id), { kind, id: entity.id });
}

export function deleteBoundaryUse(state: IamState, kind: "user" | "role", entity: User | Role): void {
  if (entity.boundary === undefined) return;
  state.delete("boundaryUse", attachmentId(entity.boundary, kind, entity.id), "any");
}
