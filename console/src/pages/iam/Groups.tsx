import { every, useConsole } from "../../frame/context.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { createdColumn } from "../../parts/columns.ts";
import { deletion } from "../../parts/questions.ts";
import { Everything } from "./frame.tsx";

export function Groups() {
  const locale = useLocale();
  const { t } = locale;
  const { api } = useConsole();
  return (
    <Everything
      kind="groups"
      name="iam/groups"
      load={() => every(api, "iam", "ListGroups", {}, "Groups", ["Marker", "Marker"])}
      rowId={(group) => group.GroupName}
      columns={[
        { id: "name", header: t("iam.groupName"), cell: (group) => group.GroupName },
        { id: "arn", header: t("column.arn"), cell: (group) => group.Arn },
        createdColumn(locale),
      ]}
      create={{
        label: t("iam.createGroup"),
        question: () => ({
          title: t("iam.createGroup"),
          submit: t("action.create"),
          fields: [{ name: "GroupName", label: t("iam.groupName") }],
          run: async ({ GroupName }) => void (await api("iam", "CreateGroup", { GroupName })),
        }),
      }}
      actions={[
        {
          id: "delete",
          label: t("action.delete"),
          question: ({ GroupName }) => deletion(t, GroupName, () => api("iam", "DeleteGroup", { GroupName })),
        },
      ]}
    />
  );
}
