import { useState } from "react";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import Textarea from "@cloudscape-design/components/textarea";
import { every, useConsole } from "../frame/context.ts";
import { NotFound } from "../frame/NotBuilt.tsx";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { ErrorAlert } from "../parts/ErrorAlert.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";

export default function CloudWatch({ path: [section = "alarms", name] }: PageProps) {
  switch (section) {
    case "alarms":
      return <Alarms />;
    case "logs":
      return name === undefined ? <LogGroups /> : <LogEvents group={name} />;
    case "insights":
      return <Insights />;
    default:
      return <NotFound />;
  }
}

const crumbs = [{ text: "CloudWatch", href: hrefOf("cloudwatch") }];

const stateTypes = { OK: "success", ALARM: "error", INSUFFICIENT_DATA: "pending" } as const;

function Alarms() {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("cloudwatch.alarms")} crumbs={crumbs}>
      <Listing
        name="cloudwatch/alarms"
        title={t("cloudwatch.alarms")}
        live={["cloudwatch"]}
        load={async () => {
          const { MetricAlarms = [], CompositeAlarms = [] } = await api("cloudwatch", "DescribeAlarms", {
            MaxRecords: 100,
            AlarmTypes: ["MetricAlarm", "CompositeAlarm"],
          });
          return { items: [...MetricAlarms, ...CompositeAlarms], more: false };
        }}
        rowId={(alarm) => alarm.AlarmName}
        columns={[
          { id: "name", header: t("column.name"), cell: (alarm) => alarm.AlarmName },
          {
            id: "state",
            header: t("cloudwatch.state"),
            text: (alarm) => alarm.StateValue,
            cell: (alarm) => (
              <StatusIndicator type={stateTypes[alarm.StateValue as keyof typeof stateTypes] ?? "info"}>
                {alarm.StateValue}
              </StatusIndicator>
            ),
          },
          {
            id: "metric",
            header: t("cloudwatch.metric"),
            cell: (alarm) => (alarm.MetricName ? `${alarm.Namespace} ${alarm.MetricName}` : alarm.AlarmRule),
          },
          { id: "reason", header: t("cloudwatch.reason"), cell: (alarm) => alarm.StateReason },
          {
            id: "updated",
            header: t("cloudwatch.updated"),
            cell: (alarm) => time(alarm.StateUpdatedTimestamp),
            text: (alarm) => alarm.StateUpdatedTimestamp ?? 0,
          },
        ]}
        create={{
          label: t("cloudwatch.createAlarm"),
          question: () => ({
            title: t("cloudwatch.createAlarm"),
            submit: t("action.create"),
            fields: [
              { name: "AlarmName", label: t("cloudwatch.alarmName") },
              { name: "Namespace", label: t("cloudwatch.namespace") },
              { name: "MetricName", label: t("cloudwatch.metricName") },
              { name: "Threshold", label: t("cloudwatch.threshold"), initial: "1" },
              { name: "Period", label: t("cloudwatch.period"), initial: "60" },
              { name: "topic", label: t("cloudwatch.topic"), optional: true },
            ],
            run: async ({ Threshold, Period, topic, ...values }) =>
              void (await api("cloudwatch", "PutMetricAlarm", {
                ...values,
                Threshold: Number(Threshold),
                Period: Number(Period),
                Statistic: "Sum",
                EvaluationPeriods: 1,
                ComparisonOperator: "GreaterThanOrEqualToThreshold",
                TreatMissingData: "notBreaching",
                ...(topic ? { AlarmActions: [topic] } : {}),
              })),
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ AlarmName }) =>
              deletion(t, AlarmName, () => api("cloudwatch", "DeleteAlarms", { AlarmNames: [AlarmName] })),
          },
        ]}
      />
    </Page>
  );
}

function LogGroups() {
  const { t, time, number } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("cloudwatch.logs")} crumbs={crumbs}>
      <Listing
        name="logs/groups"
        title={t("cloudwatch.logs")}
        load={() => every(api, "logs", "DescribeLogGroups", {}, "logGroups", ["nextToken", "nextToken"])}
        rowId={(group) => group.logGroupName}
        columns={[
          {
            id: "name",
            header: t("column.name"),
            cell: (group) => group.logGroupName,
            href: (group) => hrefOf("cloudwatch", "logs", group.logGroupName),
          },
          {
            id: "retention",
            header: t("cloudwatch.retention"),
            cell: (group) => (group.retentionInDays ? number(group.retentionInDays) : t("cloudwatch.forever")),
          },
          {
            id: "stored",
            header: t("cloudwatch.stored"),
            cell: (group) => number(group.storedBytes ?? 0),
            text: (group) => group.storedBytes ?? 0,
          },
          {
            id: "created",
            header: t("column.created"),
            cell: (group) => time(group.creationTime / 1000),
            text: (group) => group.creationTime,
          },
        ]}
        create={{
          label: t("cloudwatch.createGroup"),
          question: () => ({
            title: t("cloudwatch.createGroup"),
            submit: t("action.create"),
            fields: [{ name: "logGroupName", label: t("cloudwatch.groupName") }],
            run: async (values) => void (await api("logs", "CreateLogGroup", values)),
          }),
        }}
        actions={[
          {
            id: "retention",
            label: t("cloudwatch.setRetention"),
            question: ({ logGroupName, retentionInDays }) => ({
              title: t("cloudwatch.setRetention"),
              text: logGroupName,
              submit: t("action.save"),
              fields: [{ name: "days", label: t("cloudwatch.retention"), initial: String(retentionInDays ?? 30) }],
              run: async ({ days }) =>
                void (await api("logs", "PutRetentionPolicy", { logGroupName, retentionInDays: Number(days) })),
            }),
          },
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ logGroupName }) =>
              deletion(t, logGroupName, () => api("logs", "DeleteLogGroup", { logGroupName })),
          },
        ]}
      />
    </Page>
  );
}

