import TopNavigation from "@cloudscape-design/components/top-navigation";
import { languages, useLocale, type Language } from "../i18n/i18n.tsx";
import type { Session } from "../session.ts";
import { go, hrefOf } from "./router.ts";

/** Regions as AWS names them; everything works in each. Source: AWS General Reference, "AWS service endpoints". */
export const regions = [
  "us-east-1",
  "us-east-2",
  "us-west-1",
  "us-west-2",
  "ap-northeast-1",
  "ap-northeast-2",
  "ap-northeast-3",
  "ap-southeast-1",
  "ap-southeast-2",
  "ap-south-1",
  "ca-central-1",
  "eu-central-1",
  "eu-west-1",
  "eu-west-2",
  "eu-west-3",
  "eu-north-1",
  "sa-east-1",
] as const;

const languageNames: Readonly<Record<Language, string>> = { ko: "한국어", en: "English" };

interface TopBarProps {
  session: Session;
  region: string;
  dark: boolean;
  onRegion(region: string): void;
  onLanguage(language: Language): void;
  onDark(dark: boolean): void;
  onSignOut(): void;
  onSwitchRole(): void;
  onExitRole(): void;
}

export function TopBar(props: TopBarProps) {
  const { t, language } = useLocale();
  const { identity, switchedFrom } = props.session;
  const name = identity.kind === "root" ? t("top.root") : identity.name;
  const shown = switchedFrom ? switchedFrom.displayName : `${name} @ ${identity.account}`;
  const menu = [
    {
      id: "who",
      text: identity.arn,
      itemType: "group" as const,
      items: [
        { id: "mfa", text: t(identity.mfaAuthenticated ? "top.mfaYes" : "top.mfaNo"), disabled: true },
        ...(identity.kind === "user" && !switchedFrom ? [{ id: "security", text: t("top.security") }] : []),
        ...(switchedFrom
          ? [{ id: "exit", text: t("top.exitRole", { name: switchedFrom.name }) }]
          : identity.kind === "root"
            ? []
            : [{ id: "switch", text: t("top.switchRole") }]),
        { id: "out", text: t("top.signOut") },
      ],
    },
  ];
  const actions: Readonly<Record<string, () => void>> = {
    security: () => go("iam", "users", identity.name),
    exit: props.onExitRole,
    switch: props.onSwitchRole,
    out: props.onSignOut,
  };
  return (
    <TopNavigation
      identity={{ href: hrefOf(), title: language === "ko" ? "지킴이" : "Jikimi" }}
      utilities={[
        {
          type: "button",
          iconName: props.dark ? "star-filled" : "star",
          text: t(props.dark ? "top.light" : "top.dark"),
          ariaLabel: t(props.dark ? "top.light" : "top.dark"),
          disableUtilityCollapse: false,
          onClick: () => props.onDark(!props.dark),
        },
        {
          type: "menu-dropdown",
          iconName: "globe",
          text: languageNames[language],
          ariaLabel: t("top.language"),
          items: languages.map((id) => ({ id, text: languageNames[id] })),
          onItemClick: ({ detail }) => props.onLanguage(detail.id as Language),
        },
        {
          type: "menu-dropdown",
          text: props.region,
          ariaLabel: t("top.region"),
          items: [...new Set([props.region, ...regions])].map((id) => ({ id, text: id })),
          onItemClick: ({ detail }) => props.onRegion(detail.id),
        },
        {
          type: "menu-dropdown",
          iconName: "user-profile",
          text: shown,
          description: identity.account,
          ariaLabel: t("top.menu"),
          items: menu,
          onItemClick: ({ detail }) => actions[detail.id]?.(),
        },
      ]}
      i18nStrings={{
        overflowMenuTriggerText: t("top.more"),
        overflowMenuTitleText: t("top.menu"),
        overflowMenuBackIconAriaLabel: t("signIn.back"),
        overflowMenuDismissIconAriaLabel: t("action.close"),
      }}
    />
  );
}
