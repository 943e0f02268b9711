import { hostname } from "node:os";

/**
 * Who holds a lease: the role of a data folder on a host. A supervisor runs one process of each, so the process
 * that follows a killed one takes up its leases at once instead of waiting for them to run out.
 */
export function leaseOwner(role: string, dataDir: string): string {
  return `${role}@${hostname()}:${dataDir}`;
}
