/** The roles of one machine, in the order they start. Adding a role is a row here. */
import type { RoleSpec } from "../roles/processChild.ts";
import type { RoleModule } from "../roles/role.ts";

const roles = {
  /** Owns the store of an embedded installation, so it comes first and goes last. */
  api: async (): Promise<RoleModule> => await import("../roles/api.ts"),
  jobs: async (): Promise<RoleModule> => await import("../roles/jobs.ts"),
  /** Runs where there is a listener. */
  edge: async (): Promise<RoleModule> => await import("../roles/edge.ts"),
  /** Runs where there is a volume. */
  volumes: async (): Promise<RoleModule> => await import("../roles/volumes.ts"),
  /** Runs where there is a cluster of HSMs. */
  hsm: async (): Promise<RoleModule> => await import("../roles/hsm.ts"),
  /** `jikimi up --demo` only. */
  demo: async (): Promise<RoleModule> => await import("../roles/demo.ts"),
} as const;

export type RoleName = keyof typeof roles;

export const roleNames = Object.keys(roles) as RoleName[];

/** Started when the api role finds something for them to serve. */
const onDemand: ReadonlySet<RoleName> = new Set(["edge", "volumes", "hsm"]);

/**
 * What jobs read of events is garbage after one pass of the reactors, and a pass holds up to 1,000 events, 6 MB: in a young
 * generation that a pass fills, every one of them is moved twice before it dies (12 µs of each call under load). Sizes in
 * MiB; it grows only with what survives. One thread collects it sooner than several have met.
 */
const nodeFlags: Partial<Record<RoleName, readonly string[]>> = {
  jobs: ["--max-semi-space-size=32", "--single-threaded-gc"],
};

export function isRoleName(name: string): name is RoleName {
  return Object.hasOwn(roles, name);
}

export function roleModule(name: RoleName): Promise<RoleModule> {
  return roles[name]();
}

export function roleSpecs(script: string): RoleSpec[] {
  return roleNames.map((name) => ({
    name,
    entry: [script, "run", "--role", name],
    ...(onDemand.has(name) ? { onDemand: true } : {}),
    ...(nodeFlags[name] ? { nodeFlags: nodeFlags[name] } : {}),
  }));
}

/** The roles of an installation, or of a demonstration. */
export function rolesOf(specs: readonly RoleSpec[], demo: boolean): RoleSpec[] {
  return specs.filter(({ name }) => demo || name !== "demo");
}

/** With several api processes: the others follow the first, which has the sockets and knows the port by then. */
export function withFollowers(specs: readonly RoleSpec[], apiProcesses: number): RoleSpec[] {
  return specs.flatMap((spec) => {
    if (spec.name !== "api") return [spec];
    const followers = Array.from({ length: apiProcesses - 1 }, (_, index) => ({
      ...spec,
      name: `api-${index + 2}`,
      config: { follower: true },
    }));
    return [spec, ...followers];
  });
}
