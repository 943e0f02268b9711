/**
 * Calls about messages are data events; a body is never written down.
 * Source: SQS Developer Guide, "Logging Amazon SQS API calls using AWS CloudTrail" (data events AWS::SQS::Queue).
 */
import type { AuditDetail, ServiceDefinition } from "#gateway/service.ts";
import type { Sdk } from "./sdk.ts";

const data: AuditDetail = { category: "Data" };
const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";

function withoutBody(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { MessageBody, MessageAttributes: _, MessageSystemAttributes: _system, ...rest } = input;
  const shown = Object.entries(rest).map(([name, value]) => [name.charAt(0).toLowerCase() + name.slice(1), value]);
  return { ...Object.fromEntries(shown), ...(MessageBody === undefined ? {} : { messageBody: hidden }) };
}

export const audit: ServiceDefinition<Sdk>["audit"] = {
  SendMessage: (input) => ({ ...data, requestParameters: withoutBody({ ...input }) }),
  SendMessageBatch: (input) => ({
    ...data,
    requestParameters: {
      queueUrl: input.QueueUrl,
      entries: (input.Entries ?? []).map((entry) => withoutBody({ ...entry })),
    },
  }),
  ReceiveMessage: () => ({ ...data, responseElements: null }),
  DeleteMessage: () => data,
  DeleteMessageBatch: () => data,
  ChangeMessageVisibility: () => data,
  ChangeMessageVisibilityBatch: () => data,
};
