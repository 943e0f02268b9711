import { useState } from "react";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Tabs from "@cloudscape-design/components/tabs";
import { ApiError } from "../aws/client.ts";
import { every, useConsole, type Api } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { FormModal, type Question } from "../parts/FormModal.tsx";
import { pretty } from "../parts/Json.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";
import { useLoad } from "../parts/useLoad.ts";

export default function Organizations(_: PageProps) {
  const { t } = useLocale();
  const { api, flash } = useConsole();
  const [question, setQuestion] = useState<Question>();
  const { data, error, reload } = useLoad("organization", async () => {
    try {
      return (await api("organizations", "DescribeOrganization")).Organization;
    } catch (problem) {
      if (problem instanceof ApiError && problem.code === "AWSOrganizationsNotInUseException") return null;
      throw problem;
    }
  });
  const create = () =>
    setQuestion({
      title: t("org.create"),
      text: t("org.createText"),
      submit: t("action.create"),
      run: async () => {
        await api("organizations", "CreateOrganization", { FeatureSet: "ALL" });
        flash(t("org.create"));
        reload();
      },
    });
  return (
    <Page title="Organizations">
      {data === null ? (
        <Alert type="info" action={<Button onClick={create}>{t("org.create")}</Button>}>
          {t("org.none")}
        </Alert>
      ) : (
        <Details
          title={t("org.organization")}
          error={error}
          pairs={
            data
              ? [
                  [t("column.id"), data.Id],
                  [t("org.management"), data.MasterAccountId],
                  [t("org.features"), data.FeatureSet],
                ]
              : []
          }
        />
      )}
      {data ? (
        <Tabs
          ariaLabel="Organizations"
          tabs={[
            { id: "accounts", label: t("org.accounts"), content: <Accounts /> },
            { id: "units", label: t("org.units"), content: <Units /> },
            { id: "policies", label: t("org.policies"), content: <ServiceControlPolicies /> },
          ]}
        />
      ) : null}
      {question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null}
    </Page>
  );
}

function Accounts() {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name="organizations/accounts"
      title={t("org.accounts")}
      live={["organizations"]}
      load={() => every(api, "organizations", "ListAccounts", {}, "Accounts")}
      rowId={(account) => account.Id}
      columns={[
        { id: "name", header: t("column.name"), cell: (account) => account.Name },
        { id: "id", header: t("column.id"), cell: (account) => account.Id },
        { id: "email", header: t("org.email"), cell: (account) => account.Email },
        { id: "status", header: t("column.status"), cell: (account) => account.Status },
        { id: "joined", header: t("org.joined"), cell: (account) => time(account.JoinedTimestamp) },
      ]}
      create={{
        label: t("org.createAccount"),
        question: () => ({
          title: t("org.createAccount"),
          submit: t("action.create"),
          fields: [
            { name: "AccountName", label: t("org.accountName") },
            { name: "Email", label: t("org.email") },
          ],
          run: async (values) => void (await api("organizations", "CreateAccount", values)),
        }),
      }}
      actions={[
        {
          id: "move",
          label: t("org.move"),
          question: ({ Id }) => ({
            title: t("org.move"),
            text: Id,
            submit: t("org.move"),
            fields: [{ name: "to", label: t("org.parent") }],
            run: async ({ to }) => {
              const { Parents } = await api("organizations", "ListParents", { ChildId: Id });
              await api("organizations", "MoveAccount", {
                AccountId: Id,
                SourceParentId: Parents[0].Id,
                DestinationParentId: to,
              });
            },
          }),
        },
        {
          id: "close",
          label: t("org.closeAccount"),
          question: ({ Id }) => ({
            title: t("org.closeAccount"),
            submit: t("org.closeAccount"),
            confirmWord: Id,
            run: async () => void (await api("organizations", "CloseAccount", { AccountId: Id })),
          }),
        },
      ]}
    />
  );
}

