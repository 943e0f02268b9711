/**
 * Putting events is no management event, and what they say is nobody else's. An invocation of an API destination is
 * recorded under its own name.
 */
import type { ServiceDefinition } from "#gateway/service.ts";
import { isInvocation } from "./internalForms.ts";
import type { Sdk } from "./sdk.ts";

export const audit: NonNullable<ServiceDefinition<Sdk>["audit"]> = {
  PutEvents: (input) => ({
    category: "Data",
    requestParameters: {
      entries: (input.Entries ?? []).map(({ EventBusName, Source, DetailType, Resources, Time }) => ({
        ...(EventBusName === undefined ? {} : { eventBusName: EventBusName }),
        ...(Source === undefined ? {} : { source: Source }),
        ...(DetailType === undefined ? {} : { detailType: DetailType }),
        ...(Resources === undefined ? {} : { resources: Resources }),
        ...(Time === undefined ? {} : { time: Time.toISOString() }),
      })),
    },
  }),
  DescribeApiDestination: (input) =>
    isInvocation(input)
      ? {
          category: "Data",
          eventName: "InvokeApiDestination",
          requestParameters: { name: input.Name },
          readOnly: false,
        }
      : {},
};
