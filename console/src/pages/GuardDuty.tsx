import { useState } from "react";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import { useConsole } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { ErrorAlert } from "../parts/ErrorAlert.tsx";
import { Json } from "../parts/Json.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { levelOf, Severity } from "../parts/Severity.tsx";
import { useLoad } from "../parts/useLoad.ts";

/** "Maximum of 50 finding IDs": GetFindings. */
const batch = 50;

export default function GuardDuty({ path: [id] }: PageProps) {
  const { t } = useLocale();
  const { api, flash } = useConsole();
  const { data, error, reload } = useLoad(
    "detectors",
    async () => (await api("guardduty", "ListDetectors")).DetectorIds[0] ?? null,
  );
  const enable = async () => {
    await api("guardduty", "CreateDetector", { Enable: true });
    flash(t("guardduty.enable"));
    reload();
  };
  if (data && id !== undefined) return <FindingPage detector={data} id={id} />;
  return (
    <Page title={t("guardduty.findings")} description={t("guardduty.text")}>
      <ErrorAlert error={error} />
      {data === null ? (
        <Alert type="info" action={<Button onClick={() => void enable()}>{t("guardduty.enable")}</Button>}>
          {t("guardduty.none")}
        </Alert>
      ) : null}
      {data ? <Detector id={data} /> : null}
      {data ? <Findings detector={data} /> : null}
    </Page>
  );
}

function Detector({ id }: { id: string }) {
  const { t, time } = useLocale();
  const { api, flash } = useConsole();
  const { data, error, reload } = useLoad(id, () => api("guardduty", "GetDetector", { DetectorId: id }), ["guardduty"]);
  const isOn = data?.Status === "ENABLED";
  const label = t(isOn ? "guardduty.suspend" : "guardduty.resume");
  const toggle = async () => {
    await api("guardduty", "UpdateDetector", { DetectorId: id, Enable: !isOn });
    flash(label);
    reload();
  };
  return (
    <>
      {data && !isOn ? <Alert type="warning">{t("guardduty.suspended")}</Alert> : null}
      <Details
        title={t("guardduty.detector")}
        error={error}
        pairs={
          data
            ? [
                [t("column.id"), id],
                [t("column.status"), data.Status],
                [t("column.created"), time(data.CreatedAt)],
              ]
            : []
        }
        actions={data ? <Button onClick={() => void toggle()}>{label}</Button> : undefined}
      />
    </>
  );
}

function resourceOf(finding: Row): string {
  const { AccessKeyDetails, S3BucketDetails, InstanceDetails, ResourceType } = finding.Resource ?? {};
  return AccessKeyDetails?.UserName ?? S3BucketDetails?.[0]?.Name ?? InstanceDetails?.InstanceId ?? ResourceType ?? "";
}

function Findings({ detector }: { detector: string }) {
  const { t, time, number } = useLocale();
  const { api } = useConsole();
  const [archived, setArchived] = useState("false");
  return (
    <Listing
      name={`guardduty/${detector}/${archived}`}
      title={t("guardduty.findings")}
      live={["guardduty"]}
      extra={
        <SegmentedControl
          label={t("column.status")}
          selectedId={archived}
          options={[
            { id: "false", text: t("guardduty.current") },
            { id: "true", text: t("guardduty.archived") },
          ]}
          onChange={({ detail }) => setArchived(detail.selectedId)}
        />
      }
      load={async () => {
        const { FindingIds = [], NextToken } = await api("guardduty", "ListFindings", {
          DetectorId: detector,
          MaxResults: batch,
          FindingCriteria: { Criterion: { "service.archived": { Eq: [archived] } } },
          SortCriteria: { AttributeName: "updatedAt", OrderBy: "DESC" },
        });
        if (FindingIds.length === 0) return { items: [], more: false };
        const { Findings: items } = await api("guardduty", "GetFindings", { DetectorId: detector, FindingIds });
        return { items, more: Boolean(NextToken) };
      }}
      rowId={(finding) => finding.Id}
      columns={[
        {
          id: "severity",
          header: t("guardduty.severity"),
          cell: (finding) => <Severity level={levelOf(finding.Severity)} number={finding.Severity} />,
          text: (finding) => finding.Severity,
        },
        {
          id: "type",
          header: t("column.type"),
          cell: (finding) => finding.Type,
          href: (finding) => hrefOf("guardduty", finding.Id),
        },
        { id: "title", header: t("hub.title"), cell: (finding) => finding.Title },
        { id: "resource", header: t("guardduty.resource"), cell: resourceOf, text: resourceOf },
        {
          id: "count",
          header: t("guardduty.count"),
          cell: (finding) => number(finding.Service?.Count ?? 1),
          text: (finding) => finding.Service?.Count ?? 1,
        },
        {
          id: "last",
          header: t("guardduty.lastSeen"),
          cell: (finding) => time(finding.Service?.EventLastSeen ?? finding.UpdatedAt),
          text: (finding) => finding.UpdatedAt,
        },
      ]}
      more={[
        {
          label: t("guardduty.samples"),
          question: () => ({
            title: t("guardduty.samples"),
            text: t("guardduty.samplesText"),
            submit: t("action.create"),
            run: async () => void (await api("guardduty", "CreateSampleFindings", { DetectorId: detector })),
          }),
        },
      ]}
      actions={[
        {
          id: "archive",
          label: t(archived === "true" ? "guardduty.unarchive" : "guardduty.archive"),
          question: ({ Id, Title }) => ({
            title: t(archived === "true" ? "guardduty.unarchive" : "guardduty.archive"),
            text: Title,
            submit: t(archived === "true" ? "guardduty.unarchive" : "guardduty.archive"),
            run: async () =>
              void (await api("guardduty", archived === "true" ? "UnarchiveFindings" : "ArchiveFindings", {
                DetectorId: detector,
                FindingIds: [Id],
              })),
          }),
        },
      ]}
    />
  );
}

