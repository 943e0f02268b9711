import { useState } from "react";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import { every, useConsole } from "../frame/context.ts";
import { NotFound } from "../frame/NotBuilt.tsx";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { ErrorAlert } from "../parts/ErrorAlert.tsx";
import { Json } from "../parts/Json.tsx";
import { Listing } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";
import { useLoad } from "../parts/useLoad.ts";

const attributes = ["EventName", "Username", "EventSource", "ResourceName", "ResourceType", "ReadOnly", "AccessKeyId"];

export default function CloudTrail({ path: [section = "events", id] }: PageProps) {
  if (section === "events") return id === undefined ? <History /> : <EventPage id={id} />;
  return section === "trails" ? <Trails /> : <NotFound />;
}

function History() {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const [attribute, setAttribute] = useState("");
  const [typed, setTyped] = useState("");
  const [value, setValue] = useState("");
  const options = [
    { value: "", label: t("cloudtrail.attributeNone") },
    ...attributes.map((each) => ({ value: each, label: each })),
  ];
  const lookup = attribute && value ? { LookupAttributes: [{ AttributeKey: attribute, AttributeValue: value }] } : {};
  return (
    <Page
      title={t("cloudtrail.events")}
      description={t("cloudtrail.eventsText")}
      crumbs={[{ text: "CloudTrail", href: hrefOf("cloudtrail") }]}
    >
      <Listing
        name={`cloudtrail/events/${JSON.stringify(lookup)}`}
        title={t("cloudtrail.events")}
        extra={
          <form
            onSubmit={(event) => {
              event.preventDefault();
              setValue(typed.trim());
            }}
          >
            <Grid
              gridDefinition={[
                { colspan: { default: 12, xs: 4 } },
                { colspan: { default: 12, xs: 5 } },
                { colspan: { default: 12, xs: 3 } },
              ]}
            >
              <Select
                ariaLabel={t("cloudtrail.attribute")}
                selectedOption={options.find((each) => each.value === attribute)!}
                options={options}
                onChange={({ detail }) => setAttribute(detail.selectedOption.value ?? "")}
              />
              <Input
                ariaLabel={t("column.value")}
                value={typed}
                disabled={attribute === ""}
                onChange={({ detail }) => setTyped(detail.value)}
              />
              <Button formAction="submit">{t("list.find")}</Button>
            </Grid>
          </form>
        }
        load={async () => {
          const { items, more } = await every(
            api,
            "cloudtrail",
            "LookupEvents",
            { MaxResults: 50, ...lookup },
            "Events",
          );
          return { items: items.map((each) => ({ ...each, event: JSON.parse(each.CloudTrailEvent) })), more };
        }}
        rowId={(each) => each.EventId}
        columns={[
          {
            id: "name",
            header: t("cloudtrail.eventName"),
            cell: (each) => each.EventName,
            href: (each) => hrefOf("cloudtrail", "events", each.EventId),
          },
          {
            id: "time",
            header: t("column.time"),
            cell: (each) => time(each.EventTime),
            text: (each) => each.EventTime,
          },
          { id: "user", header: t("cloudtrail.user"), cell: (each) => each.Username },
          { id: "source", header: t("cloudtrail.source"), cell: (each) => each.EventSource },
          { id: "ip", header: t("cloudtrail.ip"), cell: (each) => each.event.sourceIPAddress },
          {
            id: "error",
            header: t("cloudtrail.error"),
            cell: (each) => each.event.errorCode ?? each.event.errorMessage ?? "",
          },
        ]}
      />
    </Page>
  );
}

