/** Publishing is a data event; what was published is never written down. Source: SNS Developer Guide, "Logging AWS SNS API calls using AWS CloudTrail". */
import type { ServiceDefinition } from "#gateway/service.ts";
import type { Sdk } from "./sdk.ts";

const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";

interface Entry {
  Message?: string | undefined;
  Subject?: string | undefined;
  MessageAttributes?: unknown;
}

function withoutContent(input: Readonly<Entry>): Record<string, unknown> {
  const { Message: _, Subject, MessageAttributes: _attributes, ...rest } = { ...input } as Record<string, unknown>;
  const shown = Object.entries(rest).map(([name, value]) => [name.charAt(0).toLowerCase() + name.slice(1), value]);
  return { ...Object.fromEntries(shown), message: hidden, ...(Subject === undefined ? {} : { subject: hidden }) };
}

export const audit: NonNullable<ServiceDefinition<Sdk>["audit"]> = {
  Publish: (input) => ({
    category: "Data",
    requestParameters: {
      ...withoutContent(input),
      ...(input.PhoneNumber === undefined ? {} : { phoneNumber: hidden }),
    },
  }),
  PublishBatch: (input) => ({
    category: "Data",
    requestParameters: {
      topicArn: input.TopicArn,
      publishBatchRequestEntries: (input.PublishBatchRequestEntries ?? []).map(withoutContent),
    },
  }),
  // A token confirms; it is nobody else's to know.
  ConfirmSubscription: (input) => ({ requestParameters: { topicArn: input.TopicArn, token: hidden } }),
};
