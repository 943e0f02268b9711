/** SNS topics. */
import type { JobContext } from "#gateway/context.ts";
import { clientsFor, type Attempt } from "./clients.ts";

export async function toTopic(ctx: JobContext, attempt: Attempt): Promise<void> {
  await clientsFor(ctx, attempt).sns.Publish({ TopicArn: attempt.target.Arn!, Message: attempt.input });
}