function LogEvents({ group }: { group: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={group} crumbs={[...crumbs, { text: t("cloudwatch.logs"), href: hrefOf("cloudwatch", "logs") }]}>
      <Listing
        name={`logs/${group}/events`}
        title={t("cloudwatch.logEvents")}
        live={["logs"]}
        load={async () => {
          const { items, more } = await every(
            api,
            "logs",
            "FilterLogEvents",
            { logGroupName: group, limit: 1000 },
            "events",
            ["nextToken", "nextToken"],
          );
          return { items: items.toReversed(), more };
        }}
        rowId={(event) => event.eventId}
        columns={[
          {
            id: "time",
            header: t("column.time"),
            cell: (event) => time(event.timestamp / 1000),
            text: (event) => event.timestamp,
            width: 180,
          },
          { id: "stream", header: t("cloudwatch.stream"), cell: (event) => event.logStreamName },
          { id: "message", header: t("cloudwatch.message"), cell: (event) => event.message },
        ]}
      />
    </Page>
  );
}

interface Found {
  columns: string[];
  rows: Record<string, string>[];
  matched: number;
  scanned: number;
}

const hourMs = 3_600_000;

function Insights() {
  const { t, number } = useLocale();
  const { api, now } = useConsole();
  const [groups, setGroups] = useState("");
  const [query, setQuery] = useState("fields @timestamp, @message\n| sort @timestamp desc\n| limit 100");
  const [hours, setHours] = useState("1");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [found, setFound] = useState<Found>();
  const run = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const end = now();
      const { queryId } = await api("logs", "StartQuery", {
        logGroupNames: groups.split(/[\s,]+/).filter((each) => each !== ""),
        queryString: query,
        startTime: Math.floor((end - Number(hours) * hourMs) / 1000),
        endTime: Math.ceil(end / 1000),
      });
      for (;;) {
        const answer = await api("logs", "GetQueryResults", { queryId });
        if (answer.status === "Running" || answer.status === "Scheduled") {
          await new Promise((resolve) => setTimeout(resolve, 300));
          continue;
        }
        setFound(foundIn(answer));
        break;
      }
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Page title={t("cloudwatch.insights")} crumbs={crumbs}>
      <Container>
        <SpaceBetween size="m">
          <ColumnLayout columns={2}>
            <FormField label={t("cloudwatch.logs")} stretch>
              <Input value={groups} spellcheck={false} onChange={({ detail }) => setGroups(detail.value)} />
            </FormField>
            <FormField label={t("cloudwatch.hours")}>
              <Input type="number" value={hours} onChange={({ detail }) => setHours(detail.value)} />
            </FormField>
          </ColumnLayout>
          <FormField label={t("cloudwatch.query")} stretch>
            <Textarea value={query} rows={5} spellcheck={false} onChange={({ detail }) => setQuery(detail.value)} />
          </FormField>
          <Button variant="primary" loading={busy} disabled={groups.trim() === ""} onClick={() => void run()}>
            {t("cloudwatch.run")}
          </Button>
          <ErrorAlert error={error} />
        </SpaceBetween>
      </Container>
      {found ? (
        <Table
          items={found.rows}
          wrapLines
          columnDefinitions={found.columns.map((name) => ({
            id: name,
            header: name,
            cell: (row: Record<string, string>) => row[name] ?? "–",
          }))}
          ariaLabels={{ tableLabel: t("cloudwatch.results") }}
          empty={<Box textAlign="center">{t("list.empty")}</Box>}
          header={
            <Header
              counter={`(${number(found.rows.length)})`}
              description={t("cloudwatch.scanned", { matched: number(found.matched), scanned: number(found.scanned) })}
            >
              {t("cloudwatch.results")}
            </Header>
          }
        />
      ) : null}
    </Page>
  );
}

function foundIn(answer: Row): Found {
  const rows = answer.results.map((row: { field: string; value: string }[]) =>
    Object.fromEntries(row.filter(({ field }) => field !== "@ptr").map(({ field, value }) => [field, value])),
  ) as Record<string, string>[];
  return {
    rows,
    columns: [...new Set(rows.flatMap((row) => Object.keys(row)))],
    matched: answer.statistics?.recordsMatched ?? 0,
    scanned: answer.statistics?.recordsScanned ?? 0,
  };
}
