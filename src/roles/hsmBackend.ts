/** What would hold the keys of clusters here, told without the process that keeps them: without a cluster there is none. */
import type { HsmBackend } from "../hsm/contract.ts";
import { hsmSettings } from "./hsmSettings.ts";

/** Settings that cannot be used are the reason. */
export function installedBackend(env: NodeJS.ProcessEnv, dataDir = ""): HsmBackend {
  try {
    const { kind, description, module } = hsmSettings(env, dataDir).backend;
    if (kind === "none") return { available: false, reason: description };
    return { available: true, kind, description, ...(module === undefined ? {} : { module }) };
  } catch (error) {
    return { available: false, reason: (error as Error).message };
  }
}
