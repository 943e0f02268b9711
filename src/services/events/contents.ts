/** Events of buses and archives with a KMS key, sealed and opened in the name of EventBridge. */
import type { Clients } from "#gateway/clients.ts";
import type { BusEvent, Content } from "./event.ts";
import { eventText } from "./event.ts";
import { busContext, type Sealer, type SealingContext } from "./sealing.ts";

/** @param kms asks as EventBridge. @throws AwsError as KMS refuses */
export async function sealEvent(
  ctx: SealingContext,
  sealer: Sealer,
  kms: Clients["kms"],
  key: { kmsKeyId: string; busArn: string },
  event: BusEvent,
): Promise<Content> {
  const sealed = await sealer.seal(ctx, kms, key.kmsKeyId, busContext(key.busArn), eventText(event));
  return { sealed: { ...sealed, id: event.id, source: event.source, detailType: event["detail-type"] } };
}

/** @throws AwsError as KMS refuses */
export async function openEvent(
  ctx: Pick<SealingContext, "clock">,
  sealer: Sealer,
  kms: Clients["kms"],
  busArn: string,
  content: Content,
): Promise<BusEvent> {
  if ("event" in content) return content.event;
  return JSON.parse(await sealer.open(ctx, kms, busContext(busArn), content.sealed)) as BusEvent;
}
