import Tabs from "@cloudscape-design/components/tabs";
import { useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Details } from "../../parts/Details.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";
import { useLoad } from "../../parts/useLoad.ts";
import { Credentials } from "./Credentials.tsx";
import { Permissions } from "./Permissions.tsx";

export function UserPage({ name }: { name: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(name, async () => (await api("iam", "GetUser", { UserName: name })).User);
  return (
    <Page
      title={name}
      crumbs={[
        { text: "IAM", href: hrefOf("iam") },
        { text: t("iam.users"), href: hrefOf("iam", "users") },
      ]}
    >
      <Details
        title={t("tab.details")}
        error={error}
        pairs={
          data
            ? [
                [t("column.arn"), data.Arn],
                [t("column.created"), time(data.CreateDate)],
                [t("iam.passwordUsed"), data.PasswordLastUsed ? time(data.PasswordLastUsed) : t("value.never")],
              ]
            : []
        }
      />
      <Tabs
        ariaLabel={name}
        tabs={[
          { id: "permissions", label: t("iam.permissions"), content: <Permissions kind="User" name={name} /> },
          { id: "groups", label: t("iam.memberships"), content: <Memberships name={name} /> },
          { id: "credentials", label: t("iam.credentials"), content: <Credentials name={name} /> },
        ]}
      />
    </Page>
  );
}

function Memberships({ name }: { name: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name={`iam/user/${name}/groups`}
      title={t("iam.memberships")}
      load={async () => ({ items: (await api("iam", "ListGroupsForUser", { UserName: name })).Groups, more: false })}
      rowId={(group) => group.GroupName}
      columns={[
        { id: "name", header: t("iam.groupName"), cell: (group) => group.GroupName },
        { id: "created", header: t("column.created"), cell: (group) => time(group.CreateDate) },
      ]}
      create={{
        label: t("iam.addToGroup"),
        question: () => ({
          title: t("iam.addToGroup"),
          submit: t("action.save"),
          fields: [{ name: "GroupName", label: t("iam.groupName") }],
          run: async ({ GroupName }) => void (await api("iam", "AddUserToGroup", { UserName: name, GroupName })),
        }),
      }}
      actions={[
        {
          id: "remove",
          label: t("iam.removeFromGroup"),
          question: ({ GroupName }) => ({
            title: t("iam.removeFromGroup"),
            submit: t("iam.removeFromGroup"),
            text: GroupName,
            run: async () => void (await api("iam", "RemoveUserFromGroup", { UserName: name, GroupName })),
          }),
        },
      ]}
    />
  );
}
