import { defineService, type AuditDetail } from "#gateway/service.ts";
import { onAlarm, onAlarms, onAll } from "./access.ts";
import { takeActions } from "./actionJob.ts";
import { evaluateAlarms } from "./alarmJob.ts";
import { disableAlarmActions, enableAlarmActions, setAlarmState } from "./operations/alarmState.ts";
import { describeAlarmHistory, describeAlarms, describeAlarmsForMetric } from "./operations/describeAlarms.ts";
import { getMetricData, listMetrics } from "./operations/metricData.ts";
import { deleteAlarms, putCompositeAlarm, putMetricAlarm } from "./operations/putAlarms.ts";
import { putMetricData } from "./operations/putMetricData.ts";
import { getMetricStatistics } from "./operations/statistics.ts";
import { listTagsForResource, tagResource, untagResource } from "./operations/tags.ts";
import { recordReported } from "./reportedMetrics.ts";
import { rollUp } from "./rollups.ts";
import type { Sdk } from "./sdk.ts";
import { metricsStream } from "./state.ts";

/** Source: CloudWatch User Guide, "Logging CloudWatch API calls with CloudTrail": these are data events. */
const dataEvent = (requestParameters: Record<string, unknown>): AuditDetail => ({
  category: "Data",
  requestParameters,
});

export const service = defineService<Sdk>()({
  id: "cloudwatch",
  operations: {
    DeleteAlarms: deleteAlarms,
    DescribeAlarmHistory: describeAlarmHistory,
    DescribeAlarms: describeAlarms,
    DescribeAlarmsForMetric: describeAlarmsForMetric,
    DisableAlarmActions: disableAlarmActions,
    EnableAlarmActions: enableAlarmActions,
    GetMetricData: getMetricData,
    GetMetricStatistics: getMetricStatistics,
    ListMetrics: listMetrics,
    ListTagsForResource: listTagsForResource,
    PutCompositeAlarm: putCompositeAlarm,
    PutMetricAlarm: putMetricAlarm,
    PutMetricData: putMetricData,
    SetAlarmState: setAlarmState,
    TagResource: tagResource,
    UntagResource: untagResource,
  },
  access: {
    DeleteAlarms: (input, ctx) => onAlarms(ctx, "DeleteAlarms", input.AlarmNames),
    DescribeAlarmHistory: (input, ctx) => onAlarm(ctx, "DescribeAlarmHistory", input.AlarmName ?? "*"),
    DescribeAlarms: (input, ctx) => onAlarms(ctx, "DescribeAlarms", input.AlarmNames),
    DescribeAlarmsForMetric: (_input, ctx) => onAlarm(ctx, "DescribeAlarmsForMetric", "*"),
    DisableAlarmActions: (input, ctx) => onAlarms(ctx, "DisableAlarmActions", input.AlarmNames),
    EnableAlarmActions: (input, ctx) => onAlarms(ctx, "EnableAlarmActions", input.AlarmNames),
    GetMetricData: () => onAll("GetMetricData"),
    GetMetricStatistics: () => onAll("GetMetricStatistics"),
    ListMetrics: () => onAll("ListMetrics"),
    ListTagsForResource: (input, ctx) => onAlarm(ctx, "ListTagsForResource", input.ResourceARN),
    PutCompositeAlarm: (input, ctx) => onAlarm(ctx, "PutCompositeAlarm", input.AlarmName, input.Tags),
    PutMetricAlarm: (input, ctx) => onAlarm(ctx, "PutMetricAlarm", input.AlarmName, input.Tags),
    PutMetricData: (input) => onAll("PutMetricData", { "cloudwatch:namespace": input.Namespace ?? "" }),
    SetAlarmState: (input, ctx) => onAlarm(ctx, "SetAlarmState", input.AlarmName),
    TagResource: (input, ctx) => onAlarm(ctx, "TagResource", input.ResourceARN, input.Tags),
    UntagResource: (input, ctx) => onAlarm(ctx, "UntagResource", input.ResourceARN),
  },
  audit: {
    PutMetricData: (input) => dataEvent({ namespace: input.Namespace }),
    GetMetricData: () => dataEvent({}),
    GetMetricStatistics: (input) => dataEvent({ namespace: input.Namespace, metricName: input.MetricName }),
  },
  jobs: [
    { name: "rollUp", everyMs: 5_000, run: rollUp },
    { name: "alarms", everyMs: 1_000, run: evaluateAlarms },
    { name: "actions", everyMs: 1_000, run: takeActions },
  ],
  reactors: [{ name: "reported", stream: metricsStream, handle: recordReported }],
});
