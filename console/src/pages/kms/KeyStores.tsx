/** Custom key stores: what they are connected to, why not, and the keys in them. */
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { every, useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale, type Locale, type MessageKey } from "../../i18n/i18n.tsx";
import { Details } from "../../parts/Details.tsx";
import { FormModal, type Question } from "../../parts/FormModal.tsx";
import { Listing, type Row } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";
import { deletion } from "../../parts/questions.ts";
import { useLoad } from "../../parts/useLoad.ts";
import { describedKeys } from "./Kms.tsx";
import { createCloudHsm, createExternal, createKeyIn, edit } from "./keyStoreQuestions.ts";

const live = ["kms"];
const marker = ["NextMarker", "Marker"] as const;

const states: Readonly<Record<string, StatusIndicatorProps.Type>> = {
  CONNECTED: "success",
  CONNECTING: "in-progress",
  DISCONNECTING: "in-progress",
  DISCONNECTED: "stopped",
  FAILED: "error",
};

const errors: Readonly<Record<string, MessageKey>> = Object.fromEntries(
  (
    [
      "CLUSTER_NOT_FOUND",
      "INSUFFICIENT_CLOUDHSM_HSMS",
      "INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET",
      "INTERNAL_ERROR",
      "INVALID_CREDENTIALS",
      "NETWORK_ERRORS",
      "SUBNET_NOT_FOUND",
      "USER_LOCKED_OUT",
      "USER_LOGGED_IN",
      "USER_NOT_FOUND",
      "XKS_PROXY_ACCESS_DENIED",
      "XKS_PROXY_NOT_REACHABLE",
      "XKS_PROXY_INVALID_CONFIGURATION",
      "XKS_PROXY_INVALID_RESPONSE",
      "XKS_PROXY_INVALID_TLS_CONFIGURATION",
      "XKS_PROXY_TIMED_OUT",
    ] as const
  ).map((code) => [code, `stores.error.${code}`]),
);

function State({ store }: { store: Row }) {
  return <StatusIndicator type={states[store.ConnectionState] ?? "info"}>{store.ConnectionState}</StatusIndicator>;
}

const typeOf = (store: Row, { t }: Locale) =>
  t(store.CustomKeyStoreType === "AWS_CLOUDHSM" ? "stores.cloudHsm" : "stores.external");

const whereOf = ({ CloudHsmClusterId, XksProxyConfiguration: proxy }: Row): string =>
  CloudHsmClusterId ?? `${proxy?.UriEndpoint ?? ""}${proxy?.UriPath ?? ""}`;

export function KeyStores({ id }: { id: string | undefined }) {
  return id === undefined ? <All /> : <One id={id} />;
}

function useOperations() {
  const locale = useLocale();
  const { t } = locale;
  const { api } = useConsole();
  const where = ({ CustomKeyStoreId }: Row) => ({ CustomKeyStoreId });
  return [
    {
      id: "connect",
      label: t("stores.connect"),
      disabled: (store: Row) => store.ConnectionState !== "DISCONNECTED",
      question: (store: Row): Question => ({
        title: t("stores.connect"),
        text: store.CustomKeyStoreName,
        submit: t("stores.connect"),
        run: async () => void (await api("kms", "ConnectCustomKeyStore", where(store))),
      }),
    },
    {
      id: "disconnect",
      label: t("stores.disconnect"),
      disabled: (store: Row) => store.ConnectionState === "DISCONNECTED",
      question: (store: Row): Question => ({
        title: t("stores.disconnect"),
        text: t("stores.disconnectText"),
        submit: t("stores.disconnect"),
        run: async () => void (await api("kms", "DisconnectCustomKeyStore", where(store))),
      }),
    },
    {
      id: "edit",
      label: t("stores.edit"),
      disabled: (store: Row) => store.ConnectionState !== "DISCONNECTED",
      question: (store: Row): Question => edit(locale, api, store),
    },
    {
      id: "delete",
      label: t("action.delete"),
      disabled: (store: Row) => store.ConnectionState !== "DISCONNECTED",
      question: (store: Row): Question =>
        deletion(t, store.CustomKeyStoreName, () => api("kms", "DeleteCustomKeyStore", where(store))),
    },
  ];
}

