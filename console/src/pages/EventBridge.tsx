import { useState } from "react";
import Select from "@cloudscape-design/components/select";
import { every, useConsole } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { Json, pretty } from "../parts/Json.tsx";
import { Listing } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";
import { useLoad } from "../parts/useLoad.ts";

export default function EventBridge({ path: [bus, rule] }: PageProps) {
  return bus === undefined || rule === undefined ? <Rules /> : <RulePage bus={bus} rule={rule} />;
}

const template = pretty({ source: ["aws.guardduty"], "detail-type": ["GuardDuty Finding"] });

function Rules() {
  const { t } = useLocale();
  const { api } = useConsole();
  const [bus, setBus] = useState("default");
  const buses = useLoad("buses", async () => (await api("events", "ListEventBuses")).EventBuses as { Name: string }[]);
  const options = (buses.data ?? [{ Name: bus }]).map(({ Name }) => ({ value: Name, label: Name }));
  return (
    <Page title="EventBridge">
      <Listing
        name={`events/${bus}/rules`}
        title={t("events.rules")}
        extra={
          <Select
            ariaLabel={t("events.bus")}
            selectedOption={options.find((each) => each.value === bus) ?? null}
            options={options}
            onChange={({ detail }) => setBus(detail.selectedOption.value!)}
          />
        }
        load={() => every(api, "events", "ListRules", { EventBusName: bus }, "Rules")}
        rowId={(rule) => rule.Arn}
        columns={[
          {
            id: "name",
            header: t("column.name"),
            cell: (rule) => rule.Name,
            href: (rule) => hrefOf("eventbridge", bus, rule.Name),
          },
          { id: "state", header: t("column.status"), cell: (rule) => rule.State },
          { id: "schedule", header: t("events.schedule"), cell: (rule) => rule.ScheduleExpression },
          { id: "description", header: t("column.description"), cell: (rule) => rule.Description },
        ]}
        create={{
          label: t("events.createRule"),
          question: () => ({
            title: t("events.createRule"),
            submit: t("action.create"),
            fields: [
              { name: "Name", label: t("events.ruleName") },
              { name: "EventPattern", label: t("events.pattern"), kind: "long", initial: template },
            ],
            run: async (values) => void (await api("events", "PutRule", { ...values, EventBusName: bus })),
          }),
        }}
        actions={[
          {
            id: "toggle",
            label: `${t("action.enable")} / ${t("action.disable")}`,
            question: ({ Name, State }) => ({
              title: t(State === "ENABLED" ? "action.disable" : "action.enable"),
              text: Name,
              submit: t(State === "ENABLED" ? "action.disable" : "action.enable"),
              run: async () =>
                void (await api("events", State === "ENABLED" ? "DisableRule" : "EnableRule", {
                  Name,
                  EventBusName: bus,
                })),
            }),
          },
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ Name }) =>
              deletion(t, Name, async () => {
                const { Targets } = await api("events", "ListTargetsByRule", { Rule: Name, EventBusName: bus });
                const Ids = Targets.map((each: { Id: string }) => each.Id);
                if (Ids.length > 0) await api("events", "RemoveTargets", { Rule: Name, EventBusName: bus, Ids });
                await api("events", "DeleteRule", { Name, EventBusName: bus });
              }),
          },
        ]}
      />
    </Page>
  );
}

function RulePage({ bus, rule }: { bus: string; rule: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const where = { Name: rule, EventBusName: bus };
  const { data, error } = useLoad(`${bus}/${rule}`, () => api("events", "DescribeRule", where));
  return (
    <Page title={rule} crumbs={[{ text: "EventBridge", href: hrefOf("eventbridge") }]}>
      <Details
        title={t("tab.details")}
        error={error}
        pairs={
          data
            ? [
                [t("column.arn"), data.Arn],
                [t("column.status"), data.State],
                [t("events.bus"), bus],
                [t("events.schedule"), data.ScheduleExpression ?? "–"],
                [
                  t("events.pattern"),
                  data.EventPattern ? <Json key="p" value={data.EventPattern} label={t("events.pattern")} /> : "–",
                ],
              ]
            : []
        }
      />
      <Listing
        name={`events/${bus}/${rule}/targets`}
        title={t("events.targets")}
        load={() => every(api, "events", "ListTargetsByRule", { Rule: rule, EventBusName: bus }, "Targets")}
        rowId={(target) => target.Id}
        columns={[
          { id: "id", header: t("column.id"), cell: (target) => target.Id },
          { id: "arn", header: t("column.arn"), cell: (target) => target.Arn },
        ]}
        create={{
          label: t("events.addTarget"),
          question: () => ({
            title: t("events.addTarget"),
            submit: t("action.save"),
            fields: [
              { name: "Id", label: t("column.id"), initial: "target-1" },
              { name: "Arn", label: t("events.target") },
            ],
            run: async (values) =>
              void (await api("events", "PutTargets", { Rule: rule, EventBusName: bus, Targets: [values] })),
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ Id }) => ({
              title: t("action.deleteWhat", { name: Id }),
              submit: t("action.delete"),
              run: async () =>
                void (await api("events", "RemoveTargets", { Rule: rule, EventBusName: bus, Ids: [Id] })),
            }),
          },
        ]}
      />
    </Page>
  );
}
