/** The plane of HSMs as services see it, in the roles that serve them. */
import { existsSync, readdirSync } from "node:fs";
import { HsmError, type HsmPlane } from "../hsm/contract.ts";
import { clearHsmPlane, connectHsmPlane } from "../hsm/plane/client.ts";
import type { RoleConfig, SupervisorLink } from "./role.ts";

export const hsmPaths = {
  /** Everything that is kept of HSMs. */
  folder: (dataDir: string) => `${dataDir}/hsm`,
  /** Methods of the plane, for other roles. */
  socket: (dataDir: string) => `${dataDir}/run/hsm.sock`,
  /** Applications' sockets, one per cluster, unless the operator named another folder. */
  applications: (dataDir: string) => `${dataDir}/run/hsm`,
};

let current: HsmPlane | undefined;

/**
 * What the list of services is made with. Services are listed before a role knows its data folder, so this finds the
 * plane when it is called; a role links it once (`linkHsmPlane`).
 */
export const hsmPlane: HsmPlane = new Proxy({} as HsmPlane, {
  get(_, method: keyof HsmPlane) {
    return async (...values: never[]): Promise<unknown> => {
      if (!current) throw new HsmError("unavailable", "this role has no HSMs");
      return await (current[method] as (...given: never[]) => unknown)(...values);
    };
  },
});

/** Links this role to the plane: started when it is first called, and at once where there are clusters to serve. */
export function linkHsmPlane(config: RoleConfig, supervisor: Pick<SupervisorLink, "want">): { close(): Promise<void> } {
  const want = (): void => supervisor.want("hsm");
  const plane = connectHsmPlane(hsmPaths.socket(config.dataDir), { want });
  current = plane;
  if (hasClusters(hsmPaths.folder(config.dataDir))) want();
  return {
    async close() {
      if (current === plane) current = undefined;
      await plane.close();
    },
  };
}

/** Ends and removes the clusters of an installation that is emptied while it runs. @throws HsmError */
export async function removeClusters(config: RoleConfig, supervisor: Pick<SupervisorLink, "want">): Promise<void> {
  if (!hasClusters(hsmPaths.folder(config.dataDir))) return;
  await clearHsmPlane(hsmPaths.socket(config.dataDir), { want: () => supervisor.want("hsm") });
}

function hasClusters(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder, { withFileTypes: true }).some((entry) => entry.isDirectory());
}
