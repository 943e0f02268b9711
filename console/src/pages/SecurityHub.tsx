import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import { ApiError } from "../aws/client.ts";
import { useConsole } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { ErrorAlert } from "../parts/ErrorAlert.tsx";
import { Json } from "../parts/Json.tsx";
import { Listing } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { Severity } from "../parts/Severity.tsx";
import { useLoad } from "../parts/useLoad.ts";

/** Codes of an account without Security Hub. */
const notEnabled = new Set(["InvalidAccessException", "ResourceNotFoundException"]);

export default function SecurityHub({ path: [id] }: PageProps) {
  const { t } = useLocale();
  const { api, flash } = useConsole();
  const { data, error, reload } = useLoad("hub", async () => {
    try {
      return await api("securityhub", "DescribeHub");
    } catch (problem) {
      if (problem instanceof ApiError && notEnabled.has(problem.code)) return null;
      throw problem;
    }
  });
  const enable = async () => {
    await api("securityhub", "EnableSecurityHub");
    flash(t("hub.enable"));
    reload();
  };
  if (data && id !== undefined) return <FindingPage id={id} />;
  return (
    <Page title="Security Hub" description={t("hub.text")}>
      <ErrorAlert error={error} />
      {data === null ? (
        <Alert type="info" action={<Button onClick={() => void enable()}>{t("hub.enable")}</Button>}>
          {t("hub.none")}
        </Alert>
      ) : null}
      {data ? <Findings /> : null}
    </Page>
  );
}

type Level = Parameters<typeof Severity>[0]["level"];
const workflows = ["NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"];

function Findings() {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name="securityhub/findings"
      title={t("hub.findings")}
      live={["securityhub"]}
      load={async () => {
        const { Findings: items, NextToken } = await api("securityhub", "GetFindings", {
          Filters: { RecordState: [{ Value: "ACTIVE", Comparison: "EQUALS" }] },
          SortCriteria: [{ Field: "UpdatedAt", SortOrder: "desc" }],
          MaxResults: 100,
        });
        return { items, more: Boolean(NextToken) };
      }}
      rowId={(finding) => finding.Id}
      columns={[
        {
          id: "severity",
          header: t("guardduty.severity"),
          cell: (finding) => (
            <Severity level={String(finding.Severity?.Label ?? "INFORMATIONAL").toLowerCase() as Level} />
          ),
          text: (finding) => finding.Severity?.Normalized ?? 0,
        },
        {
          id: "title",
          header: t("hub.title"),
          cell: (finding) => finding.Title,
          href: (finding) => hrefOf("security-hub", finding.Id),
        },
        {
          id: "product",
          header: t("hub.product"),
          cell: (finding) => finding.ProductName ?? finding.ProductArn?.split("/").at(-1),
        },
        { id: "resource", header: t("guardduty.resource"), cell: (finding) => finding.Resources?.[0]?.Id },
        { id: "account", header: t("hub.account"), cell: (finding) => finding.AwsAccountId },
        { id: "workflow", header: t("hub.workflow"), cell: (finding) => finding.Workflow?.Status },
        {
          id: "updated",
          header: t("hub.updated"),
          cell: (finding) => time(finding.UpdatedAt),
          text: (finding) => finding.UpdatedAt,
        },
      ]}
      actions={[
        {
          id: "workflow",
          label: t("hub.setWorkflow"),
          question: ({ Id, ProductArn, Workflow }) => ({
            title: t("hub.setWorkflow"),
            submit: t("action.save"),
            fields: [
              {
                name: "Status",
                label: t("hub.workflow"),
                kind: "choice",
                initial: Workflow?.Status ?? "NEW",
                choices: workflows.map((value) => ({ value, label: value })),
              },
            ],
            run: async (values) =>
              void (await api("securityhub", "BatchUpdateFindings", {
                FindingIdentifiers: [{ Id, ProductArn }],
                Workflow: values,
              })),
          }),
        },
      ]}
    />
  );
}

function FindingPage({ id }: { id: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(
    id,
    async () =>
      (await api("securityhub", "GetFindings", { Filters: { Id: [{ Value: id, Comparison: "EQUALS" }] } })).Findings[0],
  );
  return (
    <Page
      title={data?.Title ?? id}
      description={data?.Description}
      crumbs={[{ text: "Security Hub", href: hrefOf("security-hub") }]}
    >
      <ErrorAlert error={error} />
      {data ? (
        <Container>
          <Json value={data} label={t("guardduty.finding")} />
        </Container>
      ) : null}
    </Page>
  );
}
