import { every, useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { createdColumn } from "../../parts/columns.ts";
import { deletion } from "../../parts/questions.ts";
import { Everything } from "./frame.tsx";

export function Users() {
  const locale = useLocale();
  const { t, time } = locale;
  const { api } = useConsole();
  return (
    <Everything
      kind="users"
      description={t("iam.usersText")}
      name="iam/users"
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
        createdColumn(locale),
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
  );
}