/** Roots and units, parents first. */
async function tree(api: Api): Promise<Row[]> {
  const { Roots } = await api("organizations", "ListRoots");
  const found: Row[] = [];
  const visit = async (node: Row, parent: Row, depth: number): Promise<void> => {
    found.push({ ...node, parent, depth });
    const { items } = await every(
      api,
      "organizations",
      "ListOrganizationalUnitsForParent",
      { ParentId: node.Id },
      "OrganizationalUnits",
    );
    for (const child of items) await visit(child, node, depth + 1);
  };
  for (const root of Roots) await visit(root, undefined, 0);
  return found;
}

function Units() {
  const { t } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name="organizations/units"
      title={t("org.units")}
      load={async () => ({ items: await tree(api), more: false })}
      rowId={(unit) => unit.Id}
      columns={[
        { id: "name", header: t("column.name"), cell: (unit) => `${"— ".repeat(unit.depth)}${unit.Name}` },
        { id: "id", header: t("column.id"), cell: (unit) => unit.Id },
        { id: "parent", header: t("org.parent"), cell: (unit) => unit.parent?.Name },
      ]}
      create={{
        label: t("org.createUnit"),
        question: () => ({
          title: t("org.createUnit"),
          submit: t("action.create"),
          fields: [
            { name: "ParentId", label: t("org.parent") },
            { name: "Name", label: t("column.name") },
          ],
          run: async (values) => void (await api("organizations", "CreateOrganizationalUnit", values)),
        }),
      }}
      actions={[
        {
          id: "delete",
          label: t("action.delete"),
          disabled: (unit) => unit.parent === undefined,
          question: ({ Id, Name }) =>
            deletion(t, Name, () => api("organizations", "DeleteOrganizationalUnit", { OrganizationalUnitId: Id })),
        },
      ]}
    />
  );
}

const template = pretty({ Version: "2012-10-17", Statement: [{ Effect: "Deny", Action: [], Resource: "*" }] });

function ServiceControlPolicies() {
  const { t } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name="organizations/policies"
      title={t("org.policies")}
      load={async () => {
        const { items, more } = await every(
          api,
          "organizations",
          "ListPolicies",
          { Filter: "SERVICE_CONTROL_POLICY" },
          "Policies",
        );
        const targets = await Promise.all(
          items.map(({ Id }) => every(api, "organizations", "ListTargetsForPolicy", { PolicyId: Id }, "Targets")),
        );
        return { items: items.map((each, i) => ({ ...each, targets: targets[i]!.items })), more };
      }}
      rowId={(policy) => policy.Id}
      columns={[
        { id: "name", header: t("column.name"), cell: (policy) => policy.Name },
        { id: "id", header: t("column.id"), cell: (policy) => policy.Id },
        { id: "description", header: t("column.description"), cell: (policy) => policy.Description },
        {
          id: "targets",
          header: t("org.targets"),
          cell: (policy) => policy.targets.map((each: Row) => each.Name || each.TargetId).join(", "),
        },
      ]}
      create={{
        label: t("org.createPolicy"),
        question: () => ({
          title: t("org.createPolicy"),
          submit: t("action.create"),
          fields: [
            { name: "Name", label: t("column.name") },
            { name: "Description", label: t("column.description"), optional: true },
            { name: "Content", label: t("tab.policy"), kind: "long", initial: template },
          ],
          run: async (values) =>
            void (await api("organizations", "CreatePolicy", { ...values, Type: "SERVICE_CONTROL_POLICY" })),
        }),
      }}
      actions={[
        {
          id: "attach",
          label: t("action.attach"),
          question: ({ Id, Name }) => ({
            title: t("action.attach"),
            text: Name,
            submit: t("action.attach"),
            fields: [{ name: "TargetId", label: t("org.attachTo") }],
            run: async ({ TargetId }) => void (await api("organizations", "AttachPolicy", { PolicyId: Id, TargetId })),
          }),
        },
        {
          id: "delete",
          label: t("action.delete"),
          disabled: (policy) => policy.AwsManaged,
          question: ({ Id, Name }) => deletion(t, Name, () => api("organizations", "DeletePolicy", { PolicyId: Id })),
        },
      ]}
    />
  );
}
