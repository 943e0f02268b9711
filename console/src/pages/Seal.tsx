/** What opens the installation's keys, and whether they are open. Read only: sealing and opening are the operator's. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useConsole } from "../frame/context.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { Page } from "../parts/Page.tsx";
import { publicSeal, SealedAlert, sealReason } from "../parts/SealedAlert.tsx";
import { sealKinds } from "../parts/sealKinds.ts";
import { useLoad } from "../parts/useLoad.ts";

interface Facts {
  sealed: boolean;
  seal: string;
  development?: boolean;
  reason?: string;
  shares?: { entered: number; needed: number };
  since?: number;
  setAt?: number;
  opensItself?: boolean;
  keptOutside?: boolean;
  domainKeys?: { count: number; currentSince?: number };
  pending?: { to: string; since: number };
}

const commands = ["jikimi seal status", "jikimi seal", "jikimi unseal", "jikimi seal rekey --to shamir:3/5"];

export default function Seal() {
  const { t, time, number } = useLocale();
  const { own } = useConsole();
  const { data, error } = useLoad("seal", async (): Promise<Facts> => {
    // While it is sealed, signatures cannot be verified, and what is public is all there is.
    const known = await publicSeal();
    return known.sealed ? known : ((await own("seal")) as Facts);
  });
  const kindOf = (kind: string) => (sealKinds[kind] ? t(sealKinds[kind]) : kind);
  const at = (ms: number | undefined) => (ms === undefined ? "–" : time(ms / 1000));
  const answer = (value: boolean | undefined) => (value === undefined ? "–" : t(value ? "value.yes" : "value.no"));
  return (
    <Page title={t("system.seal")} description={t("seal.text")}>
      <SealedAlert />
      {data?.development ? <Alert type="warning">{t("seal.development")}</Alert> : null}
      <Details
        title={t("column.status")}
        error={error}
        pairs={
          data
            ? [
                [
                  t("column.status"),
                  <StatusIndicator key="state" type={data.sealed ? "stopped" : "success"}>
                    {t(data.sealed ? "seal.sealed" : "seal.open")}
                  </StatusIndicator>,
                ],
                [t("seal.kind"), kindOf(data.seal)],
                ...(data.sealed ? [[t("seal.reason"), sealReason(t, data.reason ?? "")] as const] : []),
                ...(data.shares ? [[t("seal.kind.shamir"), t("seal.shares", data.shares)] as const] : []),
                [t("seal.since"), at(data.since)],
                [t("seal.setAt"), at(data.setAt)],
                [t("seal.opensItself"), answer(data.opensItself)],
                [t("seal.keptOutside"), answer(data.keptOutside)],
                [t("seal.domainKeys"), data.domainKeys ? number(data.domainKeys.count) : "–"],
                [t("seal.currentSince"), at(data.domainKeys?.currentSince)],
                [
                  t("seal.change"),
                  data.pending
                    ? t("seal.pending", { to: kindOf(data.pending.to), time: at(data.pending.since) })
                    : data.sealed
                      ? "–"
                      : t("seal.noChange"),
                ],
              ]
            : []
        }
      />
      <Details
        title={t("seal.commands")}
        columns={1}
        pairs={[
          [
            t("seal.commandsText"),
            commands.map((command) => (
              <Box key={command} variant="code" display="block">
                {command}
              </Box>
            )),
          ],
        ]}
      />
    </Page>
  );
}
