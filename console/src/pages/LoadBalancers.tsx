import Box from "@cloudscape-design/components/box";
import { every, useConsole, type Api } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";
import { useLoad } from "../parts/useLoad.ts";

const marker = ["NextMarker", "Marker"] as const;
const live = ["elbv2"];
const choices = (...values: string[]) => values.map((value) => ({ value, label: value }));
const words = (text: string) => text.split(/[\s,]+/).filter((each) => each !== "");

export default function LoadBalancers({ path: [arn] }: PageProps) {
  return arn === undefined ? <All /> : <One arn={arn} />;
}

const noSurroundings = Promise.resolve({ subnets: "", vpc: "" });

/** What a new load balancer stands in unless said otherwise: the VPC's subnets of the first two zones. */
async function surroundings(api: Api): Promise<{ subnets: string; vpc: string }> {
  const [{ Vpcs }, { Subnets }] = await Promise.all([api("ec2", "DescribeVpcs"), api("ec2", "DescribeSubnets")]);
  const vpc = (Vpcs.find((each: Row) => each.IsDefault) ?? Vpcs[0])?.VpcId ?? "";
  const zones = new Map<string, string>();
  for (const { VpcId, AvailabilityZone, SubnetId } of Subnets) if (VpcId === vpc) zones.set(AvailabilityZone, SubnetId);
  return { vpc, subnets: [...zones.values()].slice(0, 2).join(", ") };
}

function All() {
  const { t, time } = useLocale();
  const { api, facts } = useConsole();
  const around = () => (facts.services.includes("ec2") ? surroundings(api) : noSurroundings);
  return (
    <Page title={t("lb.loadBalancers")}>
      <Listing
        name="elbv2/load-balancers"
        title={t("lb.loadBalancers")}
        live={live}
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
        create={{
          label: t("lb.create"),
          question: async () => ({
            title: t("lb.create"),
            submit: t("action.create"),
            fields: [
              { name: "Name", label: t("lb.name") },
              {
                name: "Scheme",
                label: t("lb.scheme"),
                kind: "choice",
                choices: choices("internet-facing", "internal"),
              },
              {
                name: "subnets",
                label: t("lb.subnets"),
                hint: t("lb.subnetsHint"),
                initial: (await around()).subnets,
              },
              { name: "groups", label: t("lb.securityGroups"), hint: t("lb.securityGroupsHint"), optional: true },
            ],
            run: async ({ subnets = "", groups = "", ...values }) =>
              void (await api("elbv2", "CreateLoadBalancer", {
                ...values,
                ...(groups.trim() === "" ? {} : { SecurityGroups: words(groups) }),
                Type: "application",
                Subnets: words(subnets),
              })),
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ LoadBalancerArn, LoadBalancerName }) =>
              deletion(t, LoadBalancerName, () => api("elbv2", "DeleteLoadBalancer", { LoadBalancerArn })),
          },
        ]}
      />
      <TargetGroups
        name="all"
        vpc={async () => (await around()).vpc}
        load={() => every(api, "elbv2", "DescribeTargetGroups", {}, "TargetGroups", marker)}
      />
    </Page>
  );
}

interface TargetGroupsProps {
  name: string;
  /** Of a new group; absent where none is made. */
  vpc?: () => Promise<string>;
  load(): Promise<{ items: Row[]; more: boolean }>;
}

function TargetGroups({ name, vpc, load }: TargetGroupsProps) {
  const { t } = useLocale();
  const { api } = useConsole();
  const target = (title: string, operation: "RegisterTargets" | "DeregisterTargets") => (group: Row) => ({
    title,
    text: group.TargetGroupName,
    submit: title,
    fields: [
      { name: "Id", label: t("lb.target") },
      { name: "Port", label: t("lb.port"), initial: String(group.Port) },
    ],
    run: async ({ Id, Port }: Record<string, string>) =>
      void (await api("elbv2", operation, {
        TargetGroupArn: group.TargetGroupArn,
        Targets: [{ Id, Port: Number(Port) }],
      })),
  });
  return (
    <Listing
      name={`elbv2/target-groups/${name}`}
      title={t("lb.targetGroups")}
      live={live}
      load={async () => {
        const groups = await load();
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
        { id: "arn", header: t("column.arn"), cell: (each) => each.TargetGroupArn },
      ]}
      {...(vpc === undefined
        ? {}
        : {
            create: {
              label: t("lb.createGroup"),
              question: async () => ({
                title: t("lb.createGroup"),
                submit: t("action.create"),
                fields: [
                  { name: "Name", label: t("lb.name") },
                  {
                    name: "Protocol",
                    label: t("sns.protocol"),
                    kind: "choice" as const,
                    choices: choices("HTTP", "HTTPS"),
                  },
                  { name: "Port", label: t("lb.port"), initial: "80" },
                  {
                    name: "TargetType",
                    label: t("column.type"),
                    kind: "choice" as const,
                    choices: choices("ip", "instance"),
                  },
                  { name: "VpcId", label: t("lb.vpc"), initial: await vpc() },
                  { name: "HealthCheckPath", label: t("lb.healthPath"), initial: "/" },
                ],
                run: async ({ Port, ...values }: Record<string, string>) =>
                  void (await api("elbv2", "CreateTargetGroup", { ...values, Port: Number(Port) })),
              }),
            },
          })}
      actions={[
        { id: "register", label: t("lb.register"), question: target(t("lb.register"), "RegisterTargets") },
        { id: "deregister", label: t("lb.deregister"), question: target(t("lb.deregister"), "DeregisterTargets") },
        {
          id: "delete",
          label: t("action.delete"),
          question: ({ TargetGroupName, TargetGroupArn }) =>
            deletion(t, TargetGroupName, () => api("elbv2", "DeleteTargetGroup", { TargetGroupArn })),
        },
      ]}
    />
  );
}

