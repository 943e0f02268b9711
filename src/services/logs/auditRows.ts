/**
 * What CloudTrail shows of log calls. Events and patterns themselves are not in it; writing, reading and searching log
 * events are data events. Source: CloudWatch Logs User Guide, "Logging CloudWatch Logs API operations in AWS CloudTrail".
 */
import type { AuditDetail } from "#gateway/service.ts";

interface Named {
  logGroupName?: string | undefined;
  logGroupIdentifier?: string | undefined;
  logStreamName?: string | undefined;
}

function data({ logGroupName, logGroupIdentifier, logStreamName }: Named): AuditDetail {
  return {
    category: "Data",
    requestParameters: {
      ...(logGroupName === undefined ? {} : { logGroupName }),
      ...(logGroupIdentifier === undefined ? {} : { logGroupIdentifier }),
      ...(logStreamName === undefined ? {} : { logStreamName }),
    },
    responseElements: null,
  };
}

export const audit = {
  PutLogEvents: data,
  GetLogEvents: data,
  FilterLogEvents: data,
  TestMetricFilter: (): AuditDetail => ({ requestParameters: null }),
};
