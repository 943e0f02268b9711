/** The two kinds of page that IAM has: everything of a kind, and one of it. */
import type { ReactNode } from "react";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Details, type DetailsProps } from "../../parts/Details.tsx";
import { Listing, type ListingProps } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";

export type Kind = "users" | "groups" | "roles" | "policies";

const iam = { text: "IAM", href: hrefOf("iam") };

interface EverythingProps extends Omit<ListingProps, "title" | "description"> {
  kind: Kind;
  description?: string;
}

/** One table. */
export function Everything({ kind, description, ...listing }: EverythingProps) {
  const { t } = useLocale();
  const title = t(`iam.${kind}`);
  return (
    <Page title={title} {...(description === undefined ? {} : { description })} crumbs={[iam]}>
      <Listing title={title} {...listing} />
    </Page>
  );
}

interface OneProps {
  kind: Kind;
  name: string;
  error: unknown;
  /** Absent while they are being loaded. */
  pairs: DetailsProps["pairs"] | undefined;
  children: ReactNode;
}

/** What it is, and below what belongs to it. */
export function One({ kind, name, error, pairs, children }: OneProps) {
  const { t } = useLocale();
  return (
    <Page title={name} crumbs={[iam, { text: t(`iam.${kind}`), href: hrefOf("iam", kind) }]}>
      <Details title={t("tab.details")} error={error} pairs={pairs ?? []} />
      {children}
    </Page>
  );
}
