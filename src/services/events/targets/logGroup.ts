/**
 * CloudWatch Logs groups: an event is a log event, in a stream of its own for each rule and target. The group's resource
 * policy lets EventBridge write.
 * Source: EventBridge User Guide, "Using resource-based policies: CloudWatch Logs permissions"; "Input transformer
 * for CloudWatch Logs": `{"timestamp": …, "message": …}`.
 */
import { createHash } from "node:crypto";
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import { delivered, failed, type Outcome } from "#engines/delivery/outcome.ts";
import { clientsFor, type Attempt } from "./clients.ts";

export async function toLogGroup(ctx: JobContext, attempt: Attempt): Promise<Outcome> {
  const group = parseArn(attempt.target.Arn!)!
    .resource.replace(/^log-group:/, "")
    .replace(/:\*$/, "");
  const place = { logGroupName: group, logStreamName: streamName(attempt) };
  const { logs } = clientsFor(ctx, attempt);
  const put = () => logs.PutLogEvents({ ...place, logEvents: [logEvent(attempt)] });
  let answer: Awaited<ReturnType<typeof put>>;
  try {
    answer = await put();
  } catch (error) {
    if (!(error instanceof AwsError) || !/log stream/i.test(error.message) || !/NotFound/.test(error.code)) throw error;
    await logs.CreateLogStream(place).catch((other: unknown) => {
      if (!(other instanceof AwsError) || other.code !== "ResourceAlreadyExistsException") throw other;
    });
    answer = await put();
  }
  if (answer.rejectedLogEventsInfo === undefined) return delivered();
  return failed("INVALID_PARAMETER", "The time of the event is outside of what the log group takes.", true);
}

function logEvent({ target, input, event }: Attempt): { timestamp: number; message: string } {
  const timestamp = Date.parse(event.time);
  if (!target.InputTransformer) return { timestamp, message: input };
  try {
    const parsed = JSON.parse(input) as { timestamp?: unknown; message?: unknown } | null;
    if (parsed !== null && typeof parsed === "object" && "timestamp" in parsed && "message" in parsed) {
      const given = typeof parsed.timestamp === "number" ? parsed.timestamp : Date.parse(String(parsed.timestamp));
      const message = typeof parsed.message === "string" ? parsed.message : JSON.stringify(parsed.message);
      return { timestamp: Number.isFinite(given) ? given : timestamp, message };
    }
  } catch {
    // A text, then.
  }
  return { timestamp, message: input };
}

function streamName({ rule, target }: Attempt): string {
  const hash = createHash("sha256").update(`${rule.uid}/${target.Id}`).digest("hex");
  return hash.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
