/**
 * What is sealed on its way to the disk: content that services keep as it came, where the service does not seal it by
 * itself (log groups, queues and topics with a key, secrets). The encryption matrix reads this table.
 */
import type { SealedKinds } from "#store/sealed.ts";
import { accessLogStream } from "../edge/config.ts";
import { types as elbv2 } from "../services/elbv2/state.ts";
import { types as events } from "../services/events/state.ts";
import { types as guardduty } from "../services/guardduty/state.ts";
import { types as securityhub } from "../services/securityhub/state.ts";
import { types as sns } from "../services/sns/state.ts";
import { dataType, tailType } from "../services/cloudtrail/history/state.ts";

export const sealedKinds: SealedKinds = {
  documents: {
    /** The event history; records on their way into files. Directories of the history hold times and 16-bit digests. */
    cloudtrail: new Set([tailType, dataType, "pending", "pendingLog"]),
    elbv2: new Set([elbv2.pendingLog]),
    events: new Set([events.delivery, events.archived]),
    guardduty: new Set([guardduty.finding, guardduty.pendingExport]),
    securityhub: new Set([securityhub.finding, securityhub.history]),
    sns: new Set([sns.message]),
  },
  streams: new Set([accessLogStream]),
};