function FindingPage({ detector, id }: { detector: string; id: string }) {
  const { t, time, number } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(
    id,
    async () => (await api("guardduty", "GetFindings", { DetectorId: detector, FindingIds: [id] })).Findings[0],
    ["guardduty"],
  );
  const call = data?.Service?.Action?.AwsApiCallAction;
  const accessKey = data?.Resource?.AccessKeyDetails;
  return (
    <Page
      title={data?.Type ?? id}
      description={data?.Title}
      crumbs={[{ text: "GuardDuty", href: hrefOf("guardduty") }]}
    >
      <ErrorAlert error={error} />
      {data ? (
        <>
          <Details
            title={t("tab.details")}
            pairs={[
              [t("guardduty.severity"), <Severity key="s" level={levelOf(data.Severity)} number={data.Severity} />],
              [t("guardduty.resource"), resourceOf(data)],
              [t("guardduty.count"), number(data.Service?.Count ?? 1)],
              [t("guardduty.firstSeen"), time(data.Service?.EventFirstSeen ?? data.CreatedAt)],
              [t("guardduty.lastSeen"), time(data.Service?.EventLastSeen ?? data.UpdatedAt)],
              [t("cloudtrail.ip"), call?.RemoteIpDetails?.IpAddressV4 ?? "–"],
              [t("guardduty.api"), call ? `${call.ServiceName} ${call.Api}` : "–"],
              [t("guardduty.actor"), accessKey ? `${accessKey.UserType} ${accessKey.UserName}` : "–"],
              [t("column.description"), data.Description],
            ]}
          />
          {accessKey?.UserName ? <Evidence userName={accessKey.UserName} /> : null}
          <Container header={<Header variant="h2">{t("guardduty.finding")}</Header>}>
            <Json value={data} label={t("guardduty.finding")} />
          </Container>
        </>
      ) : null}
    </Page>
  );
}

function Evidence({ userName }: { userName: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const name = userName.toLowerCase() === "root" ? "root" : userName;
  return (
    <Listing
      name={`guardduty/evidence/${name}`}
      title={t("guardduty.evidence")}
      load={async () => {
        const { Events = [] } = await api("cloudtrail", "LookupEvents", {
          LookupAttributes: [{ AttributeKey: "Username", AttributeValue: name }],
          MaxResults: 25,
        });
        return { items: Events, more: false };
      }}
      rowId={(each) => each.EventId}
      columns={[
        { id: "time", header: t("column.time"), cell: (each) => time(each.EventTime), text: (each) => each.EventTime },
        {
          id: "name",
          header: t("cloudtrail.eventName"),
          cell: (each) => each.EventName,
          href: (each) => hrefOf("cloudtrail", "events", each.EventId),
        },
        { id: "source", header: t("cloudtrail.source"), cell: (each) => each.EventSource },
      ]}
    />
  );
}
