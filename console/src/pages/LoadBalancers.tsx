import Box from "@cloudscape-design/components/box";
import { every, useConsole } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";
import { useLoad } from "../parts/useLoad.ts";

const marker = ["NextMarker", "Marker"] as const;

export default function LoadBalancers({ path: [arn] }: PageProps) {
  return arn === undefined ? <All /> : <One arn={arn} />;
}

function All() {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("lb.loadBalancers")}>
      <Listing
        name="elbv2/load-balancers"
        title={t("lb.loadBalancers")}
        live={["elbv2"]}
        load={() => every(api, "elbv2", "DescribeLoadBalancers", {}, "LoadBalancers", marker)}
        rowId={(each) => each.LoadBalancerArn}
        columns={[
          {
            id: "name",
            header: t("column.name"),
            cell: (each) => each.LoadBalancerName,
            href: (each) => hrefOf("load-balancers", each.LoadBalancerArn),
          },
          { id: "type", header: t("column.type"), cell: (each) => each.Type },
          { id: "state", header: t("lb.state"), cell: (each) => each.State?.Code },
          { id: "scheme", header: t("lb.scheme"), cell: (each) => each.Scheme },
          { id: "dns", header: t("lb.dns"), cell: (each) => each.DNSName },
          {
            id: "created",
            header: t("column.created"),
            cell: (each) => time(each.CreatedTime),
            text: (each) => each.CreatedTime,
          },
        ]}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ LoadBalancerArn, LoadBalancerName }) =>
              deletion(t, LoadBalancerName, () => api("elbv2", "DeleteLoadBalancer", { LoadBalancerArn })),
          },
        ]}
      />
    </Page>
  );
}

function One({ arn }: { arn: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(
    arn,
    async () => (await api("elbv2", "DescribeLoadBalancers", { LoadBalancerArns: [arn] })).LoadBalancers[0],
  );
  return (
    <Page
      title={data?.LoadBalancerName ?? arn}
      crumbs={[{ text: t("lb.loadBalancers"), href: hrefOf("load-balancers") }]}
    >
      <Details
        title={t("tab.details")}
        error={error}
        pairs={
          data
            ? [
                [t("column.arn"), data.LoadBalancerArn],
                [t("lb.dns"), data.DNSName],
                [t("lb.state"), data.State?.Code],
                [t("lb.scheme"), data.Scheme],
                [t("column.type"), data.Type],
                [t("lb.vpc"), data.VpcId],
              ]
            : []
        }
      />
      <Listing
        name={`elbv2/${arn}/listeners`}
        title={t("lb.listeners")}
        load={() => every(api, "elbv2", "DescribeListeners", { LoadBalancerArn: arn }, "Listeners", marker)}
        rowId={(each) => each.ListenerArn}
        columns={[
          { id: "protocol", header: t("lb.protocol"), cell: (each) => `${each.Protocol}:${each.Port}` },
          {
            id: "action",
            header: t("lb.action"),
            cell: (each) => each.DefaultActions?.map((action: Row) => action.Type).join(", "),
          },
          { id: "policy", header: t("lb.securityPolicy"), cell: (each) => each.SslPolicy },
          { id: "certificate", header: t("lb.certificate"), cell: (each) => each.Certificates?.[0]?.CertificateArn },
        ]}
      />
      <Listing
        name={`elbv2/${arn}/targets`}
        title={t("lb.targetGroups")}
        live={["elbv2"]}
        load={async () => {
          const groups = await every(
            api,
            "elbv2",
            "DescribeTargetGroups",
            { LoadBalancerArn: arn },
            "TargetGroups",
            marker,
          );
          const items = await Promise.all(
            groups.items.map(async (group) => ({
              ...group,
              health: (await api("elbv2", "DescribeTargetHealth", { TargetGroupArn: group.TargetGroupArn }))
                .TargetHealthDescriptions,
            })),
          );
          return { items, more: groups.more };
        }}
        rowId={(each) => each.TargetGroupArn}
        columns={[
          { id: "name", header: t("column.name"), cell: (each) => each.TargetGroupName },
          { id: "protocol", header: t("lb.protocol"), cell: (each) => `${each.Protocol}:${each.Port}` },
          { id: "type", header: t("column.type"), cell: (each) => each.TargetType },
          {
            id: "health",
            header: t("lb.health"),
            text: () => "",
            cell: (each) =>
              each.health.map((one: Row) => (
                <Box key={`${one.Target.Id}:${one.Target.Port}`}>
                  {one.Target.Id}:{one.Target.Port} {one.TargetHealth.State}
                </Box>
              )),
          },
        ]}
      />
    </Page>
  );
}
