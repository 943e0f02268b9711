/** What there is, in true numbers, each leading to its evidence; and the way of a request through the edge. */
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Link from "@cloudscape-design/components/link";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { ApiError } from "../aws/client.ts";
import { every, useConsole, type Api } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale, type MessageKey } from "../i18n/i18n.tsx";
import { Listing } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { useLoad } from "../parts/useLoad.ts";
import { Strip } from "./Strip.tsx";

interface Tile {
  label: MessageKey;
  /** Service that must be served. */
  service: string;
  to: readonly string[];
  /** `undefined`: not enabled. */
  count(api: Api): Promise<number | undefined>;
}

const summary = (member: string) => async (api: Api) =>
  Number((await api("iam", "GetAccountSummary")).SummaryMap[member]);
const length = (
  ...ask: [service: string, operation: string, input: object, list: string, next?: readonly [string, string]]
) => {
  const [service, operation, input, list, next] = ask;
  return async (api: Api) =>
    (await every(api, service, operation, input as Record<string, unknown>, list, next)).items.length;
};

const tiles: readonly Tile[] = [
  { label: "home.users", service: "iam", to: ["iam", "users"], count: summary("Users") },
  { label: "home.roles", service: "iam", to: ["iam", "roles"], count: summary("Roles") },
  {
    label: "home.buckets",
    service: "s3",
    to: ["s3"],
    count: length("s3", "ListBuckets", {}, "Buckets", ["ContinuationToken", "ContinuationToken"]),
  },
  {
    label: "home.keys",
    service: "kms",
    to: ["kms"],
    count: length("kms", "ListKeys", { Limit: 1000 }, "Keys", ["NextMarker", "Marker"]),
  },
  {
    label: "hsm.tile",
    service: "cloudhsmv2",
    to: ["cloudhsm"],
    count: length("cloudhsmv2", "DescribeClusters", {}, "Clusters"),
  },
  {
    label: "home.trails",
    service: "cloudtrail",
    to: ["cloudtrail", "trails"],
    count: length("cloudtrail", "ListTrails", {}, "Trails"),
  },
  {
    label: "home.findings",
    service: "guardduty",
    to: ["guardduty"],
    async count(api) {
      const detector = (await api("guardduty", "ListDetectors")).DetectorIds[0];
      if (!detector) return undefined;
      const FindingCriteria = { Criterion: { "service.archived": { Eq: ["false"] } } };
      return (
        await every(
          api,
          "guardduty",
          "ListFindings",
          { DetectorId: detector, MaxResults: 50, FindingCriteria },
          "FindingIds",
        )
      ).items.length;
    },
  },
  {
    label: "home.hubFindings",
    service: "securityhub",
    to: ["security-hub"],
    async count(api) {
      try {
        const Filters = { RecordState: [{ Value: "ACTIVE", Comparison: "EQUALS" }] };
        return (await every(api, "securityhub", "GetFindings", { Filters, MaxResults: 100 }, "Findings")).items.length;
      } catch (problem) {
        if (problem instanceof ApiError && problem.code === "InvalidAccessException") return undefined;
        throw problem;
      }
    },
  },
  {
    label: "home.webAcls",
    service: "wafv2",
    to: ["waf"],
    count: length("wafv2", "ListWebACLs", { Scope: "REGIONAL" }, "WebACLs", ["NextMarker", "NextMarker"]),
  },
  {
    label: "home.certificates",
    service: "acm",
    to: ["acm"],
    count: length("acm", "ListCertificates", {}, "CertificateSummaryList"),
  },
  { label: "home.rules", service: "events", to: ["eventbridge"], count: length("events", "ListRules", {}, "Rules") },
  {
    label: "home.alarms",
    service: "cloudwatch",
    to: ["cloudwatch", "alarms"],
    async count(api) {
      const found = await api("cloudwatch", "DescribeAlarms", {
        StateValue: "ALARM",
        AlarmTypes: ["MetricAlarm", "CompositeAlarm"],
      });
      return (found.MetricAlarms?.length ?? 0) + (found.CompositeAlarms?.length ?? 0);
    },
  },
  {
    label: "home.logGroups",
    service: "logs",
    to: ["cloudwatch", "logs"],
    count: length("logs", "DescribeLogGroups", {}, "logGroups", ["nextToken", "nextToken"]),
  },
  { label: "home.topics", service: "sns", to: ["sns"], count: length("sns", "ListTopics", {}, "Topics") },
  {
    label: "home.queues",
    service: "sqs",
    to: ["sqs"],
    count: length("sqs", "ListQueues", { MaxResults: 1000 }, "QueueUrls"),
  },
  {
    label: "home.accounts",
    service: "organizations",
    to: ["organizations"],
    async count(api) {
      try {
        return (await every(api, "organizations", "ListAccounts", {}, "Accounts")).items.length;
      } catch (problem) {
        if (problem instanceof ApiError && problem.code === "AWSOrganizationsNotInUseException") return undefined;
        throw problem;
      }
    },
  },
];

export default function Home(_: PageProps) {
  const { t, time } = useLocale();
  const { api, facts } = useConsole();
  const shown = tiles.filter(({ service }) => facts.services.includes(service));
  return (
    <Page title={t("home.title")} description={t("home.text")}>
      <Container header={<Header variant="h2">{t("home.strip")}</Header>}>
        <Strip />
      </Container>
      <Container header={<Header variant="h2">{t("home.counts")}</Header>}>
        <div className="tiles">
          <RootTile />
          {shown.map((tile) => (
            <Count key={tile.label} tile={tile} />
          ))}
        </div>
      </Container>
      <Listing
        name="home/events"
        title={t("home.recent")}
        load={async () => ({
          items: (await api("cloudtrail", "LookupEvents", { MaxResults: 10 })).Events,
          more: false,
        })}
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
          { id: "user", header: t("cloudtrail.user"), cell: (each) => each.Username },
          { id: "source", header: t("cloudtrail.source"), cell: (each) => each.EventSource },
        ]}
      />
    </Page>
  );
}

function Count({ tile }: { tile: Tile }) {
  const { t, number } = useLocale();
  const { api } = useConsole();
  const { data, error, loading } = useLoad(tile.label, () => tile.count(api), [tile.service]);
  return (
    <div>
      <Box variant="awsui-key-label">{t(tile.label)}</Box>
      {error ? (
        <StatusIndicator type="stopped">{t("home.denied")}</StatusIndicator>
      ) : data === undefined ? (
        <Link href={hrefOf(...tile.to)}>{loading ? "…" : t("home.notEnabled")}</Link>
      ) : (
        <Link href={hrefOf(...tile.to)} fontSize="display-l" ariaLabel={`${t(tile.label)}: ${number(data)}`}>
          {number(data)}
        </Link>
      )}
    </div>
  );
}

function RootTile() {
  const { t } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad("root-mfa", () => summary("AccountMFAEnabled")(api));
  return (
    <div>
      <Box variant="awsui-key-label">{t("system.root")}</Box>
      {error ? (
        <StatusIndicator type="stopped">{t("home.denied")}</StatusIndicator>
      ) : data === undefined ? (
        "…"
      ) : (
        <StatusIndicator type={data ? "success" : "warning"}>
          <Link href={hrefOf("root-user")}>{t(data ? "home.mfaOn" : "home.mfaOff")}</Link>
        </StatusIndicator>
      )}
    </div>
  );
}
