/** Tries a key policy, the present one or one being written, on a user. */
import { useState } from "react";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import Textarea from "@cloudscape-design/components/textarea";
import { every, useConsole } from "../../frame/context.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { ErrorAlert } from "../../parts/ErrorAlert.tsx";
import { pretty } from "../../parts/Json.tsx";
import { useLoad } from "../../parts/useLoad.ts";
import { simulateKeyPolicy, type Simulated } from "./policySimulation.ts";

export function KeyPolicySimulator({ keyArn, policy }: { keyArn: string; policy: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const [user, setUser] = useState<string>();
  const [draft, setDraft] = useState<string>();
  const [results, setResults] = useState<Simulated[]>([]);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const { data } = useLoad("simulator/users", () => every(api, "iam", "ListUsers", {}, "Users", ["Marker", "Marker"]));
  const users = (data?.items ?? []).map(({ Arn, UserName }) => ({ value: Arn as string, label: UserName as string }));
  const text = draft ?? pretty(policy);
  const run = async () => {
    if (user === undefined) return;
    setBusy(true);
    setError(undefined);
    try {
      setResults(await simulateKeyPolicy(api, { userArn: user, keyArn, policy: text }));
    } catch (problem) {
      setError(problem);
      setResults([]);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Container
      header={
        <Header variant="h2" description={t("simulator.text")}>
          {t("simulator.title")}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <FormField label={t("simulator.draft")} stretch>
          <Textarea value={text} rows={10} spellcheck={false} onChange={({ detail }) => setDraft(detail.value)} />
        </FormField>
        <FormField label={t("simulator.user")}>
          <Select
            selectedOption={users.find(({ value }) => value === user) ?? null}
            options={users}
            onChange={({ detail }) => setUser(detail.selectedOption.value)}
          />
        </FormField>
        <Button loading={busy} disabled={user === undefined} onClick={() => void run()}>
          {t("simulator.run")}
        </Button>
        <ErrorAlert error={error} />
        {results.length > 0 ? (
          <Table
            variant="embedded"
            items={results}
            trackBy="action"
            ariaLabels={{ tableLabel: t("simulator.title") }}
            columnDefinitions={[
              { id: "action", header: t("simulator.action"), cell: ({ action }) => action },
              {
                id: "decision",
                header: t("simulator.result"),
                cell: ({ decision }) => (
                  <StatusIndicator type={decision === "allowed" ? "success" : "error"}>
                    {t(`simulator.${decision}`)}
                  </StatusIndicator>
                ),
              },
              { id: "key", header: t("simulator.byKey"), cell: ({ byKey }) => t(`simulator.${byKey}`) },
              {
                id: "identity",
                header: t("simulator.byIdentity"),
                cell: ({ byIdentity }) => t(`simulator.${byIdentity}`),
              },
            ]}
          />
        ) : null}
      </SpaceBetween>
    </Container>
  );
}