function One({ arn }: { arn: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(
    arn,
    async () => (await api("elbv2", "DescribeLoadBalancers", { LoadBalancerArns: [arn] })).LoadBalancers[0],
    live,
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
      <Listeners arn={arn} />
      <Rules arn={arn} />
      <TargetGroups
        name={arn}
        load={() => every(api, "elbv2", "DescribeTargetGroups", { LoadBalancerArn: arn }, "TargetGroups", marker)}
      />
    </Page>
  );
}

function Listeners({ arn }: { arn: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name={`elbv2/${arn}/listeners`}
      title={t("lb.listeners")}
      live={live}
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
      create={{
        label: t("lb.addListener"),
        question: () => ({
          title: t("lb.addListener"),
          submit: t("action.create"),
          fields: [
            { name: "Protocol", label: t("sns.protocol"), kind: "choice", choices: choices("HTTP", "HTTPS") },
            { name: "Port", label: t("lb.port"), initial: "80" },
            { name: "TargetGroupArn", label: t("lb.forwardTo") },
            { name: "CertificateArn", label: t("lb.certificate"), hint: t("lb.certificateHint"), optional: true },
          ],
          run: async ({ Protocol, Port, TargetGroupArn, CertificateArn }) =>
            void (await api("elbv2", "CreateListener", {
              LoadBalancerArn: arn,
              Protocol,
              Port: Number(Port),
              DefaultActions: [{ Type: "forward", TargetGroupArn }],
              ...(CertificateArn ? { Certificates: [{ CertificateArn }] } : {}),
            })),
        }),
      }}
      actions={[
        {
          id: "delete",
          label: t("action.delete"),
          question: ({ ListenerArn, Protocol, Port }) =>
            deletion(t, `${Protocol}:${Port}`, () => api("elbv2", "DeleteListener", { ListenerArn })),
        },
      ]}
    />
  );
}

function Rules({ arn }: { arn: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name={`elbv2/${arn}/rules`}
      title={t("lb.rules")}
      live={live}
      load={async () => {
        const listeners = await every(api, "elbv2", "DescribeListeners", { LoadBalancerArn: arn }, "Listeners", marker);
        const found = await Promise.all(
          listeners.items.map(async ({ ListenerArn, Protocol, Port }) => {
            const { items } = await every(api, "elbv2", "DescribeRules", { ListenerArn }, "Rules", marker);
            return items.map((rule) => ({ ...rule, listener: `${Protocol}:${Port}` }));
          }),
        );
        return { items: found.flat(), more: listeners.more };
      }}
      rowId={(rule) => rule.RuleArn}
      columns={[
        { id: "listener", header: t("lb.listeners"), cell: (rule) => rule.listener },
        {
          id: "priority",
          header: t("lb.priority"),
          cell: (rule) => (rule.IsDefault ? t("lb.default") : rule.Priority),
        },
        {
          id: "conditions",
          header: t("lb.conditions"),
          cell: (rule) => rule.Conditions?.map((each: Row) => `${each.Field} ${valuesOf(each).join(" ")}`).join(", "),
        },
        {
          id: "actions",
          header: t("lb.actions"),
          cell: (rule) => rule.Actions?.map((each: Row) => each.Type).join(", "),
        },
      ]}
    />
  );
}

/** Values of a condition, in whichever of its members they are. */
function valuesOf({ Field: _field, Values, ...configurations }: Row): string[] {
  if (Values?.length > 0) return Values;
  return Object.values(configurations as Record<string, { Values?: string[] }>).flatMap((each) => each?.Values ?? []);
}
