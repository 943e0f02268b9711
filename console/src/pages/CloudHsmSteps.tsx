/** The steps from nothing to an active cluster: which are done is read off the cluster's state, each time it changes. */
import type { ReactNode } from "react";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { useConsole } from "../frame/context.ts";
import { hrefOf } from "../frame/router.ts";
import { useLocale, type MessageKey } from "../i18n/i18n.tsx";
import type { Question } from "../parts/FormModal.tsx";
import type { Row } from "../parts/Listing.tsx";
import { saveText } from "../parts/saveText.ts";
import { addHsm, initialize } from "./CloudHsmQuestions.ts";

type Standing = "done" | "now" | "waiting" | "later";

const indicators: Readonly<Record<Standing, StatusIndicatorProps.Type>> = {
  done: "success",
  now: "info",
  waiting: "in-progress",
  later: "pending",
};

/** How far a cluster has come, in steps that are behind it; `waiting` while it goes on by itself. */
function progressOf(cluster: Row): { done: number; waiting: boolean } {
  const hsms = (cluster.Hsms ?? []) as Row[];
  switch (cluster.State as string) {
    case "CREATE_IN_PROGRESS":
      return { done: 0, waiting: true };
    case "UNINITIALIZED":
      if (cluster.Certificates?.ClusterCsr) return { done: 2, waiting: false };
      return { done: 1, waiting: hsms.length > 0 };
    case "INITIALIZE_IN_PROGRESS":
      return { done: 3, waiting: true };
    case "INITIALIZED":
      return { done: 4, waiting: false };
    default:
      return { done: 5, waiting: false };
  }
}

interface Step {
  name: MessageKey;
  text?: MessageKey;
  content?: ReactNode;
}

export function CloudHsmSteps({ cluster, ask }: { cluster: Row; ask(question: Question): void }) {
  const locale = useLocale();
  const { t } = locale;
  const { api } = useConsole();
  if (String(cluster.State).startsWith("DELETE")) return null;
  const id = cluster.ClusterId as string;
  const csr = cluster.Certificates?.ClusterCsr as string | undefined;
  const code = (...lines: string[]) => <Commands lines={lines} />;
  const steps: Step[] = [
    { name: "hsm.step.create" },
    {
      name: "hsm.step.add",
      text: "hsm.step.addText",
      content: <Button onClick={() => ask(addHsm(locale, api, cluster))}>{t("hsm.addHsm")}</Button>,
    },
    {
      name: "hsm.step.sign",
      text: "hsm.step.signText",
      content: (
        <SpaceBetween size="xs">
          {code(
            "openssl req -new -x509 -days 3652 -newkey rsa:2048 -keyout customerCA.key -out customerCA.crt",
            `openssl x509 -req -days 3652 -in ${id}_ClusterCsr.csr -CA customerCA.crt -CAkey customerCA.key -CAcreateserial -out ${id}_CustomerHsmCertificate.crt`,
          )}
          <Button iconName="download" disabled={!csr} onClick={() => saveText(`${id}_ClusterCsr.csr`, csr!)}>
            {t("hsm.downloadCsr")}
          </Button>
        </SpaceBetween>
      ),
    },
    {
      name: "hsm.step.initialize",
      text: "hsm.step.initializeText",
      content: <Button onClick={() => ask(initialize(locale, api, cluster))}>{t("hsm.initialize")}</Button>,
    },
    { name: "hsm.step.activate", text: "hsm.step.activateText", content: code(`jikimi hsm activate --cluster ${id}`) },
    {
      name: "hsm.step.use",
      text: "hsm.step.useText",
      content: (
        <SpaceBetween size="xs">
          {code(`jikimi hsm user create kmsuser --cluster ${id}`, `jikimi hsm pkcs11 --cluster ${id}`)}
          <Button href={hrefOf("kms", "stores")}>{t("kms.stores")}</Button>
        </SpaceBetween>
      ),
    },
  ];
  const { done, waiting } = progressOf(cluster);
  // Signing happens elsewhere: it is done when its result is uploaded.
  const standingOf = (at: number): Standing => {
    if (at < done) return "done";
    if (waiting) return at === done ? "waiting" : "later";
    return at === done || (done === 2 && at === 3) ? "now" : "later";
  };
  return (
    <Container header={<Header variant="h2">{t("hsm.steps")}</Header>}>
      <ol className="steps">
        {steps.map(({ name, text, content }, at) => {
          const standing = standingOf(at);
          const isOpen = standing === "now";
          return (
            <li key={name} aria-current={isOpen ? "step" : undefined}>
              <SpaceBetween size="xs">
                <SpaceBetween direction="horizontal" size="s">
                  <Box fontWeight="bold">{t(name)}</Box>
                  <StatusIndicator type={indicators[standing]}>{t(`hsm.state.${standing}`)}</StatusIndicator>
                </SpaceBetween>
                {isOpen && text ? <Box color="text-body-secondary">{t(text)}</Box> : null}
                {isOpen ? content : null}
              </SpaceBetween>
            </li>
          );
        })}
      </ol>
    </Container>
  );
}

function Commands({ lines }: { lines: readonly string[] }) {
  return (
    <div>
      {lines.map((line) => (
        <Box key={line} variant="code" display="block">
          {line}
        </Box>
      ))}
    </div>
  );
}
