import { useState } from "react";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { every, useConsole } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { FormModal, type Question } from "../parts/FormModal.tsx";
import { Json, pretty } from "../parts/Json.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";
import { useLoad } from "../parts/useLoad.ts";

const Scope = "REGIONAL";
const next = ["NextMarker", "NextMarker"] as const;
const metricOf = (name: string) => name.replaceAll(/[^\w-]/g, "");
const visibility = (name: string) => ({
  SampledRequestsEnabled: true,
  CloudWatchMetricsEnabled: true,
  MetricName: metricOf(name),
});

export default function Waf({ path: [id, name] }: PageProps) {
  return id === undefined || name === undefined ? <WebAcls /> : <WebAclPage id={id} name={name} />;
}

function WebAcls() {
  const { t } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("waf.webAcls")} description={t("waf.text")}>
      <Listing
        name="wafv2/web-acls"
        title={t("waf.webAcls")}
        load={() => every(api, "wafv2", "ListWebACLs", { Scope }, "WebACLs", next)}
        rowId={(acl) => acl.ARN}
        columns={[
          {
            id: "name",
            header: t("column.name"),
            cell: (acl) => acl.Name,
            href: (acl) => hrefOf("waf", acl.Id, acl.Name),
          },
          { id: "description", header: t("column.description"), cell: (acl) => acl.Description },
          { id: "id", header: t("column.id"), cell: (acl) => acl.Id },
        ]}
        create={{
          label: t("waf.createAcl"),
          question: () => ({
            title: t("waf.createAcl"),
            submit: t("action.create"),
            fields: [
              { name: "Name", label: t("column.name") },
              {
                name: "action",
                label: t("waf.defaultAction"),
                kind: "choice",
                choices: [
                  { value: "Allow", label: t("waf.allow") },
                  { value: "Block", label: t("waf.block") },
                ],
              },
            ],
            run: async ({ Name = "", action = "Allow" }) =>
              void (await api("wafv2", "CreateWebACL", {
                Name,
                Scope,
                DefaultAction: { [action]: {} },
                VisibilityConfig: visibility(Name),
                Rules: [],
              })),
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ Name, Id, LockToken }) =>
              deletion(t, Name, () => api("wafv2", "DeleteWebACL", { Name, Id, Scope, LockToken })),
          },
        ]}
      />
      <Listing
        name="wafv2/ip-sets"
        title={t("waf.ipSets")}
        load={() => every(api, "wafv2", "ListIPSets", { Scope }, "IPSets", next)}
        rowId={(set) => set.ARN}
        columns={[
          { id: "name", header: t("column.name"), cell: (set) => set.Name },
          { id: "description", header: t("column.description"), cell: (set) => set.Description },
          { id: "arn", header: t("column.arn"), cell: (set) => set.ARN },
        ]}
        create={{
          label: t("waf.createIpSet"),
          question: () => ({
            title: t("waf.createIpSet"),
            submit: t("action.create"),
            fields: [
              { name: "Name", label: t("column.name") },
              { name: "addresses", label: t("waf.addresses"), kind: "long" },
            ],
            run: async ({ Name, addresses = "" }) => {
              const Addresses = addresses.split(/\s+/).filter((each) => each !== "");
              const IPAddressVersion = addresses.includes(":") ? "IPV6" : "IPV4";
              await api("wafv2", "CreateIPSet", { Name, Scope, IPAddressVersion, Addresses });
            },
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ Name, Id, LockToken }) =>
              deletion(t, Name, () => api("wafv2", "DeleteIPSet", { Name, Id, Scope, LockToken })),
          },
        ]}
      />
    </Page>
  );
}

const query = { QueryString: {} };
const decoded = [{ Priority: 0, Type: "URL_DECODE" }];

