import { useState } from "react";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { cliCommand } from "../aws/cliCommand.ts";
import { regionOf } from "../aws/client.ts";
import { useConsole } from "../frame/context.ts";
import { useLocale } from "../i18n/i18n.tsx";

/** Every call of the page that is open, as commands. */
export function CliButton() {
  const { t } = useLocale();
  const { calls, region } = useConsole();
  const [commands, setCommands] = useState<readonly string[]>();
  const open = () =>
    setCommands(
      calls().map(({ service, operation, input }) =>
        cliCommand(service, operation, input, { endpoint: location.origin, region: regionOf(service, region) }),
      ),
    );
  return (
    <>
      <Button iconName="script" variant="normal" onClick={open}>
        {t("cli.button")}
      </Button>
      {commands ? (
        <Modal
          visible
          size="large"
          header={t("cli.title")}
          closeAriaLabel={t("action.close")}
          onDismiss={() => setCommands(undefined)}
        >
          <SpaceBetween size="s">
            <Box>{t("cli.text")}</Box>
            {commands.map((command) => (
              <div key={command} className="command">
                <CopyToClipboard
                  variant="icon"
                  textToCopy={command}
                  copyButtonAriaLabel={t("cli.copy")}
                  copySuccessText={t("cli.copied")}
                  copyErrorText={t("cli.failed")}
                />
                <code>{command}</code>
              </div>
            ))}
          </SpaceBetween>
        </Modal>
      ) : null}
    </>
  );
}
