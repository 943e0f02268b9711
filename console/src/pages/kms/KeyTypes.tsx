/** The four kinds of key, with the account's real keys of each. */
import { useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale, type MessageKey } from "../../i18n/i18n.tsx";
import { Listing, type Row } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";
import { describedKeys } from "./Kms.tsx";

interface Kind {
  id: "customer" | "aws" | "owned" | "custom";
  text: MessageKey;
  /** Absent: no API shows them. */
  holds?(key: Row): boolean;
}

const kinds: readonly Kind[] = [
  {
    id: "customer",
    text: "types.customerText",
    holds: (key) => key.KeyManager === "CUSTOMER" && !key.CustomKeyStoreId,
  },
  { id: "aws", text: "types.awsText", holds: (key) => key.KeyManager === "AWS" },
  { id: "owned", text: "types.ownedText" },
  { id: "custom", text: "types.customText", holds: (key) => Boolean(key.CustomKeyStoreId) },
];

export default function KeyTypes() {
  const { t, number } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("system.keyTypes")} description={t("types.text")}>
      <Listing
        name="key-types"
        title={t("system.keyTypes")}
        load={async () => {
          const { items } = await describedKeys(api);
          return {
            items: kinds.map((kind) => ({ ...kind, keys: kind.holds ? items.filter(kind.holds) : undefined })),
            more: false,
          };
        }}
        rowId={(kind) => kind.id}
        columns={[
          { id: "name", header: t("column.type"), cell: (kind) => t(`types.${kind.id as Kind["id"]}`) },
          { id: "text", header: t("column.description"), cell: (kind) => t(kind.text) },
          {
            id: "count",
            header: t("types.count"),
            cell: (kind) => (kind.keys ? number(kind.keys.length) : t("types.invisible")),
            href: () => hrefOf("kms"),
          },
        ]}
      />
    </Page>
  );
}
