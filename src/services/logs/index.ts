import { defineService } from "#gateway/service.ts";
import { onAll, onGroup, onNamed } from "./access.ts";
import { audit } from "./auditRows.ts";
import { jobs } from "./jobs.ts";
import { applyMetricFilters } from "./metricFilterReactor.ts";
import {
  associateKmsKey,
  createLogGroup,
  deleteLogGroup,
  deleteRetentionPolicy,
  describeLogGroups,
  disassociateKmsKey,
  listLogGroups,
  putDeletionProtection,
  putRetentionPolicy,
} from "./operations/groups.ts";
import { startLiveTail } from "./operations/liveTail.ts";
import {
  deleteMetricFilter,
  describeMetricFilters,
  putMetricFilter,
  testMetricFilter,
} from "./operations/metricFilters.ts";
import { putLogEvents } from "./operations/putEvents.ts";
import { describeQueries, getQueryResults, queriedGroups, startQuery, stopQuery } from "./operations/queries.ts";
import { deleteQueryDefinition, describeQueryDefinitions, putQueryDefinition } from "./operations/queryDefinitions.ts";
import {
  filterLogEvents,
  getLogEvents,
  getLogGroupFields,
  getLogRecord,
  pointedGroup,
} from "./operations/readEvents.ts";
import { deleteResourcePolicy, describeResourcePolicies, putResourcePolicy } from "./operations/resourcePolicies.ts";
import { createLogStream, deleteLogStream, describeLogStreams } from "./operations/streams.ts";
import {
  deleteSubscriptionFilter,
  describeSubscriptionFilters,
  putSubscriptionFilter,
} from "./operations/subscriptions.ts";
import {
  listTagsForResource,
  listTagsLogGroup,
  tagLogGroup,
  tagResource,
  untagLogGroup,
  untagResource,
} from "./operations/tags.ts";
import type { Sdk } from "./sdk.ts";
import { ingestedStream } from "./state.ts";

