/** Service last accessed reports. Source: IAM API reference, GenerateServiceLastAccessedDetails …. */
import { AwsError } from "#kernel/errors.ts";
import { actingEntities, grantedServices, grantingPolicies, subjectOf } from "../accessAdvisor.ts";
import { noSuchEntity } from "../errors.ts";
import { pageOfArray } from "../paging.ts";
import type { IamHandlers } from "../sdk.ts";
import { serviceNames } from "../serviceNames.ts";
import {
  iamState,
  type AccessJob,
  type AccessJobService,
  type IamState,
  type Role,
  type Usage,
  type User,
} from "../state.ts";

/** A report can be fetched for this long after it was made. AWS names no time. */
const retention = 24 * 3_600_000;

async function serviceRow(
  state: IamState,
  namespace: string,
  name: string,
  actors: readonly (User | Role)[],
  withActions: boolean,
): Promise<AccessJobService> {
  const usages = await state.getMany(
    "usage",
    actors.map((actor) => `${actor.id}/${namespace}`),
  );
  const used = actors
    .map((actor, i) => ({ actor, usage: usages[i] }))
    .filter((each): each is { actor: User | Role; usage: Usage } => each.usage !== undefined)
    .sort((a, b) => b.usage.at - a.usage.at);
  const last = used[0];
  const actions = new Map<string, AccessJobService["actions"][number]>();
  for (const { actor, usage } of withActions ? used : []) {
    for (const [action, use] of Object.entries(usage.actions)) {
      const known = actions.get(action);
      if (known?.at !== undefined && known.at >= use.at) continue;
      actions.set(action, { name: action, at: use.at, region: use.region, entity: actor.arn });
    }
  }
  return {
    namespace,
    name,
    ...(last ? { at: last.usage.at, region: last.usage.region, entity: last.actor.arn } : {}),
    entities: used.map(({ actor, usage }) => ({
      arn: actor.arn,
      name: actor.name,
      kind: "trust" in actor ? "ROLE" : "USER",
      id: actor.id,
      path: actor.path,
      at: usage.at,
    })),
    actions: [...actions.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

async function requireJob(state: IamState, id: string): Promise<AccessJob> {
  const job = await state.get("accessJob", id);
  if (!job) throw noSuchEntity(`The job with id ${id} cannot be found.`);
  return job;
}

const jobHead = (job: AccessJob) => ({
  JobStatus: "COMPLETED" as const,
  JobCreationDate: new Date(job.createdAt),
  JobCompletionDate: new Date(job.completedAt),
});

export const accessAdvisor = {
  async GenerateServiceLastAccessedDetails(input, ctx) {
    const state = iamState(ctx);
    const subject = await subjectOf(state, input.Arn!);
    const granularity = input.Granularity ?? "SERVICE_LEVEL";
    const names = serviceNames();
    const granted = new Set<string>();
    for (const policy of await grantingPolicies(state, subject)) {
      const services = grantedServices(policy.document);
      for (const namespace of services === "all" ? names.keys() : services) granted.add(namespace);
    }
    const actors = await actingEntities(state, subject);
    const services: AccessJobService[] = [];
    for (const namespace of [...granted].sort()) {
      const name = names.get(namespace);
      if (name !== undefined) {
        services.push(await serviceRow(state, namespace, name, actors, granularity === "ACTION_LEVEL"));
      }
    }
    const id = ctx.random.uuid();
    state.put(
      "accessJob",
      id,
      { arn: input.Arn!, granularity, createdAt: ctx.now, completedAt: ctx.now, services },
      { expiresAt: ctx.now + retention },
    );
    return { JobId: id };
  },

  async GetServiceLastAccessedDetails(input, ctx) {
    const job = await requireJob(iamState(ctx), input.JobId!);
    const { items, paging } = pageOfArray(input, job.services, (service) => service.namespace);
    return {
      ...jobHead(job),
      JobType: job.granularity,
      ServicesLastAccessed: items.map((service) => ({
        ServiceName: service.name,
        ServiceNamespace: service.namespace,
        ...(service.at === undefined ? {} : { LastAuthenticated: new Date(service.at) }),
        ...(service.entity === undefined ? {} : { LastAuthenticatedEntity: service.entity }),
        ...(service.region === undefined ? {} : { LastAuthenticatedRegion: service.region }),
        TotalAuthenticatedEntities: service.entities.length,
        ...(service.actions.length === 0
          ? {}
          : {
              TrackedActionsLastAccessed: service.actions.map((action) => ({
                ActionName: action.name,
                ...(action.entity === undefined ? {} : { LastAccessedEntity: action.entity }),
                ...(action.at === undefined ? {} : { LastAccessedTime: new Date(action.at) }),
                ...(action.region === undefined ? {} : { LastAccessedRegion: action.region }),
              })),
            }),
      })),
      ...paging,
    };
  },

  async GetServiceLastAccessedDetailsWithEntities(input, ctx) {
    const job = await requireJob(iamState(ctx), input.JobId!);
    const service = job.services.find((each) => each.namespace === input.ServiceNamespace);
    if (!service) {
      throw noSuchEntity(`The service ${input.ServiceNamespace} is not in the report ${input.JobId}.`);
    }
    const { items, paging } = pageOfArray(input, service.entities, (entity) => entity.id);
    return {
      ...jobHead(job),
      EntityDetailsList: items.map((entity) => ({
        EntityInfo: { Arn: entity.arn, Name: entity.name, Type: entity.kind, Id: entity.id, Path: entity.path },
        LastAuthenticated: new Date(entity.at),
      })),
      ...paging,
    };
  },

  async ListPoliciesGrantingServiceAccess(input, ctx) {
    const state = iamState(ctx);
    const subject = await subjectOf(state, input.Arn!);
    if (subject.kind === "policy") {
      throw new AwsError("InvalidInput", `ARN ${input.Arn} is not of a user, group or role.`, 400);
    }
    const policies = (await grantingPolicies(state, subject)).map((policy) => ({
      policy,
      services: grantedServices(policy.document),
    }));
    const namespaces = [...new Set(input.ServiceNamespaces ?? [])];
    for (const namespace of namespaces) {
      if (!serviceNames().has(namespace))
        throw new AwsError("InvalidInput", `${namespace} is not a service namespace.`);
    }
    const { items, paging } = pageOfArray(input, namespaces, (namespace) => namespace);
    return {
      PoliciesGrantingServiceAccess: items.map((namespace) => ({
        ServiceNamespace: namespace,
        Policies: policies
          .filter(({ services }) => services === "all" || services.has(namespace))
          .map(({ policy }) => ({
            PolicyName: policy.name,
            PolicyType: policy.arn === undefined ? ("INLINE" as const) : ("MANAGED" as const),
            ...(policy.arn === undefined ? {} : { PolicyArn: policy.arn }),
            ...(policy.owner === undefined
              ? {}
              : {
                  EntityType: policy.owner.kind.toUpperCase() as "USER" | "ROLE" | "GROUP",
                  EntityName: policy.owner.name,
                }),
          })),
      })),
      ...paging,
    };
  },
} satisfies IamHandlers;
