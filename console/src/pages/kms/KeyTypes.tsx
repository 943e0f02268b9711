/** The kinds of key: who may do what with each, and the account's real keys of each with what they would cost. */
import { keyActs, keyKinds, keyTable, type KeyKind } from "../../../../src/services/kms/keyKinds.ts";
import { useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale, type MessageKey } from "../../i18n/i18n.tsx";
import { Listing, type Row } from "../../parts/Listing.tsx";
import { usd } from "../../parts/money.ts";
import { Page } from "../../parts/Page.tsx";
import { describedKeys } from "./Kms.tsx";

interface Kind {
  text: MessageKey;
  /** Absent: no API shows them. */
  holds?(key: Row): boolean;
}

const kinds: Readonly<Record<KeyKind, Kind>> = {
  customer: { text: "types.customerText", holds: (key) => key.KeyManager === "CUSTOMER" && !key.CustomKeyStoreId },
  aws: { text: "types.awsText", holds: (key) => key.KeyManager === "AWS" },
  owned: { text: "types.ownedText" },
  cloudHsm: { text: "types.customText", holds: (key) => key.Origin === "AWS_CLOUDHSM" },
  external: { text: "types.externalText", holds: (key) => key.Origin === "EXTERNAL_KEY_STORE" },
};

export default function KeyTypes() {
  const { t, number, language } = useLocale();
  const { api, own, session } = useConsole();
  return (
    <Page title={t("system.keyTypes")} description={t("types.text")}>
      <Listing
        name="key-types"
        title={t("system.keyTypes")}
        load={async () => {
          const [{ items }, ledger] = await Promise.all([
            describedKeys(api),
            // Whoever may not see the ledger sees the keys all the same.
            own("ledger").catch(() => undefined),
          ]);
          const monthly: number | undefined = ledger?.accounts.find(
            ({ account }: Row) => account === session.identity.account,
          )?.keys.monthlyUsd;
          return {
            items: keyKinds.map((kind) => ({
              id: kind,
              text: kinds[kind].text,
              keys: kinds[kind].holds ? items.filter(kinds[kind].holds) : undefined,
              monthly: kind === "customer" ? monthly : kind === "aws" || kind === "owned" ? 0 : undefined,
            })),
            more: false,
          };
        }}
        rowId={(kind) => kind.id}
        columns={[
          { id: "name", header: t("column.type"), cell: (kind) => t(`types.${kind.id as KeyKind}`) },
          { id: "text", header: t("column.description"), cell: (kind) => t(kind.text) },
          {
            id: "count",
            header: t("types.count"),
            cell: (kind) => (kind.keys ? number(kind.keys.length) : t("types.invisible")),
            href: () => hrefOf("kms"),
          },
          {
            id: "monthly",
            header: t("types.monthly"),
            cell: (kind) => (kind.monthly === undefined ? "–" : usd(language, kind.monthly)),
            href: () => hrefOf("ledger"),
          },
        ]}
      />
      <Listing
        name="key-table"
        title={t("table.title")}
        description={t("table.text")}
        load={async () => ({ items: keyKinds.map((kind) => ({ kind, ...keyTable[kind] })), more: false })}
        rowId={({ kind }) => kind}
        columns={[
          { id: "kind", header: t("table.kind"), cell: ({ kind }) => t(`types.${kind as KeyKind}`) },
          ...keyActs.map((act) => ({
            id: act,
            header: t(`table.${act}`),
            cell: (row: Row) => t(`who.${row[act]}` as MessageKey),
          })),
        ]}
      />
    </Page>
  );
}