function All() {
  const locale = useLocale();
  const { t, time } = locale;
  const { api, facts } = useConsole();
  const operations = useOperations();
  const hsm = facts.services.includes("cloudhsmv2");
  return (
    <Page title={t("kms.stores")} description={t("stores.text")} crumbs={[{ text: "KMS", href: hrefOf("kms") }]}>
      <Listing
        name="kms/stores"
        title={t("kms.stores")}
        live={live}
        load={() => every(api, "kms", "DescribeCustomKeyStores", {}, "CustomKeyStores", marker)}
        rowId={(store) => store.CustomKeyStoreId}
        columns={[
          {
            id: "name",
            header: t("column.name"),
            cell: (store) => store.CustomKeyStoreName,
            href: (store) => hrefOf("kms", "stores", store.CustomKeyStoreId),
          },
          {
            id: "state",
            header: t("stores.state"),
            cell: (store) => <State store={store} />,
            text: (store) => store.ConnectionState,
          },
          { id: "type", header: t("stores.type"), cell: (store) => typeOf(store, locale) },
          { id: "where", header: t("stores.where"), cell: whereOf },
          {
            id: "created",
            header: t("column.created"),
            cell: (store) => time(store.CreationDate),
            text: (store) => store.CreationDate ?? 0,
          },
        ]}
        {...(hsm ? { more: [{ label: t("stores.createCloudHsm"), question: () => createCloudHsm(locale, api) }] } : {})}
        create={{ label: t("stores.createExternal"), question: () => createExternal(locale, api) }}
        actions={operations}
      />
    </Page>
  );
}

function One({ id }: { id: string }) {
  const locale = useLocale();
  const { t, time } = locale;
  const { api, flash } = useConsole();
  const operations = useOperations();
  const [question, setQuestion] = useState<Question>();
  const { data, error, reload } = useLoad(
    `stores/${id}`,
    async () => (await api("kms", "DescribeCustomKeyStores", { CustomKeyStoreId: id })).CustomKeyStores[0] as Row,
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
  const reason = data?.ConnectionErrorCode as string | undefined;
  return (
    <Page
      title={data?.CustomKeyStoreName ?? id}
      crumbs={[
        { text: "KMS", href: hrefOf("kms") },
        { text: t("kms.stores"), href: hrefOf("kms", "stores") },
      ]}
    >
      {reason === undefined ? null : (
        <Alert type="warning" header={reason}>
          {errors[reason] ? t(errors[reason]) : null}
        </Alert>
      )}
      <Details
        title={t("tab.details")}
        error={error}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {data
              ? operations
                  .filter(({ id: operation, disabled }) => operation !== "delete" && !disabled(data))
                  .map(({ id: operation, label, question: questionOf }) => (
                    <Button key={operation} onClick={() => ask(questionOf(data))}>
                      {label}
                    </Button>
                  ))
              : null}
          </SpaceBetween>
        }
        pairs={
          data
            ? [
                [t("stores.state"), <State key="state" store={data} />],
                [t("column.id"), data.CustomKeyStoreId],
                [t("stores.type"), typeOf(data, locale)],
                ...(data.CustomKeyStoreType === "AWS_CLOUDHSM"
                  ? [[t("stores.cluster"), data.CloudHsmClusterId] as const]
                  : [
                      [t("stores.endpoint"), data.XksProxyConfiguration?.UriEndpoint] as const,
                      [t("stores.path"), data.XksProxyConfiguration?.UriPath] as const,
                      [t("stores.accessKey"), data.XksProxyConfiguration?.AccessKeyId] as const,
                    ]),
                [t("column.created"), time(data.CreationDate)],
              ]
            : []
        }
      />
      {data ? <Keys store={data} /> : null}
      {question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null}
    </Page>
  );
}

function Keys({ store }: { store: Row }) {
  const locale = useLocale();
  const { t } = locale;
  const { api } = useConsole();
  const id = store.CustomKeyStoreId as string;
  return (
    <Listing
      name={`kms/stores/${id}/keys`}
      title={t("stores.keys")}
      live={live}
      load={async () => {
        const { items, more } = await describedKeys(api);
        return { items: items.filter((key) => key.CustomKeyStoreId === id), more };
      }}
      rowId={(key) => key.KeyId}
      columns={[
        { id: "id", header: t("kms.keyId"), cell: (key) => key.KeyId, href: (key) => hrefOf("kms", key.KeyId) },
        { id: "alias", header: t("kms.alias"), cell: (key) => key.aliases.join(", ") },
        { id: "state", header: t("column.status"), cell: (key) => key.KeyState },
        { id: "description", header: t("column.description"), cell: (key) => key.Description },
        ...(store.CustomKeyStoreType === "AWS_CLOUDHSM"
          ? []
          : [{ id: "external", header: t("stores.externalKey"), cell: (key: Row) => key.XksKeyConfiguration?.Id }]),
      ]}
      {...(store.ConnectionState === "CONNECTED"
        ? { create: { label: t("stores.createKey"), question: () => createKeyIn(locale, api, store) } }
        : {})}
    />
  );
}
