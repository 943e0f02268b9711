/** CloudHSM: clusters, the steps to an active one with its live state, and KMS and CloudHSM side by side. */
import { useState } from "react";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { every, useConsole } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { FormModal, type Question } from "../parts/FormModal.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";
import { useLoad } from "../parts/useLoad.ts";
import { addHsm, createCluster } from "./CloudHsmQuestions.ts";
import { CloudHsmCompare } from "./CloudHsmCompare.tsx";
import { CloudHsmSteps } from "./CloudHsmSteps.tsx";
import { saveText } from "../parts/saveText.ts";

const live = ["cloudhsmv2"];

export default function CloudHsm({ path: [id] }: PageProps) {
  if (id === "compare") return <CloudHsmCompare />;
  return id === undefined || id === "clusters" ? <All /> : <One id={id} />;
}

function All() {
  const locale = useLocale();
  const { t, time } = locale;
  const { api } = useConsole();
  return (
    <Page
      title="CloudHSM"
      description={t("hsm.text")}
      actions={<Button href={hrefOf("cloudhsm", "compare")}>{t("hsm.compare")}</Button>}
    >
      <Listing
        name="cloudhsm/clusters"
        title={t("hsm.clusters")}
        live={live}
        load={() => every(api, "cloudhsmv2", "DescribeClusters", {}, "Clusters")}
        rowId={(cluster) => cluster.ClusterId}
        columns={[
          {
            id: "id",
            header: t("column.id"),
            cell: (cluster) => cluster.ClusterId,
            href: (cluster) => hrefOf("cloudhsm", cluster.ClusterId),
          },
          { id: "state", header: t("column.status"), cell: (cluster) => cluster.State },
          { id: "hsms", header: t("hsm.hsms"), cell: (cluster) => String(cluster.Hsms?.length ?? 0) },
          { id: "type", header: t("hsm.type"), cell: (cluster) => cluster.HsmType },
          { id: "vpc", header: t("hsm.vpc"), cell: (cluster) => cluster.VpcId },
          {
            id: "created",
            header: t("column.created"),
            cell: (cluster) => time(cluster.CreateTimestamp),
            text: (cluster) => cluster.CreateTimestamp ?? 0,
          },
        ]}
        create={{ label: t("hsm.create"), question: () => createCluster(locale, api) }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ ClusterId }) =>
              deletion(t, ClusterId, () => api("cloudhsmv2", "DeleteCluster", { ClusterId })),
          },
        ]}
      />
    </Page>
  );
}

function One({ id }: { id: string }) {
  const { t, time } = useLocale();
  const { api, flash } = useConsole();
  const [question, setQuestion] = useState<Question>();
  const { data, error, reload } = useLoad(
    `cloudhsm/${id}`,
    async () => (await api("cloudhsmv2", "DescribeClusters", { Filters: { clusterIds: [id] } })).Clusters?.[0] as Row,
    live,
  );
  const ask = (next: Question) =>
    setQuestion({
      ...next,
      run: async (values, files) => {
        await next.run(values, files);
        flash(next.title);
        reload();
      },
    });
  return (
    <Page title={id} crumbs={[{ text: "CloudHSM", href: hrefOf("cloudhsm") }]}>
      <Details
        title={t("tab.details")}
        error={error}
        actions={<Button iconName="refresh" ariaLabel={t("action.refresh")} onClick={reload} />}
        pairs={
          data
            ? [
                [t("column.status"), data.State],
                [t("hsm.message"), data.StateMessage || "–"],
                [t("hsm.type"), data.HsmType],
                [t("hsm.mode"), data.Mode ?? "–"],
                [t("hsm.vpc"), data.VpcId],
                [t("hsm.retention"), data.BackupRetentionPolicy?.Value ?? "–"],
                [t("column.created"), time(data.CreateTimestamp)],
              ]
            : []
        }
      />
      {data ? <CloudHsmSteps cluster={data} ask={ask} /> : null}
      {data ? <Hsms cluster={data} reload={reload} /> : null}
      {data ? <Certificates cluster={data} /> : null}
      {data ? <Backups id={id} /> : null}
      {question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null}
    </Page>
  );
}

function Hsms({ cluster, reload }: { cluster: Row; reload: () => void }) {
  const locale = useLocale();
  const { t } = locale;
  const { api } = useConsole();
  const ClusterId = cluster.ClusterId as string;
  const rows = (cluster.Hsms ?? []) as Row[];
  const question = addHsm(locale, api, cluster);
  return (
    <Listing
      // A change of the cluster shows at once.
      name={`cloudhsm/${ClusterId}/hsms/${JSON.stringify(rows)}`}
      title={t("hsm.hsms")}
      load={async () => ({ items: rows, more: false })}
      rowId={(hsm) => hsm.HsmId}
      columns={[
        { id: "id", header: t("hsm.hsm"), cell: (hsm) => hsm.HsmId },
        { id: "state", header: t("column.status"), cell: (hsm) => hsm.State },
        { id: "zone", header: t("hsm.zone"), cell: (hsm) => hsm.AvailabilityZone },
        { id: "address", header: t("hsm.address"), cell: (hsm) => hsm.EniIp },
        { id: "message", header: t("hsm.message"), cell: (hsm) => hsm.StateMessage },
      ]}
      create={{
        label: t("hsm.addHsm"),
        question: () => ({ ...question, run: async (values, files) => (await question.run(values, files), reload()) }),
      }}
      actions={[
        {
          id: "delete",
          label: t("action.delete"),
          question: ({ HsmId }) =>
            deletion(t, HsmId, async () => {
              await api("cloudhsmv2", "DeleteHsm", { ClusterId, HsmId });
              reload();
            }),
        },
      ]}
    />
  );
}

const certificates = [
  "ClusterCertificate",
  "HsmCertificate",
  "AwsHardwareCertificate",
  "ManufacturerHardwareCertificate",
] as const;

function Certificates({ cluster }: { cluster: Row }) {
  const { t } = useLocale();
  const present = certificates.filter((name) => cluster.Certificates?.[name]);
  if (present.length === 0) return null;
  return (
    <Details
      title={t("hsm.certificates")}
      columns={1}
      pairs={[
        [
          t("hsm.certificatesText"),
          <SpaceBetween key="certificates" direction="horizontal" size="xs">
            {present.map((name) => (
              <Button
                key={name}
                iconName="download"
                onClick={() => saveText(`${cluster.ClusterId}_${name}.crt`, cluster.Certificates[name])}
              >
                {name}
              </Button>
            ))}
          </SpaceBetween>,
        ],
      ]}
    />
  );
}

function Backups({ id }: { id: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name={`cloudhsm/${id}/backups`}
      title={t("hsm.backups")}
      live={live}
      load={() => every(api, "cloudhsmv2", "DescribeBackups", { Filters: { clusterIds: [id] } }, "Backups")}
      rowId={(backup) => backup.BackupId}
      columns={[
        { id: "id", header: t("column.id"), cell: (backup) => backup.BackupId },
        { id: "state", header: t("column.status"), cell: (backup) => backup.BackupState },
        {
          id: "created",
          header: t("column.created"),
          cell: (backup) => time(backup.CreateTimestamp),
          text: (backup) => backup.CreateTimestamp ?? 0,
        },
      ]}
      actions={[
        {
          id: "delete",
          label: t("action.delete"),
          disabled: (backup) => backup.BackupState !== "READY",
          question: ({ BackupId }) => deletion(t, BackupId, () => api("cloudhsmv2", "DeleteBackup", { BackupId })),
        },
      ]}
    />
  );
}
