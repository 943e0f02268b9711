/** Signing in: who, password, MFA code, and a new password when one is asked for. */
import { useState, type FormEvent } from "react";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useLocale, type Translate } from "../i18n/i18n.tsx";
import { SealedAlert } from "../parts/SealedAlert.tsx";
import { post, SessionError, signIn, type Session } from "../session.ts";

type Step = "who" | "mfa" | "change";

interface SignInProps {
  /** The session before has ended. */
  ended: boolean;
  onSignedIn(session: Session): void;
  language: React.ReactNode;
}

export function SignInPage({ ended, onSignedIn, language }: SignInProps) {
  const { t } = useLocale();
  const [kind, setKind] = useState("user");
  const [fields, setFields] = useState<Record<string, string>>(() => ({
    account: localStorage.getItem("jikimi-account") ?? "",
  }));
  const [step, setStep] = useState<Step>("who");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const field = (name: string) => fields[name] ?? "";
  const set = (name: string) => (value: string) => setFields((before) => ({ ...before, [name]: value }));

  const enter = async () => {
    const who =
      kind === "root"
        ? { kind, email: field("email").trim() }
        : { kind, account: field("account").trim(), userName: field("userName").trim() };
    const code = step === "mfa" ? { mfaCode: field("mfaCode").trim() } : {};
    const answer = await signIn({ ...who, password: field("password"), ...code });
    if (kind === "user") localStorage.setItem("jikimi-account", field("account").trim());
    if (answer.outcome === "signedIn") onSignedIn(answer.view);
    else setStep(answer.outcome === "mfaRequired" ? "mfa" : "change");
  };
  const change = async () => {
    if (field("new") !== field("repeat")) throw new SessionError("", t("change.differs"), 400);
    onSignedIn(await post<Session>("change-password", { oldPassword: field("password"), newPassword: field("new") }));
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError("");
    try {
      await (step === "change" ? change() : enter());
    } catch (problem) {
      setError(textOf(problem, t));
      set("mfaCode")("");
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="sign-in">
      <div className="sign-in-top">
        <span className="brand">Jikimi 지킴이</span>
        {language}
      </div>
      <SealedAlert />
      <form
        onSubmit={(event) => void submit(event)}
        aria-label={t(step === "change" ? "change.title" : "signIn.title")}
      >
        <Container
          header={
            <Header variant="h1" description={step === "change" ? t("change.text") : undefined}>
              {t(step === "change" ? "change.title" : "signIn.title")}
            </Header>
          }
          footer={<Box color="text-body-secondary">{t("app.notAffiliated")}</Box>}
        >
          <SpaceBetween size="l">
            {crypto.subtle ? null : <Alert type="warning">{t("signIn.insecure")}</Alert>}
            {ended && error === "" ? <Alert type="info">{t("signIn.ended")}</Alert> : null}
            {step === "who" ? (
              <SpaceBetween size="l">
                <SegmentedControl
                  label={t("signIn.kind")}
                  selectedId={kind}
                  options={[
                    { id: "user", text: t("signIn.user") },
                    { id: "root", text: t("signIn.root") },
                  ]}
                  onChange={({ detail }) => setKind(detail.selectedId)}
                />
                <Box color="text-body-secondary">{t(kind === "root" ? "signIn.rootHint" : "signIn.userHint")}</Box>
                {kind === "root" ? (
                  <Text
                    label={t("signIn.email")}
                    type="email"
                    auto="username"
                    value={field("email")}
                    onChange={set("email")}
                  />
                ) : (
                  <SpaceBetween size="l">
                    <Text label={t("signIn.account")} value={field("account")} onChange={set("account")} />
                    <Text
                      label={t("signIn.userName")}
                      auto="username"
                      value={field("userName")}
                      onChange={set("userName")}
                    />
                  </SpaceBetween>
                )}
                <Text
                  label={t("signIn.password")}
                  type="password"
                  auto="current-password"
                  value={field("password")}
                  onChange={set("password")}
                />
              </SpaceBetween>
            ) : null}
            {step === "mfa" ? (
              <Text
                label={t("signIn.mfa")}
                hint={t("signIn.mfaText")}
                auto="one-time-code"
                value={field("mfaCode")}
                onChange={set("mfaCode")}
                focus
              />
            ) : null}
            {step === "change" ? (
              <SpaceBetween size="l">
                <Text
                  label={t("change.new")}
                  type="password"
                  auto="new-password"
                  value={field("new")}
                  onChange={set("new")}
                  focus
                />
                <Text
                  label={t("change.repeat")}
                  type="password"
                  auto="new-password"
                  value={field("repeat")}
                  onChange={set("repeat")}
                />
              </SpaceBetween>
            ) : null}
            {error === "" ? null : <Alert type="error">{error}</Alert>}
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="primary" formAction="submit" loading={busy}>
                {t(step === "change" ? "change.submit" : "signIn.submit")}
              </Button>
              {step === "mfa" ? (
                <Button formAction="none" onClick={() => setStep("who")}>
                  {t("signIn.back")}
                </Button>
              ) : null}
            </SpaceBetween>
          </SpaceBetween>
        </Container>
      </form>
    </main>
  );
}

interface TextProps {
  label: string;
  hint?: string;
  type?: "text" | "password" | "email";
  auto?: string;
  value: string;
  focus?: boolean;
  onChange(value: string): void;
}

function Text({ label, hint, type = "text", auto, value, focus = false, onChange }: TextProps) {
  return (
    <FormField label={label} description={hint} stretch>
      <Input
        type={type}
        value={value}
        spellcheck={false}
        autoComplete={auto ?? true}
        autoFocus={focus}
        onChange={({ detail }) => onChange(detail.value)}
      />
    </FormField>
  );
}

function textOf(problem: unknown, t: Translate): string {
  if (problem instanceof TypeError) return t("error.network");
  if (!(problem instanceof SessionError)) return String(problem);
  switch (problem.code) {
    case "AuthenticationFailed":
      return t("signIn.refused");
    case "PasswordExpired":
      return t("signIn.expired");
    case "TooManyAttempts":
      return t("signIn.throttled", { message: problem.message });
    default:
      return problem.message;
  }
}
