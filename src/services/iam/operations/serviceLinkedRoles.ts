/** Creating and deleting service-linked roles. Source: IAM API reference, CreateServiceLinkedRole …. */
import { awsManagedPolicies } from "../awsManagedPolicies.ts";
import { deleteEntity, newNamed, putNewEntity, requireRole } from "../entities.ts";
import { AwsError } from "#kernel/errors.ts";
import { invalidInput, noSuchEntity } from "../errors.ts";
import { roleNew } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import { serviceLinkedRoles as table, serviceLinkedTrust } from "../serviceLinkedRoles.ts";
import { attachmentId, iamState, type Role } from "../state.ts";

/** A task can be asked about for this long; AWS names no time. */
const taskRetention = 7 * 24 * 3_600_000;

export const serviceLinkedRoles = {
  async CreateServiceLinkedRole(input, ctx) {
    const state = iamState(ctx);
    const principal = input.AWSServiceName!;
    const known = Object.hasOwn(table, principal) ? table[principal] : undefined;
    if (!known) {
      throw invalidInput(`Service role name ${principal} is not valid: the service has no service-linked role here.`);
    }
    if (input.CustomSuffix !== undefined && !known.suffix) {
      throw invalidInput(`Custom suffix is not allowed for ${principal}`);
    }
    const name = input.CustomSuffix === undefined ? known.roleName : `${known.roleName}_${input.CustomSuffix}`;
    let named;
    try {
      named = await newNamed(ctx, state, "role", name, `/aws-service-role/${principal}/`);
    } catch (error) {
      if (!(error instanceof AwsError) || error.code !== "EntityAlreadyExists") throw error;
      throw invalidInput(`Service role name ${name} has been taken in this account, please try a different suffix.`);
    }
    const policyArn = `arn:${ctx.partition}:iam::aws:policy/aws-service-role/${known.policy}`;
    if (!awsManagedPolicies(ctx.partition).get(policyArn)) throw new Error(`no managed policy ${policyArn}`);
    const role: Role = {
      ...named,
      attached: [policyArn],
      inline: {},
      tags: [],
      ...(input.Description === undefined ? {} : { description: input.Description }),
      trust: serviceLinkedTrust(principal),
      trustIds: {},
      maxSession: 3600,
      serviceLinked: principal,
    };
    putNewEntity(state, "role", role);
    state.put("attachment", attachmentId(policyArn, "role", role.id), { kind: "role", id: role.id });
    return { Role: await roleNew(state, role) };
  },

  /** AWS deletes later, when the service no longer uses the role; here the role is gone when the call returns. */
  async DeleteServiceLinkedRole(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    if (role.serviceLinked === undefined) throw noSuchEntity(`The role with name ${role.name} cannot be found.`);
    for (const policyArn of role.attached) state.delete("attachment", attachmentId(policyArn, "role", role.id), "any");
    deleteEntity(state, "role", role);
    const task = `task${role.path}${role.name}/${ctx.random.uuid()}`;
    state.put("deletionTask", task, { role: role.arn, finishedAt: ctx.now }, { expiresAt: ctx.now + taskRetention });
    return { DeletionTaskId: task };
  },

  async GetServiceLinkedRoleDeletionStatus(input, ctx) {
    const task = await iamState(ctx).get("deletionTask", input.DeletionTaskId!);
    if (!task) throw noSuchEntity(`The deletion task with id ${input.DeletionTaskId} cannot be found.`);
    return { Status: "SUCCEEDED" };
  },
} satisfies IamHandlers;
