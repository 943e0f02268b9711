import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Tabs from "@cloudscape-design/components/tabs";
import { every, useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { createdColumn } from "../../parts/columns.ts";
import { Json, pretty } from "../../parts/Json.tsx";
import { deletion, documentQuestion } from "../../parts/questions.ts";
import { useLoad } from "../../parts/useLoad.ts";
import { useQuestion } from "../../parts/useQuestion.tsx";
import { Everything, One } from "./frame.tsx";
import { Permissions } from "./Permissions.tsx";

export function Roles() {
  const locale = useLocale();
  const { t } = locale;
  const { api, session } = useConsole();
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: session.identity.account }, Action: "sts:AssumeRole" }],
  };
  return (
    <Everything
      kind="roles"
      description={t("iam.rolesText")}
      name="iam/roles"
      load={() => every(api, "iam", "ListRoles", {}, "Roles", ["Marker", "Marker"])}
      rowId={(role) => role.RoleName}
      columns={[
        {
          id: "name",
          header: t("iam.roleName"),
          cell: (role) => role.RoleName,
          href: (role) => hrefOf("iam", "roles", role.RoleName),
        },
        { id: "path", header: t("iam.path"), cell: (role) => role.Path },
        { id: "description", header: t("column.description"), cell: (role) => role.Description },
        createdColumn(locale),
      ]}
      create={{
        label: t("iam.createRole"),
        question: () => ({
          title: t("iam.createRole"),
          submit: t("action.create"),
          fields: [
            { name: "RoleName", label: t("iam.roleName") },
            { name: "Description", label: t("column.description"), optional: true },
            {
              name: "AssumeRolePolicyDocument",
              label: t("iam.trust"),
              hint: t("iam.trustHint"),
              kind: "long",
              initial: pretty(trust),
            },
          ],
          run: async ({ Description, ...values }) =>
            void (await api("iam", "CreateRole", { ...values, ...(Description ? { Description } : {}) })),
        }),
      }}
      actions={[
        {
          id: "delete",
          label: t("action.delete"),
          question: ({ RoleName }) => deletion(t, RoleName, () => api("iam", "DeleteRole", { RoleName })),
        },
      ]}
    />
  );
}

export function RolePage({ name }: { name: string }) {
  const { t, time, number } = useLocale();
  const { api } = useConsole();
  const { data, error, reload } = useLoad(name, async () => (await api("iam", "GetRole", { RoleName: name })).Role);
  const { ask, modal } = useQuestion(reload);
  const editTrust = () =>
    ask(
      t("iam.editTrust"),
      documentQuestion(
        t("iam.editTrust"),
        t("iam.trust"),
        t("action.save"),
        pretty(data.AssumeRolePolicyDocument),
        (PolicyDocument) => api("iam", "UpdateAssumeRolePolicy", { RoleName: name, PolicyDocument }),
      ),
    );
  const pairs = data && [
    [t("column.arn"), data.Arn],
    [t("column.created"), time(data.CreateDate)],
    [t("iam.maxSession"), t("iam.seconds", { count: number(data.MaxSessionDuration) })],
  ];
  return (
    <One kind="roles" name={name} error={error} pairs={pairs}>
      <Tabs
        ariaLabel={name}
        tabs={[
          { id: "permissions", label: t("iam.permissions"), content: <Permissions kind="Role" name={name} /> },
          {
            id: "trust",
            label: t("iam.trust"),
            content: data ? (
              <Container
                header={
                  <Header variant="h2" actions={<Button onClick={editTrust}>{t("action.edit")}</Button>}>
                    {t("iam.trust")}
                  </Header>
                }
              >
                <Json value={data.AssumeRolePolicyDocument} label={t("iam.trust")} />
              </Container>
            ) : null,
          },
        ]}
      />
      {modal}
    </One>
  );
}
