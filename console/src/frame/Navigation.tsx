import type { ReactNode } from "react";
import Box from "@cloudscape-design/components/box";
import SideNavigation, { type SideNavigationProps } from "@cloudscape-design/components/side-navigation";
import { useLocale, type Locale } from "../i18n/i18n.tsx";
import { hrefOf } from "./router.ts";
import { foundation, isBuilt, systems, type System } from "./systems.ts";

interface NavigationProps {
  services: readonly string[];
  path: readonly string[];
}

export function Navigation({ services, path }: NavigationProps) {
  const locale = useLocale();
  const { t } = locale;
  const item = (system: System) => itemOf(system, services, locale);
  return (
    <SideNavigation
      header={{ text: t("nav.home"), href: hrefOf() }}
      activeHref={hrefOf(...path.slice(0, 2))}
      items={[
        { type: "section", text: t("nav.systems"), items: systems.map(item) },
        { type: "section", text: t("nav.foundation"), items: foundation.map(item) },
      ]}
    />
  );
}

type Item = SideNavigationProps.Item;

function itemOf(system: System, services: readonly string[], { t }: Locale): Item {
  const text = t(system.name);
  const href = hrefOf(system.id);
  if (!isBuilt(system, services)) {
    const info: ReactNode = (
      <Box variant="span" color="text-status-inactive" fontSize="body-s">
        {t("nav.notBuilt")}
      </Box>
    );
    return { type: "link", text, href, info };
  }
  if (!system.pages) return { type: "link", text, href };
  return {
    type: "expandable-link-group",
    text,
    href,
    items: system.pages.map((page) => ({ type: "link", text: t(page.name), href: hrefOf(system.id, page.id) })),
  };
}
