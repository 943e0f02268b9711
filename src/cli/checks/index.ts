import type { Check } from "./check.ts";
import { hsmChecks } from "./hsm.ts";
import { installationChecks } from "./installation.ts";
import { listenerChecks } from "./listeners.ts";
import { machineChecks } from "./machine.ts";
import { networkChecks } from "./network.ts";

export const checks: readonly Check[] = [
  ...machineChecks,
  ...installationChecks,
  ...hsmChecks,
  ...listenerChecks,
  ...networkChecks,
];
