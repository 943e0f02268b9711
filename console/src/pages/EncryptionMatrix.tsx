/** What is encrypted at rest and in transit, with proof: `/_jikimi/encryption-matrix`, as whoever has signed in may know. */
import Box from "@cloudscape-design/components/box";
import Link from "@cloudscape-design/components/link";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import type { Cell, EncryptionMatrix as Matrix, MatrixRow } from "../../../src/roles/encryptionMatrixShape.ts";
import { useConsole } from "../frame/context.ts";
import { hrefOf } from "../frame/router.ts";
import { useLocale, type MessageKey } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { Listing } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { useLoad } from "../parts/useLoad.ts";

const looks: Readonly<Record<Cell["state"], StatusIndicatorProps.Type>> = {
  encrypted: "success",
  plain: "error",
  empty: "pending",
  absent: "stopped",
};

const ownKeys: Readonly<Record<string, MessageKey>> = {
  "key holder": "matrix.keyHolder",
  "key holder (documents)": "matrix.documents",
  "SSE-C": "matrix.customer",
  seal: "matrix.seal",
};

/** Red first. */
const order: readonly Cell["state"][] = ["plain", "encrypted", "empty", "absent"];

type Half = "atRest" | "inTransit";

export default function EncryptionMatrix() {
  const { t, number } = useLocale();
  const { own } = useConsole();
  const { data, error } = useLoad("encryption", async () => (await own("encryption-matrix")) as Matrix);
  return (
    <Page title={t("system.encryption")} description={t("matrix.text")}>
      <Details
        title={t("matrix.state")}
        error={error}
        columns={4}
        pairs={data ? order.map((state) => [t(`matrix.${state}`), number(data.counts[state])]) : []}
      />
      {(["atRest", "inTransit"] as const).map((half) => (
        <Half key={half} half={half} data={data} />
      ))}
    </Page>
  );
}

function Half({ half, data }: { half: Half; data: Matrix | undefined }) {
  const { t, number } = useLocale();
  const cellOf = (row: MatrixRow): Cell => row[half]!;
  const rows = (data?.rows ?? [])
    .filter((row) => row[half])
    .toSorted((a, b) => order.indexOf(cellOf(a).state) - order.indexOf(cellOf(b).state));
  return (
    <Listing
      name={`encryption/${half}/${data?.at ?? 0}`}
      title={t(`matrix.${half}`)}
      load={async () => ({ items: rows.map((row, index) => ({ ...row, index })), more: false })}
      rowId={({ index }) => String(index)}
      columns={[
        { id: "kind", header: t("matrix.kind"), cell: ({ kind }) => t(`matrix.${kind}` as MessageKey) },
        {
          id: "state",
          header: t("matrix.state"),
          cell: (row) => <State cell={cellOf(row)} />,
          text: (row) => order.indexOf(cellOf(row).state),
          width: 200,
        },
        {
          id: "resource",
          header: t("matrix.resource"),
          cell: ({ resource }) => <span className="peek">{resource ?? "–"}</span>,
          text: ({ resource }) => resource ?? "",
          width: 180,
        },
        ...(half === "atRest"
          ? [
              {
                id: "key",
                header: t("matrix.key"),
                cell: (row: MatrixRow) => <Key name={cellOf(row).key} />,
                text: (row: MatrixRow) => cellOf(row).key ?? "",
                width: 150,
              },
            ]
          : []),
        {
          id: "proof",
          header: t("matrix.proof"),
          cell: (row) => <Proof cell={cellOf(row)} count={number} />,
          width: 260,
        },
      ]}
    />
  );
}

function State({ cell: { state, why } }: { cell: Cell }) {
  const { t } = useLocale();
  return (
    <>
      <StatusIndicator type={looks[state]}>{t(`matrix.${state}`)}</StatusIndicator>
      {why ? <Box color="text-body-secondary">{t(`why.${why}`)}</Box> : null}
    </>
  );
}

function Proof({ cell: { proof }, count }: { cell: Cell; count(value: number): string }) {
  const { t } = useLocale();
  if (!proof) return "–";
  if ("address" in proof) return `${proof.address} ${proof.protocol ?? ""} ${proof.cipher ?? ""}`.trim();
  return (
    <>
      <code className="peek">{proof.hex}</code>
      <Box color="text-body-secondary">
        <span className="peek">{proof.medium}</span> · {t("matrix.bytes", { count: count(proof.bytes) })}
      </Box>
    </>
  );
}

function Key({ name }: { name: string | undefined }) {
  const { t } = useLocale();
  if (name === undefined) return "–";
  if (ownKeys[name]) return t(ownKeys[name]);
  return (
    <span className="peek">
      {name.startsWith("arn:") ? <Link href={hrefOf("kms", name.split("/")[1]!)}>{name}</Link> : name}
    </span>
  );
}
