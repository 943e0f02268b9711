import { useCallback, useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { lazy, Suspense } from "react";
import "@cloudscape-design/global-styles/index.css";
import "./style.css";
import { applyMode, Mode } from "@cloudscape-design/global-styles";
import { I18nProvider } from "@cloudscape-design/components/i18n";
import Button from "@cloudscape-design/components/button";
import type { Facts } from "./frame/context.ts";
import { segmentsOf } from "./frame/router.ts";
import { SignInPage } from "./frame/SignInPage.tsx";
import { firstLanguage, localeOf, LocaleProvider, type Language } from "./i18n/i18n.tsx";
import { redeem, resume, signOut, type Session } from "./session.ts";

const Console = lazy(() => import("./frame/Console.tsx").then((module) => ({ default: module.Console })));

/** Texts of the components themselves. */
const componentMessages = {
  en: () => import("@cloudscape-design/components/i18n/messages/all.en"),
  ko: () => import("@cloudscape-design/components/i18n/messages/all.ko"),
};

type State = { kind: "starting" } | { kind: "out"; ended: boolean } | { kind: "in"; session: Session };

function App() {
  const [language, setLanguage] = useState<Language>(firstLanguage);
  const [messages, setMessages] = useState<readonly unknown[]>([]);
  const [dark, setDark] = useState(
    () =>
      (localStorage.getItem("jikimi-mode") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "")) ===
      "dark",
  );
  const [facts, setFacts] = useState<Facts>();
  const [state, setState] = useState<State>({ kind: "starting" });
  const locale = useMemo(() => localeOf(language), [language]);

  useEffect(() => {
    document.documentElement.lang = language;
    document.title = locale.t("app.title");
    void componentMessages[language]().then((module) => setMessages([module.default]));
  }, [language, locale]);
  useEffect(() => {
    applyMode(dark ? Mode.Dark : Mode.Light);
  }, [dark]);
  useEffect(() => {
    void fetch("/_jikimi/console/api/facts").then(async (answer) => setFacts((await answer.json()) as Facts));
    void start().then((session) => setState(session ? { kind: "in", session } : { kind: "out", ended: false }));
  }, []);

  const onEnded = useCallback(() => setState({ kind: "out", ended: true }), []);
  const choose = (next: Language) => {
    localStorage.setItem("jikimi-language", next);
    setLanguage(next);
  };
  const chooseDark = (next: boolean) => {
    localStorage.setItem("jikimi-mode", next ? "dark" : "light");
    setDark(next);
  };

  return (
    <I18nProvider locale={language} messages={messages as never}>
      <LocaleProvider locale={locale}>
        {state.kind === "out" ? (
          <SignInPage
            ended={state.ended}
            onSignedIn={(session) => setState({ kind: "in", session })}
            language={
              <Button variant="link" iconName="globe" onClick={() => choose(language === "ko" ? "en" : "ko")}>
                {language === "ko" ? "English" : "한국어"}
              </Button>
            }
          />
        ) : null}
        {state.kind === "in" && facts ? (
          <Suspense fallback={null}>
            <Console
              session={state.session}
              facts={facts}
              dark={dark}
              onSession={(session) => setState({ kind: "in", session })}
              onLanguage={choose}
              onDark={chooseDark}
              onSignOut={() => void signOut().finally(() => setState({ kind: "out", ended: false }))}
              onEnded={onEnded}
            />
          </Suspense>
        ) : null}
      </LocaleProvider>
    </I18nProvider>
  );
}

/** A session of before, or one that an identity broker has sent here. */
async function start(): Promise<Session | undefined> {
  const [first, token] = segmentsOf(location.hash);
  if (first !== "federation" || token === undefined) return await resume().catch(() => undefined);
  // The token is used up, and is not left in the history.
  history.replaceState(null, "", location.pathname);
  return await redeem(token).catch(() => undefined);
}

createRoot(document.getElementById("root")!).render(<App />);
