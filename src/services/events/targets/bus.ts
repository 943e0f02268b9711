/**
 * Other buses. The event keeps its id, account, source and time; it is forwarded once: "EventBridge can't route events
 * received from a sender event bus to a third event bus".
 * Source: EventBridge User Guide, "Sending and receiving events between event buses"; error codes of dead letters.
 */
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import { InvalidInput } from "../inputs.ts";
import { forwardedMember, type Forwarded } from "../internalForms.ts";
import { delivered, failed, outcomeOf, type Outcome } from "#engines/delivery/outcome.ts";
import { clientsFor, type Attempt } from "./clients.ts";

export async function toBus(ctx: JobContext, attempt: Attempt): Promise<Outcome> {
  const { place, event, target, delivery } = attempt;
  const arn = parseArn(target.Arn!)!;
  if (delivery.forwardedFrom) {
    const otherAccount = arn.account !== place.account || delivery.forwardedFrom.account !== place.account;
    const code = otherAccount ? "THIRD_ACCOUNT_HOP_DETECTED" : "THIRD_REGION_HOP_DETECTED";
    return failed(code, "An event that was received from another event bus is not sent on to a third one.", true);
  }
  const { account, region } = place;
  const forwarded: Forwarded = { event: { ...event, detail: detailFor(attempt) }, from: { account, region } };
  const entry = {
    EventBusName: target.Arn!,
    Source: event.source,
    DetailType: event["detail-type"],
    ...(delivery.traceHeader === undefined ? {} : { TraceHeader: delivery.traceHeader }),
    [forwardedMember]: forwarded,
  };
  const { Entries = [] } = await clientsFor(ctx, attempt, arn.region).events.PutEvents({ Entries: [entry] });
  const { ErrorCode, ErrorMessage = "" } = Entries[0] ?? {};
  return ErrorCode === undefined ? delivered() : outcomeOf(new AwsError(ErrorCode, ErrorMessage));
}

/** A constant or transformed input becomes the detail; the whole event goes as it is. */
function detailFor({ target, event, input }: Attempt): unknown {
  if (target.Input === undefined && target.InputPath === undefined && !target.InputTransformer) return event.detail;
  try {
    return JSON.parse(input) as unknown;
  } catch {
    throw new InvalidInput("The input of an event bus is the detail of an event, and has to be JSON.");
  }
}
