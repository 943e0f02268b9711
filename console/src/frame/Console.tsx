/** The console of somebody who has signed in: top bar, navigation, and the page that the address names. */
import { Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import AppLayout from "@cloudscape-design/components/app-layout";
import Flashbar, { type FlashbarProps } from "@cloudscape-design/components/flashbar";
import Spinner from "@cloudscape-design/components/spinner";
import { ApiError, send, type Caller, type Output } from "../aws/client.ts";
import { readOwn } from "../aws/own.ts";
import type { Input } from "../aws/protocols.ts";
import { useLocale, type Language } from "../i18n/i18n.tsx";
import { FormModal } from "../parts/FormModal.tsx";
import { CredentialSource, post, type Session } from "../session.ts";
import { Changes } from "./changes.ts";
import { ConsoleContext, type Console as ConsoleValue, type Facts, type MadeCall } from "./context.ts";
import { Navigation } from "./Navigation.tsx";
import { pageFor } from "./pages.tsx";
import { usePath } from "./router.ts";
import { TopBar } from "./TopBar.tsx";

/** Codes of credentials that have just run out, because a computer slept or the clock was moved. */
const outdated = new Set(["ExpiredToken", "ExpiredTokenException", "RequestExpired"]);

const isRead = /^(Get|List|Describe|Lookup)/;

interface ConsoleProps {
  session: Session;
  facts: Facts;
  dark: boolean;
  onSession(session: Session): void;
  onLanguage(language: Language): void;
  onDark(dark: boolean): void;
  onSignOut(): void;
  onEnded(): void;
}

export function Console({ session, facts, dark, onSession, onLanguage, onDark, onSignOut, onEnded }: ConsoleProps) {
  const { t } = useLocale();
  const path = usePath();
  const [region, setRegion] = useState(() => localStorage.getItem("jikimi-region") ?? facts.region);
  const [switching, setSwitching] = useState(false);
  const [narrow] = useState(() => matchMedia("(max-width: 688px)").matches);
  const [open, setOpen] = useState(!narrow);
  const [flashes, setFlashes] = useState<FlashbarProps.MessageDefinition[]>([]);
  const source = useMemo(() => new CredentialSource(session, onEnded), [session, onEnded]);
  const now = useMemo(() => {
    const ahead = session.now - Date.now();
    return () => Date.now() + ahead;
  }, [session]);
  const changes = useMemo(() => new Changes(), []);
  useEffect(() => () => changes.stop(), [changes]);
  const made = useRef<MadeCall[]>([]);

  const page = path.join("/");
  const lastPage = useRef(page);
  if (lastPage.current !== page) {
    lastPage.current = page;
    made.current = [];
  }
  const firstPage = useRef(page);
  useEffect(() => {
    scrollTo(0, 0);
    // Who hears the page is brought to what is new; whoever just came reads from the top.
    if (firstPage.current !== page) focusContent();
  }, [page]);

  const asCaller = useCallback(
    async (call: (caller: Caller) => Promise<Output>) => {
      const caller = { region, credentials: () => source.credentials() };
      try {
        return await call(caller);
      } catch (error) {
        if (!(error instanceof ApiError) || !outdated.has(error.code)) throw error;
        await source.credentials(true);
        return await call(caller);
      }
    },
    [region, source],
  );
  const ask = useCallback(
    (service: string, operation: string, input: Input) => asCaller((caller) => send(caller, service, operation, input)),
    [asCaller],
  );
  const own = useCallback(
    (path: string, input: Readonly<Record<string, string>> = {}) => {
      remember(made.current, { service: "jikimi", operation: path, input });
      return asCaller((caller) => readOwn(caller, path, input));
    },
    [asCaller],
  );
  const pending = useRef(new Map<string, Promise<Output>>());
  const api = useCallback(
    (service: string, operation: string, input: Input = {}) => {
      remember(made.current, { service, operation, input });
      if (!isRead.test(operation)) return ask(service, operation, input);
      // Parts of a page that ask the same at the same time ask once.
      const question = JSON.stringify([region, service, operation, input]);
      const known = pending.current.get(question);
      if (known) return known;
      const answer = ask(service, operation, input).finally(() => pending.current.delete(question));
      pending.current.set(question, answer);
      return answer;
    },
    [region, ask],
  );
  const flash = useCallback(
    (what: string) => {
      const id = crypto.randomUUID();
      const dismiss = () => setFlashes((before) => before.filter((each) => each.id !== id));
      const content = t("action.done", { what });
      const message = {
        id,
        type: "success",
        content,
        dismissible: true,
        dismissLabel: t("action.close"),
        onDismiss: dismiss,
        statusIconAriaLabel: "",
      };
      setFlashes((before) => [...before.slice(-2), message as FlashbarProps.MessageDefinition]);
      setTimeout(dismiss, 8000);
    },
    [t],
  );
  const value = useMemo<ConsoleValue>(
    () => ({ session, facts, region, api, own, changes, now, calls: () => made.current, flash }),
    [session, facts, region, api, own, changes, now, flash],
  );
  const chooseRegion = (next: string) => {
    localStorage.setItem("jikimi-region", next);
    setRegion(next);
  };

  return (
    <ConsoleContext.Provider value={value}>
      <a className="skip" href="#content" onClick={(event) => (event.preventDefault(), focusContent())}>
        {t("app.skip")}
      </a>
      <header id="top">
        <TopBar
          session={session}
          region={region}
          dark={dark}
          onRegion={chooseRegion}
          onLanguage={onLanguage}
          onDark={onDark}
          onSignOut={onSignOut}
          onSwitchRole={() => setSwitching(true)}
          onExitRole={() => void post<Session>("exit-role").then(onSession)}
        />
      </header>
      <AppLayout
        headerSelector="#top"
        navigation={<Navigation services={facts.services} path={path} />}
        navigationOpen={open}
        onNavigationChange={({ detail }) => setOpen(detail.open)}
        toolsHide
        disableContentPaddings
        ariaLabels={{
          navigation: t("nav.label"),
          navigationToggle: t("nav.open"),
          navigationClose: t("nav.close"),
        }}
        notifications={flashes.length > 0 ? <Flashbar items={flashes} /> : undefined}
        content={
          <div id="content" tabIndex={-1}>
            <Suspense fallback={<Spinner size="large" />}>
              <div key={`${region}/${page}/${session.identity.arn}`}>{pageFor(path, facts.services)}</div>
            </Suspense>
          </div>
        }
      />
      {switching ? (
        <FormModal
          onClose={() => setSwitching(false)}
          question={{
            title: t("top.switchRole"),
            submit: t("switch.submit"),
            fields: [
              { name: "account", label: t("switch.account"), initial: session.identity.account },
              { name: "roleName", label: t("switch.role") },
              { name: "displayName", label: t("switch.display"), optional: true },
            ],
            run: async (values) => onSession(await post<Session>("switch-role", values)),
          }}
        />
      ) : null}
    </ConsoleContext.Provider>
  );
}

function focusContent(): void {
  document.getElementById("content")?.focus({ preventScroll: true });
}

/** A call with one of these is not shown again. */
const secrets = ["Password", "NewPassword", "PrivateKey", "KeyStorePassword", "XksProxyAuthenticationCredential"];

/** Looking again asks the same again and again; once is enough to copy. */
function remember(calls: MadeCall[], call: MadeCall): void {
  if (secrets.some((name) => call.input[name] !== undefined)) return;
  const text = JSON.stringify(call);
  if (!calls.some((each) => JSON.stringify(each) === text)) calls.push(call);
}
