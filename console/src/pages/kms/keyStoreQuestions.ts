/** What is asked before a custom key store, or a key in one, is made or changed. */
import type { Api } from "../../frame/context.ts";
import type { Locale } from "../../i18n/i18n.tsx";
import type { Question } from "../../parts/FormModal.tsx";
import type { Row } from "../../parts/Listing.tsx";

/** What was left empty stays as it is. */
const given = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value.trim() !== ""));

export function createExternal({ t }: Locale, api: Api): Question {
  return {
    title: t("stores.createExternal"),
    submit: t("action.create"),
    fields: [
      { name: "CustomKeyStoreName", label: t("stores.name") },
      { name: "XksProxyUriEndpoint", label: t("stores.endpoint"), initial: "https://" },
      { name: "XksProxyUriPath", label: t("stores.path"), hint: t("stores.pathHint"), initial: "/kms/xks/v1" },
      { name: "AccessKeyId", label: t("stores.accessKey") },
      { name: "RawSecretAccessKey", label: t("stores.secretKey"), kind: "password" },
    ],
    run: async ({ AccessKeyId, RawSecretAccessKey, ...values }) =>
      void (await api("kms", "CreateCustomKeyStore", {
        ...values,
        CustomKeyStoreType: "EXTERNAL_KEY_STORE",
        XksProxyConnectivity: "PUBLIC_ENDPOINT",
        XksProxyAuthenticationCredential: { AccessKeyId, RawSecretAccessKey },
      })),
  };
}

/** Clusters that a store can be made of are offered; the API says of any other why not. */
export async function createCloudHsm({ t }: Locale, api: Api): Promise<Question> {
  const { Clusters = [] } = await api("cloudhsmv2", "DescribeClusters", { Filters: { states: ["ACTIVE"] } });
  const choices = (Clusters as Row[]).map(({ ClusterId }) => ({ value: String(ClusterId), label: String(ClusterId) }));
  return {
    title: t("stores.createCloudHsm"),
    submit: t("action.create"),
    fields: [
      { name: "CustomKeyStoreName", label: t("stores.name") },
      {
        name: "CloudHsmClusterId",
        label: t("stores.cluster"),
        ...(choices.length > 0 ? { kind: "choice" as const, choices } : {}),
      },
      { name: "TrustAnchorCertificate", label: t("stores.anchor"), hint: t("stores.anchorHint"), kind: "long" },
      { name: "KeyStorePassword", label: t("stores.password"), kind: "password" },
    ],
    run: async (values) =>
      void (await api("kms", "CreateCustomKeyStore", { ...values, CustomKeyStoreType: "AWS_CLOUDHSM" })),
  };
}

export function createKeyIn({ t }: Locale, api: Api, store: Row): Question {
  const external = store.CustomKeyStoreType !== "AWS_CLOUDHSM";
  return {
    title: t("stores.createKey"),
    submit: t("kms.create"),
    fields: [
      { name: "Description", label: t("kms.description"), optional: true },
      ...(external ? [{ name: "XksKeyId", label: t("stores.externalKey") }] : []),
    ],
    run: async (values) =>
      void (await api("kms", "CreateKey", {
        ...given(values),
        CustomKeyStoreId: store.CustomKeyStoreId,
        Origin: external ? "EXTERNAL_KEY_STORE" : "AWS_CLOUDHSM",
      })),
  };
}

export function edit({ t }: Locale, api: Api, store: Row): Question {
  const external = store.CustomKeyStoreType !== "AWS_CLOUDHSM";
  return {
    title: t("stores.edit"),
    submit: t("action.save"),
    fields: [
      { name: "NewCustomKeyStoreName", label: t("stores.name"), initial: store.CustomKeyStoreName },
      ...(external
        ? [
            {
              name: "XksProxyUriEndpoint",
              label: t("stores.endpoint"),
              initial: store.XksProxyConfiguration?.UriEndpoint,
            },
            { name: "XksProxyUriPath", label: t("stores.path"), initial: store.XksProxyConfiguration?.UriPath },
            { name: "AccessKeyId", label: t("stores.accessKey"), optional: true },
            { name: "RawSecretAccessKey", label: t("stores.secretKey"), kind: "password" as const, optional: true },
          ]
        : [
            {
              name: "KeyStorePassword",
              label: t("stores.newPassword"),
              hint: t("stores.newPasswordHint"),
              kind: "password" as const,
              optional: true,
            },
          ]),
    ],
    run: async ({ AccessKeyId, RawSecretAccessKey, ...values }) => {
      const { XksProxyConfiguration: proxy, CustomKeyStoreName } = store;
      const before: Readonly<Record<string, unknown>> = {
        NewCustomKeyStoreName: CustomKeyStoreName,
        XksProxyUriEndpoint: proxy?.UriEndpoint,
        XksProxyUriPath: proxy?.UriPath,
      };
      const changed = Object.entries(given(values)).filter(([name, value]) => value !== before[name]);
      const credential = RawSecretAccessKey
        ? { XksProxyAuthenticationCredential: { AccessKeyId, RawSecretAccessKey } }
        : {};
      await api("kms", "UpdateCustomKeyStore", {
        CustomKeyStoreId: store.CustomKeyStoreId,
        ...Object.fromEntries(changed),
        ...credential,
      });
    },
  };
}
