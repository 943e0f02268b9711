import { useState } from "react";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import { every, useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { createdColumn } from "../../parts/columns.ts";
import { Json, pretty } from "../../parts/Json.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { deletion } from "../../parts/questions.ts";
import { useLoad } from "../../parts/useLoad.ts";
import { Everything, One } from "./frame.tsx";

const template = pretty({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: [], Resource: "*" }] });

export function Policies() {
  const locale = useLocale();
  const { t } = locale;
  const { api } = useConsole();
  const [scope, setScope] = useState("Local");
  return (
    <Everything
      kind="policies"
      name={`iam/policies/${scope}`}
      extra={
        <SegmentedControl
          label={t("column.type")}
          selectedId={scope}
          options={[
            { id: "Local", text: t("iam.customerManaged") },
            { id: "AWS", text: t("iam.awsManaged") },
          ]}
          onChange={({ detail }) => setScope(detail.selectedId)}
        />
      }
      load={() => every(api, "iam", "ListPolicies", { Scope: scope, MaxItems: 1000 }, "Policies", ["Marker", "Marker"])}
      rowId={(policy) => policy.Arn}
      columns={[
        {
          id: "name",
          header: t("iam.policyName"),
          cell: (policy) => policy.PolicyName,
          href: (policy) => hrefOf("iam", "policies", policy.Arn),
        },
        {
          id: "attachments",
          header: t("iam.attachments"),
          cell: (policy) => String(policy.AttachmentCount),
          text: (policy) => policy.AttachmentCount,
        },
        { id: "description", header: t("column.description"), cell: (policy) => policy.Description },
        createdColumn(locale),
      ]}
      create={{
        label: t("iam.createPolicy"),
        question: () => ({
          title: t("iam.createPolicy"),
          submit: t("action.create"),
          fields: [
            { name: "PolicyName", label: t("iam.policyName") },
            { name: "PolicyDocument", label: t("iam.policyDocument"), kind: "long", initial: template },
          ],
          run: async (values) => void (await api("iam", "CreatePolicy", values)),
        }),
      }}
      actions={[
        {
          id: "delete",
          label: t("action.delete"),
          disabled: ({ Arn }) => Arn.startsWith("arn:aws:iam::aws:"),
          question: ({ Arn, PolicyName }) =>
            deletion(t, PolicyName, () => api("iam", "DeletePolicy", { PolicyArn: Arn })),
        },
      ]}
    />
  );
}

export function PolicyPage({ arn }: { arn: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(arn, async () => {
    const { Policy } = await api("iam", "GetPolicy", { PolicyArn: arn });
    const { PolicyVersion } = await api("iam", "GetPolicyVersion", {
      PolicyArn: arn,
      VersionId: Policy.DefaultVersionId,
    });
    return { ...Policy, document: decodeURIComponent(PolicyVersion.Document) };
  });
  const pairs = data && [
    [t("column.arn"), data.Arn],
    [t("column.description"), data.Description ?? "–"],
    [t("column.created"), time(data.CreateDate)],
  ];
  return (
    <One kind="policies" name={data?.PolicyName ?? arn.split("/").at(-1)!} error={error} pairs={pairs}>
      {data ? (
        <Container header={<Header variant="h2">{t("iam.policyDocument")}</Header>}>
          <Json value={data.document} label={t("iam.policyDocument")} />
        </Container>
      ) : null}
      <Listing
        name={`iam/policy/${arn}/entities`}
        title={t("iam.usedBy")}
        load={async () => {
          const found = await api("iam", "ListEntitiesForPolicy", { PolicyArn: arn });
          const rows = (kind: string, list: { [name: string]: string }[], name: string) =>
            list.map((each) => ({ kind, name: each[name]! }));
          return {
            items: [
              ...rows("users", found.PolicyUsers, "UserName"),
              ...rows("roles", found.PolicyRoles, "RoleName"),
              ...rows("groups", found.PolicyGroups, "GroupName"),
            ],
            more: false,
          };
        }}
        rowId={(each) => `${each.kind}/${each.name}`}
        columns={[
          {
            id: "name",
            header: t("column.name"),
            cell: (each) => each.name,
            href: (each) => hrefOf("iam", each.kind, each.name),
          },
          {
            id: "type",
            header: t("column.type"),
            cell: (each) => t(`iam.${each.kind as "users" | "roles" | "groups"}`),
          },
        ]}
      />
    </One>
  );
}
