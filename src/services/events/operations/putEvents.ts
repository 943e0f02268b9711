/**
 * PutEvents. Source: EventBridge API Reference, PutEvents; EventBridge User Guide, "Calculating PutEvents event entry
 * size"; texts recorded in LocalStack's `test_events.snapshot.json`.
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { eventLimit } from "#store/limits.ts";
import { busAddress, busArn, findBus, type BusAddress } from "../bus.ts";
import { sealEvent } from "../contents.ts";
import { invalid, noBus, notServed } from "../errors.ts";
import { eventsStream, isoTime, type BusEvent, type Envelope } from "../event.ts";
import { forwardedOf, type Forwarded } from "../internalForms.ts";
import type { Parts } from "../parts.ts";
import type { EventsHandlers, Out, PutEventsRequestEntry } from "../sdk.ts";
import { eventsPrincipal } from "../state.ts";

/** All entries of a call. */
const mostBytes = 262_144;
/** "PutEvents will only process nested JSON up to 1100 levels deep." */
const deepest = 1_100;

type Result = NonNullable<Out<"PutEvents">["Entries"]>[number];

export function putEventsHandlers(parts: Parts): EventsHandlers {
  return {
    async PutEvents(input, ctx) {
      if (input.EndpointId !== undefined) throw notServed("EndpointId", "Global endpoints");
      const entries = input.Entries ?? [];
      if (entries.reduce((sum, entry) => sum + sizeOf(entry), 0) > mostBytes) {
        throw invalid("Total size of the entries in the request is over the limit.");
      }
      const results: Result[] = [];
      for (const [index, entry] of entries.entries()) results.push(await put(parts, ctx, entry, index));
      return { FailedEntryCount: results.filter(({ ErrorCode }) => ErrorCode !== undefined).length, Entries: results };
    },
  };
}

function sizeOf({ Time, Source = "", DetailType = "", Detail = "", Resources = [] }: PutEventsRequestEntry): number {
  const texts = [Source, DetailType, Detail, ...Resources];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), Time === undefined ? 0 : 14);
}

interface Refusal {
  ErrorCode: string;
  ErrorMessage: string;
}

const refused = (ErrorCode: string, ErrorMessage: string): Refusal => ({ ErrorCode, ErrorMessage });
const required = (name: string) =>
  refused("InvalidArgument", `Parameter ${name} is not valid. Reason: ${name} is a required argument.`);

async function put(parts: Parts, ctx: CallContext, entry: PutEventsRequestEntry, index: number): Promise<Result> {
  const address = busAddress(ctx, entry.EventBusName);
  const forwarded = forwardedOf(entry);
  const event = forwarded ? forwarded.event : await newEvent(ctx, entry, index);
  if ("ErrorCode" in event) return event;
  const bus = address.region === ctx.region ? await findBus(ctx.state, address) : undefined;
  if (!bus && forwarded) throw noBus(address.name);
  // As AWS does: an event for a bus that is not there is taken, and is nobody's.
  if (!bus) return { EventId: event.id };
  let content: Envelope["content"] = { event };
  if (bus.kmsKeyId !== undefined) {
    const where = { account: address.account, region: address.region };
    const { kms } = ctx.asService(eventsPrincipal, { ...where, sourceArn: bus.arn, sourceAccount: address.account });
    try {
      content = await sealEvent(ctx, parts.sealer, kms, { kmsKeyId: bus.kmsKeyId, busArn: bus.arn }, event);
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      return refused(error.code, error.message);
    }
  }
  const envelope = envelopeFor(ctx, address, entry, content, forwarded);
  if (JSON.stringify(envelope).length > eventLimit) return refused("InvalidArgument", "The event is too large.");
  ctx.state.emit(eventsStream, address.account, { ...envelope });
  return { EventId: event.id };
}

function envelopeFor(
  ctx: CallContext,
  bus: BusAddress,
  entry: PutEventsRequestEntry,
  content: Envelope["content"],
  forwarded: Forwarded | undefined,
): Envelope {
  return {
    bus,
    ingestedAt: ctx.now,
    content,
    ...(entry.TraceHeader === undefined ? {} : { traceHeader: entry.TraceHeader }),
    ...(forwarded ? { forwardedFrom: forwarded.from } : {}),
  };
}

async function newEvent(ctx: CallContext, entry: PutEventsRequestEntry, index: number): Promise<BusEvent | Refusal> {
  const { Source: source = "", DetailType: detailType = "", Detail: detail } = entry;
  if (source === "") return required("Source");
  // Sources of AWS's own services are theirs alone.
  if (source.startsWith("aws.")) {
    return refused("NotAuthorizedForSourceException", "Not authorized for the source.");
  }
  if (detailType === "") return required("DetailType");
  if (detail === undefined || detail === "") return required("Detail");
  const parsed = readDetail(detail);
  if (parsed === undefined) return refused("MalformedDetail", "Detail is malformed.");
  const texts = [source, detailType, ...(entry.Resources ?? [])];
  if (!texts.every((text) => text.isWellFormed()))
    return refused("InvalidArgument", "A text is not well-formed Unicode.");
  return {
    version: "0",
    id: await ctx.once(`event ${index}`, async () => ctx.random.uuid()),
    "detail-type": detailType,
    source,
    account: callerAccount(ctx),
    time: isoTime(entry.Time?.getTime() ?? ctx.now),
    region: ctx.region,
    resources: [...(entry.Resources ?? [])],
    detail: parsed,
  };
}

/** Events carry the account that put them, whosever the bus is. */
function callerAccount(ctx: CallContext): string {
  return "account" in ctx.principal ? ctx.principal.account : ctx.account;
}

/** An object; `undefined` for anything else. */
function readDetail(text: string): object | undefined {
  if (!text.isWellFormed() || isTooDeep(text)) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed !== null && typeof parsed === "object" && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (quoted) {
      if (character === "\\") i++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") {
      if (++depth > deepest) return true;
    } else if (character === "}" || character === "]") depth--;
  }
  return false;
}

/** The buses of a call, by ARN, each with the sources and types that go there. */
export function wantedBuses(
  ctx: Pick<CallContext, "account" | "region">,
  entries: readonly PutEventsRequestEntry[],
): Map<string, { address: BusAddress; entries: PutEventsRequestEntry[] }> {
  const found = new Map<string, { address: BusAddress; entries: PutEventsRequestEntry[] }>();
  for (const entry of entries) {
    const address = busAddress(ctx, entry.EventBusName);
    const arn = busArn(address);
    const known = found.get(arn) ?? { address, entries: [] };
    known.entries.push(entry);
    found.set(arn, known);
  }
  return found;
}
