/** What is asked before a cluster is made, gets an HSM, or is initialized. */
import type { Api } from "../frame/context.ts";
import type { Locale } from "../i18n/i18n.tsx";
import type { Question } from "../parts/FormModal.tsx";
import type { Row } from "../parts/Listing.tsx";

const words = (text: string) => text.split(/[\s,]+/).filter((each) => each !== "");
const choices = (...values: string[]) => values.map((value) => ({ value, label: value }));

/** Offers the first subnet of two zones of the default VPC. */
export async function createCluster({ t }: Locale, api: Api): Promise<Question> {
  const [{ Vpcs = [] }, { Subnets = [] }] = await Promise.all([
    api("ec2", "DescribeVpcs"),
    api("ec2", "DescribeSubnets"),
  ]);
  const vpc = ((Vpcs as Row[]).find((each) => each.IsDefault) ?? Vpcs[0])?.VpcId;
  const zones = new Map<string, string>();
  for (const { VpcId, AvailabilityZone, SubnetId } of Subnets as Row[]) {
    if (VpcId === vpc && !zones.has(AvailabilityZone)) zones.set(AvailabilityZone, SubnetId);
  }
  const subnets = [...zones].toSorted(([a], [b]) => a.localeCompare(b)).map(([, id]) => id);
  return {
    title: t("hsm.create"),
    submit: t("action.create"),
    fields: [
      { name: "HsmType", label: t("hsm.type"), kind: "choice", choices: choices("hsm2m.medium", "hsm1.medium") },
      { name: "Mode", label: t("hsm.mode"), kind: "choice", choices: choices("NON_FIPS", "FIPS") },
      { name: "subnets", label: t("hsm.subnets"), initial: subnets.slice(0, 2).join(", ") },
      { name: "days", label: t("hsm.retention"), initial: "90" },
    ],
    run: async ({ HsmType, Mode, subnets = "", days = "" }) =>
      void (await api("cloudhsmv2", "CreateCluster", {
        HsmType,
        // Clusters of the older type have one mode, which is not named.
        ...(HsmType === "hsm1.medium" ? {} : { Mode }),
        SubnetIds: words(subnets),
        BackupRetentionPolicy: { Type: "DAYS", Value: days },
      })),
  };
}

/** In a zone that has none yet, if there is one. */
export function addHsm({ t }: Locale, api: Api, cluster: Row): Question {
  const zones = Object.keys((cluster.SubnetMapping ?? {}) as Record<string, string>).toSorted();
  const used = new Set(((cluster.Hsms ?? []) as Row[]).map(({ AvailabilityZone }) => AvailabilityZone));
  const ordered = [...zones.filter((zone) => !used.has(zone)), ...zones.filter((zone) => used.has(zone))];
  return {
    title: t("hsm.addHsm"),
    submit: t("hsm.addHsm"),
    fields: [{ name: "AvailabilityZone", label: t("hsm.zone"), kind: "choice", choices: choices(...ordered) }],
    run: async ({ AvailabilityZone }) =>
      void (await api("cloudhsmv2", "CreateHsm", { ClusterId: cluster.ClusterId, AvailabilityZone })),
  };
}

export function initialize({ t }: Locale, api: Api, cluster: Row): Question {
  return {
    title: t("hsm.initialize"),
    submit: t("hsm.initialize"),
    fields: [
      { name: "SignedCert", label: t("hsm.signed"), kind: "long" },
      { name: "TrustAnchor", label: t("hsm.anchor"), kind: "long" },
    ],
    run: async (values) =>
      void (await api("cloudhsmv2", "InitializeCluster", { ...values, ClusterId: cluster.ClusterId })),
  };
}
