/** Alias, password policy and use of the account. */
import { useState } from "react";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { ApiError } from "../../aws/client.ts";
import { useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale, type MessageKey } from "../../i18n/i18n.tsx";
import { Details } from "../../parts/Details.tsx";
import { FormModal, type Question } from "../../parts/FormModal.tsx";
import { Page } from "../../parts/Page.tsx";
import { useLoad } from "../../parts/useLoad.ts";

const switches: readonly [member: string, label: MessageKey][] = [
  ["RequireUppercaseCharacters", "iam.upper"],
  ["RequireLowercaseCharacters", "iam.lower"],
  ["RequireNumbers", "iam.number"],
  ["RequireSymbols", "iam.symbol"],
  ["AllowUsersToChangePassword", "iam.usersChange"],
  ["HardExpiry", "iam.hardExpiry"],
];
const numbers: readonly [member: string, label: MessageKey][] = [
  ["MinimumPasswordLength", "iam.minLength"],
  ["MaxPasswordAge", "iam.maxAge"],
  ["PasswordReusePrevention", "iam.reuse"],
];

export function AccountSettings() {
  const { t, time, number } = useLocale();
  const { api, flash } = useConsole();
  const [question, setQuestion] = useState<Question>();
  const alias = useLoad(
    "alias",
    async () => (await api("iam", "ListAccountAliases")).AccountAliases[0] as string | undefined,
  );
  const policy = useLoad("policy", async () => {
    try {
      return (await api("iam", "GetAccountPasswordPolicy")).PasswordPolicy;
    } catch (problem) {
      if (problem instanceof ApiError && problem.code === "NoSuchEntity") return null;
      throw problem;
    }
  });
  const account = useLoad("account", () => api("account", "GetAccountInformation"));
  const summary = useLoad("summary", async () => (await api("iam", "GetAccountSummary")).SummaryMap);
  const ask = (title: string, rest: Omit<Question, "title">, reload: () => void) =>
    setQuestion({
      title,
      ...rest,
      run: async (values, files) => {
        await rest.run(values, files);
        flash(title);
        reload();
      },
    });
  const editPolicy = () =>
    ask(
      t("iam.editPolicy"),
      {
        submit: t("action.save"),
        fields: [
          ...numbers.map(([name, label]) => ({
            name,
            label: t(label),
            optional: name !== "MinimumPasswordLength",
            initial: String(policy.data?.[name] ?? (name === "MinimumPasswordLength" ? 8 : "")),
          })),
          ...switches.map(([name, label]) => ({
            name,
            label: t(label),
            kind: "check" as const,
            initial: policy.data?.[name] ? "true" : "",
          })),
        ],
        run: async (values) => {
          const chosen = switches.map(([name]) => [name, values[name] === "true"] as const);
          const counted = numbers.flatMap(([name]) => (values[name] ? [[name, Number(values[name])] as const] : []));
          await api("iam", "UpdateAccountPasswordPolicy", Object.fromEntries([...counted, ...chosen]));
        },
      },
      policy.reload,
    );
  return (
    <Page title={t("iam.accountSettings")} crumbs={[{ text: "IAM", href: hrefOf("iam") }]}>
      <Details
        title={t("iam.account")}
        error={account.error}
        pairs={
          account.data
            ? [
                [t("column.id"), account.data.AccountId],
                [t("iam.accountName"), account.data.AccountName],
                [t("column.created"), time(account.data.AccountCreatedDate)],
              ]
            : []
        }
      />
      <Details
        title={t("iam.alias")}
        error={alias.error}
        pairs={[[t("iam.alias"), alias.data ?? t("value.none")]]}
        actions={
          alias.data === undefined ? (
            <Button
              onClick={() =>
                ask(
                  t("iam.setAlias"),
                  {
                    submit: t("action.save"),
                    fields: [{ name: "AccountAlias", label: t("iam.alias") }],
                    run: async (values) => void (await api("iam", "CreateAccountAlias", values)),
                  },
                  alias.reload,
                )
              }
            >
              {t("iam.setAlias")}
            </Button>
          ) : (
            <Button
              onClick={() =>
                ask(
                  t("iam.removeAlias"),
                  {
                    submit: t("iam.removeAlias"),
                    text: alias.data!,
                    run: async () => void (await api("iam", "DeleteAccountAlias", { AccountAlias: alias.data })),
                  },
                  alias.reload,
                )
              }
            >
              {t("iam.removeAlias")}
            </Button>
          )
        }
      />
      <Details
        title={t("iam.passwordPolicy")}
        error={policy.error}
        pairs={
          policy.data
            ? [
                ...numbers.map(
                  ([name, label]) => [t(label), policy.data[name] ? number(policy.data[name]) : "–"] as const,
                ),
                ...switches.map(
                  ([name, label]) => [t(label), t(policy.data[name] ? "value.yes" : "value.no")] as const,
                ),
              ]
            : policy.data === null
              ? [[t("iam.passwordPolicy"), <Box key="none">{t("iam.noPolicy")}</Box>]]
              : []
        }
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={editPolicy}>{t("action.edit")}</Button>
            {policy.data ? (
              <Button
                onClick={() =>
                  ask(
                    t("iam.removePolicy"),
                    {
                      submit: t("iam.removePolicy"),
                      run: async () => void (await api("iam", "DeleteAccountPasswordPolicy")),
                    },
                    policy.reload,
                  )
                }
              >
                {t("iam.removePolicy")}
              </Button>
            ) : null}
          </SpaceBetween>
        }
      />
      <Details
        title={t("iam.summary")}
        error={summary.error}
        columns={4}
        pairs={Object.entries((summary.data ?? {}) as Record<string, number>).map(
          ([name, count]) => [name, number(Number(count))] as const,
        )}
      />
      {question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null}
    </Page>
  );
}
