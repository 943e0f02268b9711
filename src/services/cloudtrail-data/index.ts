import { defineService } from "#gateway/service.ts";
import { access, audit, putAuditEvents } from "./putAuditEvents.ts";
import type { CloudTrailData } from "./sdk.ts";

export const service = defineService<CloudTrailData>()({
  id: "cloudtrail-data",
  operations: { PutAuditEvents: putAuditEvents },
  access: { PutAuditEvents: access },
  audit: { PutAuditEvents: audit },
});