/** Statements of the simplest rules; whatever else there is, is written as JSON. */
const statements: Readonly<Record<string, (value: string) => object>> = {
  Sqli: () => ({ SqliMatchStatement: { FieldToMatch: query, TextTransformations: decoded } }),
  Xss: () => ({ XssMatchStatement: { FieldToMatch: query, TextTransformations: decoded } }),
  Rate: (value) => ({ RateBasedStatement: { Limit: Number(value), AggregateKeyType: "IP" } }),
  Bytes: (value) => ({
    ByteMatchStatement: {
      // Bytes are base64 in JSON.
      SearchString: btoa(String.fromCharCode(...new TextEncoder().encode(value))),
      FieldToMatch: { UriPath: {} },
      TextTransformations: [{ Priority: 0, Type: "LOWERCASE" }],
      PositionalConstraint: "CONTAINS",
    },
  }),
  Ips: (value) => ({ IPSetReferenceStatement: { ARN: value } }),
};

const sampleMs = 3 * 3_600_000;

function WebAclPage({ id, name }: { id: string; name: string }) {
  const { t, time } = useLocale();
  const { api, flash, now } = useConsole();
  const [question, setQuestion] = useState<Question>();
  const { data, error, reload } = useLoad(id, () => api("wafv2", "GetWebACL", { Id: id, Name: name, Scope }));
  const acl = data?.WebACL;
  const update = async (Rules: unknown, done: string) => {
    await api("wafv2", "UpdateWebACL", {
      Id: id,
      Name: name,
      Scope,
      LockToken: data.LockToken,
      DefaultAction: acl.DefaultAction,
      VisibilityConfig: acl.VisibilityConfig,
      Rules,
    });
    flash(done);
    reload();
  };
  const addRule = () =>
    setQuestion({
      title: t("waf.addRule"),
      submit: t("action.save"),
      fields: [
        { name: "Name", label: t("column.name") },
        {
          name: "kind",
          label: t("waf.kind"),
          kind: "choice",
          choices: Object.keys(statements).map((kind) => ({
            value: kind,
            label: t(`waf.kind${kind}` as "waf.kindSqli"),
          })),
        },
        { name: "value", label: t("waf.kindValue"), optional: true },
        {
          name: "action",
          label: t("waf.action"),
          kind: "choice",
          choices: [
            { value: "Block", label: t("waf.block") },
            { value: "Count", label: t("waf.count") },
            { value: "Allow", label: t("waf.allow") },
          ],
        },
      ],
      run: async ({ Name = "", kind = "", value = "", action = "Block" }) => {
        const rules = (acl.Rules ?? []) as Row[];
        const Priority = rules.reduce((highest, rule) => Math.max(highest, rule.Priority + 1), 0);
        const rule = {
          Name,
          Priority,
          Statement: statements[kind]!(value),
          Action: { [action]: {} },
          VisibilityConfig: visibility(Name),
        };
        await update([...rules, rule], t("waf.addRule"));
      },
    });
  const editRules = () =>
    setQuestion({
      title: t("waf.editRules"),
      submit: t("action.save"),
      fields: [{ name: "rules", label: t("waf.document"), kind: "long", initial: pretty(acl.Rules ?? []) }],
      run: ({ rules = "[]" }) => update(JSON.parse(rules), t("waf.editRules")),
    });
  return (
    <Page title={name} crumbs={[{ text: t("waf.webAcls"), href: hrefOf("waf") }]}>
      <Details
        title={t("tab.details")}
        error={error}
        pairs={
          acl
            ? [
                [t("column.arn"), acl.ARN],
                [t("waf.defaultAction"), Object.keys(acl.DefaultAction).join()],
                [t("waf.capacity"), String(acl.Capacity)],
                [t("waf.metric"), acl.VisibilityConfig.MetricName],
              ]
            : []
        }
        actions={
          acl ? (
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={addRule}>{t("waf.addRule")}</Button>
              <Button onClick={editRules}>{t("waf.editRules")}</Button>
            </SpaceBetween>
          ) : undefined
        }
      />
      {acl ? (
        <>
          <Listing
            name={`wafv2/${id}/rules/${data.LockToken}`}
            title={t("waf.rules")}
            load={async () => ({ items: acl.Rules ?? [], more: false })}
            rowId={(rule) => rule.Name}
            columns={[
              {
                id: "priority",
                header: t("waf.priority"),
                cell: (rule) => String(rule.Priority),
                text: (rule) => rule.Priority,
              },
              { id: "name", header: t("column.name"), cell: (rule) => rule.Name },
              {
                id: "action",
                header: t("waf.action"),
                cell: (rule) => Object.keys(rule.Action ?? rule.OverrideAction ?? {}).join(),
              },
              {
                id: "statement",
                header: t("waf.statement"),
                cell: (rule) => <Json value={rule.Statement} label={rule.Name} />,
                text: (rule) => JSON.stringify(rule.Statement),
              },
            ]}
          />
          <Listing
            name={`wafv2/${id}/sampled`}
            title={t("waf.sampled")}
            live={["wafv2"]}
            load={async () => {
              const metrics = [
                acl.VisibilityConfig.MetricName,
                ...(acl.Rules ?? []).map((rule: Row) => rule.VisibilityConfig.MetricName),
              ];
              const end = now();
              const found = await Promise.all(
                metrics.map((RuleMetricName: string) =>
                  api("wafv2", "GetSampledRequests", {
                    WebAclArn: acl.ARN,
                    RuleMetricName,
                    Scope,
                    TimeWindow: { StartTime: (end - sampleMs) / 1000, EndTime: end / 1000 },
                    MaxItems: 100,
                  }),
                ),
              );
              const items = found.flatMap((answer, i) =>
                (answer.SampledRequests ?? []).map((each: Row, n: number) => ({
                  ...each,
                  id: `${i}/${n}`,
                  metric: metrics[i],
                })),
              );
              return {
                items: items.toSorted((a: Row, b: Row) => (b.Timestamp ?? 0) - (a.Timestamp ?? 0)),
                more: false,
              };
            }}
            rowId={(each) => each.id}
            columns={[
              {
                id: "time",
                header: t("column.time"),
                cell: (each) => time(each.Timestamp),
                text: (each) => each.Timestamp ?? 0,
              },
              { id: "request", header: t("waf.request"), cell: (each) => `${each.Request.Method} ${each.Request.URI}` },
              { id: "client", header: t("waf.client"), cell: (each) => each.Request.ClientIP },
              { id: "action", header: t("waf.action"), cell: (each) => each.Action },
              { id: "rule", header: t("waf.rule"), cell: (each) => each.metric },
            ]}
          />
          <Listing
            name={`wafv2/${id}/resources`}
            title={t("waf.resources")}
            load={async () => {
              const { ResourceArns = [] } = await api("wafv2", "ListResourcesForWebACL", {
                WebACLArn: acl.ARN,
                ResourceType: "APPLICATION_LOAD_BALANCER",
              });
              return { items: ResourceArns.map((arn: string) => ({ arn })), more: false };
            }}
            rowId={(each) => each.arn}
            columns={[
              {
                id: "arn",
                header: t("column.arn"),
                cell: (each) => each.arn,
                href: (each) => hrefOf("load-balancers", each.arn),
              },
            ]}
            create={{
              label: t("waf.associate"),
              question: () => ({
                title: t("waf.associate"),
                submit: t("action.save"),
                fields: [{ name: "ResourceArn", label: t("waf.resourceArn") }],
                run: async (values) => void (await api("wafv2", "AssociateWebACL", { WebACLArn: acl.ARN, ...values })),
              }),
            }}
            actions={[
              {
                id: "detach",
                label: t("action.detach"),
                question: ({ arn }) => ({
                  title: t("action.detach"),
                  text: arn,
                  submit: t("action.detach"),
                  run: async () => void (await api("wafv2", "DisassociateWebACL", { ResourceArn: arn })),
                }),
              },
            ]}
          />
        </>
      ) : null}
      {question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null}
    </Page>
  );
}
