/** Nothing is begun where nothing could serve it. */
import type { HsmBackend } from "../../hsm/contract.ts";
import { noBackend } from "./errors.ts";

/** Told without a process: an installation without HSMs has none. */
export type InstalledBackend = () => HsmBackend;

/** @throws CloudHsmServiceException with the reason */
export function requireBackend(installed: InstalledBackend): void {
  const backend = installed();
  if (!backend.available) throw noBackend(backend.reason);
}
