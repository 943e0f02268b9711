/** Said to everybody, signed in or not: nothing works while the keys are sealed. Whoever has what opens them opens them here. */
import { useState, type FormEvent } from "react";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { boxed } from "../frame/sealBox.ts";
import { type MessageKey, type Translate, useLocale } from "../i18n/i18n.tsx";
import { post } from "../session.ts";
import { useLoad } from "./useLoad.ts";

export interface PublicSeal {
  sealed: boolean;
  seal: string;
  reason?: string;
  shares?: { entered: number; needed: number };
  /** What somebody may enter to open it; absent where something else is asked. */
  wants?: "passphrase" | "share";
  /** Of each key holder: all of them are opened at once. */
  publicKeys?: string[];
}

/** What anybody may know of the seal. */
export async function publicSeal(): Promise<PublicSeal> {
  return (await (await fetch("/_jikimi/console/api/seal", { cache: "no-store" })).json()) as PublicSeal;
}

/** What the installation says itself, in the page's language; what another program said of its seal stays as it is. */
const reasons: readonly [RegExp, MessageKey][] = [
  [/^sealed by an operator$/, "seal.byOperator"],
  [/^waiting for the passphrase$/, "seal.waitsForPassphrase"],
  [/^waiting for (?<needed>\d+) shares$/, "seal.waitsForShares"],
  [/^the key holder is restarting$/, "seal.restarting"],
];

export function sealReason(t: Translate, reason: string): string {
  for (const [pattern, key] of reasons) {
    const found = pattern.exec(reason);
    if (found) return t(key, { ...found.groups });
  }
  return reason;
}

export function SealedAlert() {
  const { t } = useLocale();
  const { data, reload } = useLoad("sealed", publicSeal);
  if (!data?.sealed) return null;
  return (
    <Alert type="warning">
      <SpaceBetween size="s">
        <span>{t("seal.alert", { reason: sealReason(t, data.reason ?? data.seal) })}</span>
        {data.shares ? <span>{t("seal.shares", data.shares)}</span> : null}
        {data.wants ? (
          <Unseal
            wants={data.wants}
            onOffered={(state) => {
              if (state.sealed) reload();
              // A session of before goes on.
              else location.reload();
            }}
          />
        ) : null}
      </SpaceBetween>
    </Alert>
  );
}

interface UnsealProps {
  wants: "passphrase" | "share";
  onOffered(state: PublicSeal): void;
}

function Unseal({ wants, onOffered }: UnsealProps) {
  const { t } = useLocale();
  const [secret, setSecret] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    // The form stands inside another one's page.
    event?.stopPropagation();
    if (secret === "" || busy) return;
    setBusy(true);
    setError("");
    try {
      // Its key is another one after each start of the key holder.
      const { publicKeys } = await publicSeal();
      const text = wants === "share" ? secret.trim() : secret;
      const boxes = (publicKeys ?? []).map(async (key) => [key, await boxed(key, text)] as const);
      const state = publicKeys
        ? await post<PublicSeal>("unseal", { boxes: Object.fromEntries(await Promise.all(boxes)) })
        : await publicSeal();
      setSecret("");
      onOffered(state);
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : String(problem));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} aria-label={t("seal.unseal")}>
      <SpaceBetween size="s">
        <FormField label={t(wants === "share" ? "seal.share" : "seal.passphrase")} errorText={error}>
          <Input
            type="password"
            autoComplete={false}
            value={secret}
            onChange={({ detail }) => setSecret(detail.value)}
          />
        </FormField>
        <Button formAction="submit" loading={busy}>
          {t("seal.unseal")}
        </Button>
      </SpaceBetween>
    </form>
  );
}
