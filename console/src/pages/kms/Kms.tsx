import { every, useConsole, type Api } from "../../frame/context.ts";
import type { PageProps } from "../../frame/pages.tsx";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Listing, type Row } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";
import { KeyPage } from "./KeyPage.tsx";
import { KeyStores } from "./KeyStores.tsx";

const marker = ["NextMarker", "Marker"] as const;

/** Keys with what is known of each, and their aliases. */
export async function describedKeys(api: Api): Promise<{ items: Row[]; more: boolean }> {
  const [listed, aliases] = await Promise.all([
    every(api, "kms", "ListKeys", { Limit: 1000 }, "Keys", marker),
    every(api, "kms", "ListAliases", { Limit: 100 }, "Aliases", marker),
  ]);
  const named = new Map<string, string[]>();
  for (const { TargetKeyId, AliasName } of aliases.items) {
    if (TargetKeyId) named.set(TargetKeyId, [...(named.get(TargetKeyId) ?? []), AliasName]);
  }
  // A policy may hide a key from whoever lists it.
  const described = await Promise.all(
    listed.items.map(async ({ KeyId, KeyArn }) => {
      const known = await api("kms", "DescribeKey", { KeyId }).catch(() => undefined);
      return { ...(known?.KeyMetadata ?? { KeyId, Arn: KeyArn }), aliases: named.get(KeyId) ?? [] };
    }),
  );
  return { items: described, more: listed.more };
}

const specs = [
  "SYMMETRIC_DEFAULT",
  "RSA_2048",
  "RSA_3072",
  "RSA_4096",
  "ECC_NIST_P256",
  "ECC_NIST_P384",
  "ECC_NIST_P521",
  "ECC_SECG_P256K1",
  "HMAC_224",
  "HMAC_256",
  "HMAC_384",
  "HMAC_512",
  "ML_DSA_44",
  "ML_DSA_65",
  "ML_DSA_87",
];
const usages = ["ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"];

export default function Kms({ path: [id, store] }: PageProps) {
  if (id === "stores") return <KeyStores id={store} />;
  return id === undefined || id === "keys" ? <Keys /> : <KeyPage id={id} />;
}

function Keys() {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Page title="KMS" description={t("kms.text")}>
      <Listing
        name="kms/keys"
        title={t("kms.keys")}
        load={() => describedKeys(api)}
        rowId={(key) => key.KeyId}
        columns={[
          { id: "id", header: t("kms.keyId"), cell: (key) => key.KeyId, href: (key) => hrefOf("kms", key.KeyId) },
          { id: "alias", header: t("kms.alias"), cell: (key) => key.aliases.join(", ") },
          { id: "state", header: t("column.status"), cell: (key) => key.KeyState },
          { id: "spec", header: t("kms.spec"), cell: (key) => key.KeySpec },
          { id: "usage", header: t("kms.usage"), cell: (key) => key.KeyUsage },
          { id: "manager", header: t("kms.manager"), cell: (key) => key.KeyManager },
          {
            id: "created",
            header: t("column.created"),
            cell: (key) => time(key.CreationDate),
            text: (key) => key.CreationDate ?? 0,
          },
        ]}
        create={{
          label: t("kms.create"),
          question: () => ({
            title: t("kms.create"),
            submit: t("kms.create"),
            fields: [
              { name: "alias", label: t("kms.alias"), hint: t("kms.aliasHint"), initial: "alias/", optional: true },
              { name: "Description", label: t("kms.description"), optional: true },
              {
                name: "KeySpec",
                label: t("kms.spec"),
                kind: "choice",
                choices: specs.map((value) => ({ value, label: value })),
              },
              {
                name: "KeyUsage",
                label: t("kms.usage"),
                kind: "choice",
                choices: usages.map((value) => ({ value, label: value })),
              },
            ],
            run: async ({ alias, ...values }) => {
              const { KeyMetadata } = await api("kms", "CreateKey", values);
              if (alias && alias !== "alias/") {
                await api("kms", "CreateAlias", { AliasName: alias, TargetKeyId: KeyMetadata.KeyId });
              }
            },
          }),
        }}
        actions={[
          {
            id: "toggle",
            label: `${t("action.enable")} / ${t("action.disable")}`,
            disabled: (key) => key.KeyManager !== "CUSTOMER" || !["Enabled", "Disabled"].includes(key.KeyState),
            question: ({ KeyId, KeyState }) => ({
              title: t(KeyState === "Enabled" ? "action.disable" : "action.enable"),
              text: KeyId,
              submit: t(KeyState === "Enabled" ? "action.disable" : "action.enable"),
              run: async () => void (await api("kms", KeyState === "Enabled" ? "DisableKey" : "EnableKey", { KeyId })),
            }),
          },
          {
            id: "delete",
            label: t("kms.scheduleDeletion"),
            disabled: (key) => key.KeyManager !== "CUSTOMER" || key.KeyState === "PendingDeletion",
            question: ({ KeyId }) => ({
              title: t("kms.scheduleDeletion"),
              text: KeyId,
              submit: t("kms.scheduleDeletion"),
              confirmWord: KeyId.slice(0, 8),
              fields: [{ name: "days", label: t("kms.days"), initial: "30" }],
              run: async ({ days }) =>
                void (await api("kms", "ScheduleKeyDeletion", { KeyId, PendingWindowInDays: Number(days) })),
            }),
          },
          {
            id: "cancel",
            label: t("kms.cancelDeletion"),
            disabled: (key) => key.KeyState !== "PendingDeletion",
            question: ({ KeyId }) => ({
              title: t("kms.cancelDeletion"),
              text: KeyId,
              submit: t("kms.cancelDeletion"),
              run: async () => void (await api("kms", "CancelKeyDeletion", { KeyId })),
            }),
          },
        ]}
      />
    </Page>
  );
}
