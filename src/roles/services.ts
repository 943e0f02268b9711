/** Every service that this installation serves. Adding a service is a row here and a folder in `src/services`. */
import { systemClock } from "#kernel/clock.ts";
import type { Service } from "#gateway/service.ts";
import { accountService } from "../services/account/index.ts";
import { service as acm } from "../services/acm/index.ts";
import { cloudHsmService } from "../services/cloudhsmv2/index.ts";
import { service as cloudtrail } from "../services/cloudtrail/index.ts";
import { accounts } from "../services/iam/accounts.ts";
import { service as cloudtrailData } from "../services/cloudtrail-data/index.ts";
import { service as cloudwatch } from "../services/cloudwatch/index.ts";
import { service as ec2 } from "../services/ec2/index.ts";
import { service as elbv2 } from "../services/elbv2/index.ts";
import { eventsService } from "../services/events/index.ts";
import { service as guardduty } from "../services/guardduty/index.ts";
import { service as iam } from "../services/iam/index.ts";
import { kmsService } from "../services/kms/index.ts";
import { service as logs } from "../services/logs/index.ts";
import { organizationsService } from "../services/organizations/index.ts";
import { service as s3 } from "../services/s3/index.ts";
import { service as s3control } from "../services/s3control/index.ts";
import { service as securityhub } from "../services/securityhub/index.ts";
import { service as scheduler } from "../services/scheduler/index.ts";
import { snsService } from "../services/sns/index.ts";
import { service as sqs } from "../services/sqs/index.ts";
import { stsService } from "../services/sts/index.ts";
import { IssuerKeys } from "../services/sts/webIdentity/issuerKeys.ts";
import { wafv2Service } from "../services/wafv2/index.ts";
import { installedBackend } from "./hsmBackend.ts";
import { hsmPlane } from "./hsmPlane.ts";
import { locationDatabases } from "./locationFiles.ts";
import { xksSettings } from "./xksSettings.ts";

export const services: readonly Service[] = [
  accountService(accounts),
  acm,
  cloudHsmService({ plane: hsmPlane, backend: () => installedBackend(process.env) }),
  cloudtrail,
  cloudtrailData,
  cloudwatch,
  ec2,
  elbv2,
  eventsService({ publicTargetsOnly: process.env["JIKIMI_EVENTS_PUBLIC_TARGETS_ONLY"] === "1" }),
  guardduty,
  iam,
  kmsService(xksSettings(process.env), hsmPlane),
  logs,
  organizationsService(accounts),
  s3,
  s3control,
  securityhub,
  scheduler,
  snsService({
    ...(process.env["JIKIMI_SMTP"] ? { smtpUrl: process.env["JIKIMI_SMTP"] } : {}),
    publicTargetsOnly: process.env["JIKIMI_SNS_PUBLIC_TARGETS_ONLY"] === "1",
  }),
  sqs,
  stsService(new IssuerKeys(systemClock)),
  wafv2Service({ databases: locationDatabases(process.env) }),
];
