import { every, useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";
import { deletion } from "../../parts/questions.ts";

export function Users() {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("iam.users")} description={t("iam.usersText")} crumbs={[{ text: "IAM", href: hrefOf("iam") }]}>
      <Listing
        name="iam/users"
        title={t("iam.users")}
        load={() => every(api, "iam", "ListUsers", {}, "Users", ["Marker", "Marker"])}
        rowId={(user) => user.UserName}
        columns={[
          {
            id: "name",
            header: t("iam.userName"),
            cell: (user) => user.UserName,
            href: (user) => hrefOf("iam", "users", user.UserName),
          },
          { id: "id", header: t("column.id"), cell: (user) => user.UserId },
          {
            id: "used",
            header: t("iam.passwordUsed"),
            cell: (user) => (user.PasswordLastUsed ? time(user.PasswordLastUsed) : t("value.never")),
            text: (user) => user.PasswordLastUsed ?? "",
          },
          {
            id: "created",
            header: t("column.created"),
            cell: (user) => time(user.CreateDate),
            text: (user) => user.CreateDate,
          },
        ]}
        create={{
          label: t("iam.createUser"),
          question: () => ({
            title: t("iam.createUser"),
            submit: t("action.create"),
            fields: [{ name: "UserName", label: t("iam.userName") }],
            run: async ({ UserName }) => void (await api("iam", "CreateUser", { UserName })),
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ UserName }) => deletion(t, UserName, () => api("iam", "DeleteUser", { UserName })),
          },
        ]}
      />
    </Page>
  );
}
