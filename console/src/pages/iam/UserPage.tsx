import Tabs from "@cloudscape-design/components/tabs";
import { useConsole } from "../../frame/context.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { useLoad } from "../../parts/useLoad.ts";
import { createdColumn } from "../../parts/columns.ts";
import { Credentials } from "./Credentials.tsx";
import { One } from "./frame.tsx";
import { Permissions } from "./Permissions.tsx";

export function UserPage({ name }: { name: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(name, async () => (await api("iam", "GetUser", { UserName: name })).User);
  const pairs = data && [
    [t("column.arn"), data.Arn],
    [t("column.created"), time(data.CreateDate)],
    [t("iam.passwordUsed"), data.PasswordLastUsed ? time(data.PasswordLastUsed) : t("value.never")],
  ];
  return (
    <One kind="users" name={name} error={error} pairs={pairs}>
      <Tabs
        ariaLabel={name}
        tabs={[
          { id: "permissions", label: t("iam.permissions"), content: <Permissions kind="User" name={name} /> },
          { id: "groups", label: t("iam.memberships"), content: <Memberships name={name} /> },
          { id: "credentials", label: t("iam.credentials"), content: <Credentials name={name} /> },
        ]}
      />
    </One>
  );
}

function Memberships({ name }: { name: string }) {
  const locale = useLocale();
  const { t } = locale;
  const { api } = useConsole();
  return (
    <Listing
      name={`iam/user/${name}/groups`}
      title={t("iam.memberships")}
      load={async () => ({ items: (await api("iam", "ListGroupsForUser", { UserName: name })).Groups, more: false })}
      rowId={(group) => group.GroupName}
      columns={[{ id: "name", header: t("iam.groupName"), cell: (group) => group.GroupName }, createdColumn(locale)]}
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
