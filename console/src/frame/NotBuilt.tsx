import Alert from "@cloudscape-design/components/alert";
import { useLocale, type MessageKey } from "../i18n/i18n.tsx";
import { Page } from "../parts/Page.tsx";

export function NotBuilt({ name }: { name: MessageKey }) {
  const { t } = useLocale();
  return (
    <Page title={t(name)}>
      <Alert type="info" header={t("notBuilt.title", { name: t(name) })}>
        {t("notBuilt.text")}
      </Alert>
    </Page>
  );
}

export function NotFound() {
  const { t } = useLocale();
  return (
    <Page title={t("notFound.title")}>
      <Alert type="warning">{location.hash}</Alert>
    </Page>
  );
}
