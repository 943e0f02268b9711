/** KMS and CloudHSM side by side: who holds what. What is so by construction is said; what is so now is asked. */
import Box from "@cloudscape-design/components/box";
import { every, useConsole } from "../frame/context.ts";
import { hrefOf } from "../frame/router.ts";
import { useLocale, type MessageKey } from "../i18n/i18n.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { publicSeal } from "../parts/SealedAlert.tsx";
import { sealKinds } from "../parts/sealKinds.ts";
import { describedKeys } from "./kms/Kms.tsx";

const marker = ["NextMarker", "Marker"] as const;

interface Line {
  name: MessageKey;
  /** Of KMS, of KMS in a CloudHSM key store, of CloudHSM. */
  cells: readonly [string, string, string];
}

export function CloudHsmCompare() {
  const { t, number } = useLocale();
  const { api } = useConsole();
  const load = async () => {
    const [keys, stores, clusters, seal] = await Promise.all([
      describedKeys(api),
      every(api, "kms", "DescribeCustomKeyStores", {}, "CustomKeyStores", marker),
      every(api, "cloudhsmv2", "DescribeClusters", {}, "Clusters"),
      publicSeal(),
    ]);
    const own = keys.items.filter((key) => !key.CustomKeyStoreId).length;
    const inHsm = keys.items.filter((key) => key.Origin === "AWS_CLOUDHSM").length;
    const hsmStores = stores.items.filter((store: Row) => store.CustomKeyStoreType === "AWS_CLOUDHSM");
    const kind = sealKinds[seal.seal];
    const states = (rows: readonly string[]) => (rows.length === 0 ? t("value.none") : rows.join(", "));
    const lines: Line[] = [
      {
        name: "hsm.row.material",
        cells: [
          t("hsm.row.material.kms", { seal: kind ? t(kind) : seal.seal }),
          t("hsm.row.material.store"),
          t("hsm.row.material.hsm"),
        ],
      },
      { name: "hsm.row.keys", cells: [number(own), number(inHsm), t("hsm.row.keys.hsm")] },
      {
        name: "hsm.row.state",
        cells: [
          t(seal.sealed ? "seal.sealed" : "seal.open"),
          states(hsmStores.map((store: Row) => `${store.CustomKeyStoreName}: ${store.ConnectionState}`)),
          states(
            clusters.items.map(
              (cluster: Row) => `${cluster.ClusterId}: ${cluster.State}, HSM ${cluster.Hsms?.length ?? 0}`,
            ),
          ),
        ],
      },
      { name: "hsm.row.who", cells: [t("hsm.row.who.kms"), t("hsm.row.who.store"), t("hsm.row.who.hsm")] },
      {
        name: "hsm.row.provider",
        cells: [t("hsm.row.provider.kms"), t("hsm.row.provider.store"), t("hsm.row.provider.hsm")],
      },
      { name: "hsm.row.off", cells: [t("hsm.row.off.kms"), t("hsm.row.off.store"), t("hsm.row.off.hsm")] },
      { name: "hsm.row.audit", cells: [t("hsm.row.audit.kms"), t("hsm.row.audit.kms"), t("hsm.row.audit.hsm")] },
    ];
    return { items: lines, more: false };
  };
  return (
    <Page
      title={t("hsm.compare")}
      description={t("hsm.compareText")}
      crumbs={[{ text: "CloudHSM", href: hrefOf("cloudhsm") }]}
    >
      <Listing
        name="cloudhsm/compare"
        title={t("hsm.compare")}
        live={["kms", "cloudhsmv2"]}
        load={load}
        rowId={(line: Line) => line.name}
        columns={[
          { id: "name", header: t("column.name"), cell: (line: Line) => <Box fontWeight="bold">{t(line.name)}</Box> },
          { id: "kms", header: t("hsm.inKms"), cell: (line: Line) => line.cells[0] },
          { id: "store", header: t("hsm.inStores"), cell: (line: Line) => line.cells[1] },
          { id: "hsm", header: t("hsm.inHsm"), cell: (line: Line) => line.cells[2] },
        ]}
      />
    </Page>
  );
}