function EventPage({ id }: { id: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(id, async () => {
    const { Events } = await api("cloudtrail", "LookupEvents", {
      LookupAttributes: [{ AttributeKey: "EventId", AttributeValue: id }],
    });
    return Events[0] ? JSON.parse(Events[0].CloudTrailEvent) : null;
  });
  return (
    <Page
      title={data?.eventName ?? id}
      crumbs={[
        { text: "CloudTrail", href: hrefOf("cloudtrail") },
        { text: t("cloudtrail.events"), href: hrefOf("cloudtrail", "events") },
      ]}
    >
      <ErrorAlert error={error} />
      {data === null ? <Alert type="info">{t("cloudtrail.notFound")}</Alert> : null}
      {data ? (
        <>
          <Details
            title={t("tab.details")}
            pairs={[
              [t("column.time"), time(data.eventTime)],
              [t("cloudtrail.source"), data.eventSource],
              [t("column.region"), data.awsRegion],
              [t("cloudtrail.user"), data.userIdentity.arn ?? data.userIdentity.type],
              [t("cloudtrail.ip"), data.sourceIPAddress],
              [t("cloudtrail.error"), data.errorCode ?? data.errorMessage ?? "–"],
            ]}
          />
          <Container header={<Header variant="h2">{t("cloudtrail.record")}</Header>}>
            <Json value={data} label={t("cloudtrail.record")} />
          </Container>
        </>
      ) : null}
    </Page>
  );
}

function Trails() {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("cloudtrail.trails")} crumbs={[{ text: "CloudTrail", href: hrefOf("cloudtrail") }]}>
      <Listing
        name="cloudtrail/trails"
        title={t("cloudtrail.trails")}
        load={async () => {
          const { trailList } = await api("cloudtrail", "DescribeTrails");
          const items = await Promise.all(
            trailList.map(async (trail: { TrailARN: string }) => ({
              ...trail,
              status: await api("cloudtrail", "GetTrailStatus", { Name: trail.TrailARN }),
            })),
          );
          return { items, more: false };
        }}
        rowId={(trail) => trail.TrailARN}
        columns={[
          { id: "name", header: t("column.name"), cell: (trail) => trail.Name },
          {
            id: "logging",
            header: t("cloudtrail.logging"),
            cell: (trail) => t(trail.status.IsLogging ? "value.on" : "value.off"),
          },
          {
            id: "multi",
            header: t("cloudtrail.multiRegion"),
            cell: (trail) => t(trail.IsMultiRegionTrail ? "value.yes" : "value.no"),
          },
          {
            id: "bucket",
            header: t("cloudtrail.bucket"),
            cell: (trail) => trail.S3BucketName,
            href: (trail) => hrefOf("s3", trail.S3BucketName),
          },
          { id: "latest", header: t("cloudtrail.latest"), cell: (trail) => time(trail.status.LatestDeliveryTime) },
          { id: "home", header: t("column.region"), cell: (trail) => trail.HomeRegion },
        ]}
        create={{
          label: t("cloudtrail.create"),
          question: () => ({
            title: t("cloudtrail.create"),
            submit: t("action.create"),
            fields: [
              { name: "Name", label: t("column.name") },
              { name: "S3BucketName", label: t("cloudtrail.bucket"), hint: t("cloudtrail.bucketHint") },
              { name: "multi", label: t("cloudtrail.multiRegion"), kind: "check", initial: "true" },
            ],
            run: async ({ multi, ...values }) => {
              await api("cloudtrail", "CreateTrail", { ...values, IsMultiRegionTrail: multi === "true" });
              await api("cloudtrail", "StartLogging", { Name: values["Name"] });
            },
          }),
        }}
        actions={[
          {
            id: "toggle",
            label: `${t("cloudtrail.start")} / ${t("cloudtrail.stop")}`,
            question: ({ TrailARN, Name, status }) => ({
              title: t(status.IsLogging ? "cloudtrail.stop" : "cloudtrail.start"),
              content: <Box>{Name}</Box>,
              submit: t(status.IsLogging ? "cloudtrail.stop" : "cloudtrail.start"),
              run: async () =>
                void (await api("cloudtrail", status.IsLogging ? "StopLogging" : "StartLogging", { Name: TrailARN })),
            }),
          },
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ TrailARN, Name }) =>
              deletion(t, Name, () => api("cloudtrail", "DeleteTrail", { Name: TrailARN })),
          },
        ]}
      />
    </Page>
  );
}
