import Alert from "@cloudscape-design/components/alert";
import { ApiError } from "../aws/client.ts";
import { useLocale } from "../i18n/i18n.tsx";

/** A refusal in AWS's own words; they are English in every language, because people search for them. */
export function ErrorAlert({ error }: { error: unknown }) {
  const { t } = useLocale();
  if (!error) return null;
  const known = error instanceof ApiError ? error : undefined;
  const message =
    error instanceof TypeError ? t("error.network") : error instanceof Error ? error.message : String(error);
  return (
    <Alert type="error" header={known ? known.code : t("error.unknown")}>
      <span lang={known ? "en" : undefined}>{message}</span>
      {known?.requestId ? <div className="faint">{t("error.request", { id: known.requestId })}</div> : null}
    </Alert>
  );
}