export const service = defineService<Sdk>()({
  id: "logs",
  operations: {
    AssociateKmsKey: associateKmsKey,
    CreateLogGroup: createLogGroup,
    CreateLogStream: createLogStream,
    DeleteLogGroup: deleteLogGroup,
    DeleteLogStream: deleteLogStream,
    DeleteMetricFilter: deleteMetricFilter,
    DeleteQueryDefinition: deleteQueryDefinition,
    DeleteResourcePolicy: deleteResourcePolicy,
    DeleteRetentionPolicy: deleteRetentionPolicy,
    DeleteSubscriptionFilter: deleteSubscriptionFilter,
    DescribeLogGroups: describeLogGroups,
    DescribeLogStreams: describeLogStreams,
    DescribeMetricFilters: describeMetricFilters,
    DescribeQueries: describeQueries,
    DescribeQueryDefinitions: describeQueryDefinitions,
    DescribeResourcePolicies: describeResourcePolicies,
    DescribeSubscriptionFilters: describeSubscriptionFilters,
    DisassociateKmsKey: disassociateKmsKey,
    FilterLogEvents: filterLogEvents,
    GetLogEvents: getLogEvents,
    GetLogGroupFields: getLogGroupFields,
    GetLogRecord: getLogRecord,
    GetQueryResults: getQueryResults,
    ListLogGroups: listLogGroups,
    ListTagsForResource: listTagsForResource,
    ListTagsLogGroup: listTagsLogGroup,
    PutLogEvents: putLogEvents,
    PutLogGroupDeletionProtection: putDeletionProtection,
    PutMetricFilter: putMetricFilter,
    PutQueryDefinition: putQueryDefinition,
    PutResourcePolicy: putResourcePolicy,
    PutRetentionPolicy: putRetentionPolicy,
    PutSubscriptionFilter: putSubscriptionFilter,
    StartLiveTail: startLiveTail,
    StartQuery: startQuery,
    StopQuery: stopQuery,
    TagLogGroup: tagLogGroup,
    TagResource: tagResource,
    TestMetricFilter: testMetricFilter,
    UntagLogGroup: untagLogGroup,
    UntagResource: untagResource,
  },
  access: {
    AssociateKmsKey: (input, ctx) => onGroup(ctx, "AssociateKmsKey", input.logGroupName ?? input.resourceIdentifier),
    CreateLogGroup: (input, ctx) => onGroup(ctx, "CreateLogGroup", input.logGroupName, { tags: input.tags }),
    CreateLogStream: (input, ctx) =>
      onGroup(ctx, "CreateLogStream", input.logGroupName, { stream: input.logStreamName }),
    DeleteLogGroup: (input, ctx) => onGroup(ctx, "DeleteLogGroup", input.logGroupName),
    DeleteLogStream: (input, ctx) =>
      onGroup(ctx, "DeleteLogStream", input.logGroupName, { stream: input.logStreamName }),
    DeleteMetricFilter: (input, ctx) => onGroup(ctx, "DeleteMetricFilter", input.logGroupName),
    DeleteQueryDefinition: () => onAll("DeleteQueryDefinition"),
    DeleteResourcePolicy: () => onAll("DeleteResourcePolicy"),
    DeleteRetentionPolicy: (input, ctx) => onGroup(ctx, "DeleteRetentionPolicy", input.logGroupName),
    DeleteSubscriptionFilter: (input, ctx) => onGroup(ctx, "DeleteSubscriptionFilter", input.logGroupName),
    DescribeLogGroups: (_input, ctx) => onGroup(ctx, "DescribeLogGroups", ""),
    DescribeLogStreams: (input, ctx) => onNamed(ctx, "DescribeLogStreams", input),
    DescribeMetricFilters: (input, ctx) => onGroup(ctx, "DescribeMetricFilters", input.logGroupName),
    DescribeQueries: () => onAll("DescribeQueries"),
    DescribeQueryDefinitions: () => onAll("DescribeQueryDefinitions"),
    DescribeResourcePolicies: () => onAll("DescribeResourcePolicies"),
    DescribeSubscriptionFilters: (input, ctx) => onGroup(ctx, "DescribeSubscriptionFilters", input.logGroupName),
    DisassociateKmsKey: (input, ctx) =>
      onGroup(ctx, "DisassociateKmsKey", input.logGroupName ?? input.resourceIdentifier),
    FilterLogEvents: (input, ctx) => onNamed(ctx, "FilterLogEvents", input),
    GetLogEvents: (input, ctx) => onNamed(ctx, "GetLogEvents", input, input.logStreamName),
    GetLogGroupFields: (input, ctx) => onNamed(ctx, "GetLogGroupFields", input),
    GetLogRecord: (input, ctx) => onGroup(ctx, "GetLogRecord", pointedGroup(input.logRecordPointer ?? "").group),
    GetQueryResults: () => onAll("GetQueryResults"),
    ListLogGroups: (_input, ctx) => onGroup(ctx, "ListLogGroups", ""),
    ListTagsForResource: (input, ctx) => onGroup(ctx, "ListTagsForResource", input.resourceArn, { plain: true }),
    ListTagsLogGroup: (input, ctx) => onGroup(ctx, "ListTagsLogGroup", input.logGroupName, { plain: true }),
    PutLogEvents: (input, ctx) => onGroup(ctx, "PutLogEvents", input.logGroupName, { stream: input.logStreamName }),
    PutLogGroupDeletionProtection: (input, ctx) =>
      onGroup(ctx, "PutLogGroupDeletionProtection", input.logGroupIdentifier),
    PutMetricFilter: (input, ctx) => onGroup(ctx, "PutMetricFilter", input.logGroupName),
    PutQueryDefinition: () => onAll("PutQueryDefinition"),
    PutResourcePolicy: () => onAll("PutResourcePolicy"),
    PutRetentionPolicy: (input, ctx) => onGroup(ctx, "PutRetentionPolicy", input.logGroupName),
    PutSubscriptionFilter: (input, ctx) => onGroup(ctx, "PutSubscriptionFilter", input.logGroupName),
    StartLiveTail: (input, ctx) =>
      Promise.all((input.logGroupIdentifiers ?? []).map((id) => onGroup(ctx, "StartLiveTail", id))),
    StartQuery: (input, ctx) => Promise.all(queriedGroups(input).map((name) => onGroup(ctx, "StartQuery", name))),
    StopQuery: () => onAll("StopQuery"),
    TagLogGroup: (input, ctx) => onGroup(ctx, "TagLogGroup", input.logGroupName, { tags: input.tags, plain: true }),
    TagResource: (input, ctx) => onGroup(ctx, "TagResource", input.resourceArn, { tags: input.tags, plain: true }),
    TestMetricFilter: () => onAll("TestMetricFilter"),
    UntagLogGroup: (input, ctx) => onGroup(ctx, "UntagLogGroup", input.logGroupName, { plain: true }),
    UntagResource: (input, ctx) => onGroup(ctx, "UntagResource", input.resourceArn, { plain: true }),
  },
  audit,
  jobs,
  reactors: [{ name: "metricFilters", stream: ingestedStream, handle: applyMetricFilters }],
});
