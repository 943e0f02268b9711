import { every, useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";
import { deletion } from "../../parts/questions.ts";

export function Groups() {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("iam.groups")} crumbs={[{ text: "IAM", href: hrefOf("iam") }]}>
      <Listing
        name="iam/groups"
        title={t("iam.groups")}
        load={() => every(api, "iam", "ListGroups", {}, "Groups", ["Marker", "Marker"])}
        rowId={(group) => group.GroupName}
        columns={[
          { id: "name", header: t("iam.groupName"), cell: (group) => group.GroupName },
          { id: "arn", header: t("column.arn"), cell: (group) => group.Arn },
          {
            id: "created",
            header: t("column.created"),
            cell: (group) => time(group.CreateDate),
            text: (group) => group.CreateDate,
          },
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
    </Page>
  );
}
