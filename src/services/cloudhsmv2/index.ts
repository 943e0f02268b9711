/** CloudHSM: the manifest. What makes and uses keys is behind `plane` (`src/hsm`). */
import { defineService, type Service } from "#gateway/service.ts";
import type { HsmPlane } from "../../hsm/contract.ts";
import { access } from "./access.ts";
import type { InstalledBackend } from "./backend.ts";
import { retentionJob, sweepJob } from "./lifecycle/backupsJob.ts";
import { lifecycleJob, type Pace, usualPace } from "./lifecycle/job.ts";
import { backupHandlers } from "./operations/backups.ts";
import { clusterHandlers } from "./operations/clusters.ts";
import { hsmHandlers } from "./operations/hsms.ts";
import { policyHandlers } from "./operations/policies.ts";
import { tagHandlers } from "./operations/tags.ts";
import type { Sdk } from "./sdk.ts";
import { serviceId } from "./state.ts";

export interface HsmParts {
  plane: HsmPlane;
  backend: InstalledBackend;
  pace?: Pace;
}

export function cloudHsmService({ plane, backend, pace = usualPace }: HsmParts): Service {
  return defineService<Sdk>()({
    id: serviceId,
    operations: {
      ...clusterHandlers(backend),
      ...hsmHandlers(backend),
      ...backupHandlers,
      ...policyHandlers,
      ...tagHandlers,
    },
    access,
    jobs: [lifecycleJob(plane, pace), retentionJob, sweepJob],
  });
}
