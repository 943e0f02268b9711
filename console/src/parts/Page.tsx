/** A page: its heading, where it is, what it asked, and its sections. */
import { useEffect, type ReactNode } from "react";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useLocale } from "../i18n/i18n.tsx";
import { CliButton } from "./CliButton.tsx";

export interface Crumb {
  text: string;
  href: string;
}

interface PageProps {
  title: string;
  description?: string;
  crumbs?: readonly Crumb[];
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, description, crumbs = [], actions, children }: PageProps) {
  const { t } = useLocale();
  useEffect(() => {
    document.title = `${title} | ${t("app.title")}`;
  }, [title, t]);
  return (
    <ContentLayout
      defaultPadding
      {...(crumbs.length > 0
        ? {
            breadcrumbs: (
              <BreadcrumbGroup
                ariaLabel={t("breadcrumb.label")}
                items={[...crumbs, { text: title, href: location.hash }]}
              />
            ),
          }
        : {})}
      header={
        <Header
          variant="h1"
          description={description}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {actions}
              <CliButton />
            </SpaceBetween>
          }
        >
          {title}
        </Header>
      }
    >
      <SpaceBetween size="l">{children}</SpaceBetween>
    </ContentLayout>
  );
}
