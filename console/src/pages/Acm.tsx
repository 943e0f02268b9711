import { every, useConsole } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { useLocale } from "../i18n/i18n.tsx";
import { Listing } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";

export default function Acm(_: PageProps) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("acm.certificates")}>
      <Listing
        name="acm/certificates"
        title={t("acm.certificates")}
        load={() => every(api, "acm", "ListCertificates", {}, "CertificateSummaryList")}
        rowId={(each) => each.CertificateArn}
        columns={[
          { id: "domain", header: t("acm.domain"), cell: (each) => each.DomainName },
          { id: "status", header: t("column.status"), cell: (each) => each.Status },
          { id: "type", header: t("column.type"), cell: (each) => each.Type },
          { id: "use", header: t("acm.inUse"), cell: (each) => t(each.InUse ? "value.yes" : "value.no") },
          {
            id: "expires",
            header: t("acm.expires"),
            cell: (each) => time(each.NotAfter),
            text: (each) => each.NotAfter ?? 0,
          },
          { id: "renewal", header: t("acm.renewal"), cell: (each) => each.RenewalEligibility },
        ]}
        create={{
          label: t("acm.import"),
          question: () => ({
            title: t("acm.import"),
            submit: t("acm.import"),
            fields: [
              { name: "Certificate", label: t("acm.body"), kind: "long" },
              { name: "PrivateKey", label: t("acm.privateKey"), kind: "long" },
              { name: "CertificateChain", label: t("acm.chain"), kind: "long", optional: true },
            ],
            run: async (values) => {
              // Blobs are base64 in JSON.
              const parts = Object.entries(values).filter(([, text]) => text.trim() !== "");
              await api(
                "acm",
                "ImportCertificate",
                Object.fromEntries(parts.map(([name, text]) => [name, btoa(text)])),
              );
            },
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ CertificateArn, DomainName }) =>
              deletion(t, DomainName, () => api("acm", "DeleteCertificate", { CertificateArn })),
          },
        ]}
      />
    </Page>
  );
}
