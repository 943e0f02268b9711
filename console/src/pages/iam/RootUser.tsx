/** The root user: its protection, its last use, and everything it did. */
import Alert from "@cloudscape-design/components/alert";
import { every, useConsole, type Api } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Details } from "../../parts/Details.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";
import { useLoad } from "../../parts/useLoad.ts";
import { MfaDevices } from "./Credentials.tsx";

const reportTries = 20;

/** The root user's row of the credential report. */
async function reportOf(api: Api): Promise<{ row: Record<string, string>; generated: string }> {
  for (let i = 0; i < reportTries; i++) {
    const { State } = await api("iam", "GenerateCredentialReport");
    if (State === "COMPLETE") break;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const { Content, GeneratedTime } = await api("iam", "GetCredentialReport");
  const [head = "", ...lines] = atob(Content).trim().split("\n");
  const names = head.split(",");
  const values = lines.find((line) => line.startsWith("<root_account>"))?.split(",") ?? [];
  return { row: Object.fromEntries(names.map((name, i) => [name, values[i] ?? ""])), generated: GeneratedTime };
}

export default function RootUser() {
  const { t, time } = useLocale();
  const { api, session } = useConsole();
  const { data, error } = useLoad(
    "root",
    async () => {
      const [summary, report] = await Promise.all([api("iam", "GetAccountSummary"), reportOf(api)]);
      return { summary: summary.SummaryMap, ...report };
    },
    ["iam"],
  );
  const used = data?.row["password_last_used"] ?? "";
  const isTime = /^\d{4}-/.test(used);
  return (
    <Page title={t("system.root")} description={t("root.text")}>
      {data && !Number(data.summary.AccountMFAEnabled) ? <Alert type="warning">{t("root.warnMfa")}</Alert> : null}
      <Details
        title={`arn:aws:iam::${session.identity.account}:root`}
        error={error}
        columns={4}
        pairs={
          data
            ? [
                [t("root.mfa"), t(Number(data.summary.AccountMFAEnabled) ? "value.on" : "value.off")],
                [t("root.keys"), String(data.summary.AccountAccessKeysPresent)],
                [t("root.lastUsed"), isTime ? time(used) : t("value.never")],
                [t("column.time"), t("root.report", { time: time(data.generated) })],
              ]
            : []
        }
      />
      {session.identity.kind === "root" ? (
        <MfaDevices name={session.identity.account} deviceName="root-account-mfa-device" />
      ) : null}
      <Listing
        name="root/events"
        title={t("root.events")}
        load={async () => {
          const { items, more } = await every(
            (service, operation, input) => api(service, operation, input),
            "cloudtrail",
            "LookupEvents",
            { LookupAttributes: [{ AttributeKey: "Username", AttributeValue: "root" }], MaxResults: 50 },
            "Events",
          );
          return { items: items.map((each) => ({ ...each, event: JSON.parse(each.CloudTrailEvent) })), more };
        }}
        rowId={(each) => each.EventId}
        columns={[
          {
            id: "time",
            header: t("column.time"),
            cell: (each) => time(each.EventTime),
            text: (each) => each.EventTime,
          },
          {
            id: "name",
            header: t("cloudtrail.eventName"),
            cell: (each) => each.EventName,
            href: (each) => hrefOf("cloudtrail", "events", each.EventId),
          },
          { id: "source", header: t("cloudtrail.source"), cell: (each) => each.EventSource },
          { id: "ip", header: t("cloudtrail.ip"), cell: (each) => each.event.sourceIPAddress },
          {
            id: "error",
            header: t("cloudtrail.error"),
            cell: (each) => each.event.errorCode ?? each.event.errorMessage ?? "",
          },
        ]}
      />
    </Page>
  );
}
