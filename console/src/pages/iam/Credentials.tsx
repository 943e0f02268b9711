/** Password, MFA devices and access keys of a user. */
import { useState } from "react";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { ApiError } from "../../aws/client.ts";
import { useConsole } from "../../frame/context.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Details } from "../../parts/Details.tsx";
import { FormModal, type Question } from "../../parts/FormModal.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { deletion } from "../../parts/questions.ts";
import { useLoad } from "../../parts/useLoad.ts";

export function Credentials({ name }: { name: string }) {
  return (
    <SpaceBetween size="l">
      <Password name={name} />
      <MfaDevices name={name} />
      <AccessKeys name={name} />
    </SpaceBetween>
  );
}

function Password({ name }: { name: string }) {
  const { t, time } = useLocale();
  const { api, session, flash } = useConsole();
  const [question, setQuestion] = useState<Question>();
  const { data, error, reload } = useLoad(name, async () => {
    try {
      return (await api("iam", "GetLoginProfile", { UserName: name })).LoginProfile;
    } catch (problem) {
      if (problem instanceof ApiError && problem.code === "NoSuchEntity") return null;
      throw problem;
    }
  });
  const done = (title: string) => {
    flash(title);
    reload();
  };
  const set = (operation: "CreateLoginProfile" | "UpdateLoginProfile", title: string) =>
    setQuestion({
      title,
      submit: t("action.save"),
      fields: [
        { name: "Password", label: t("iam.newPassword"), kind: "password" },
        { name: "reset", label: t("iam.resetRequired"), kind: "check" },
      ],
      run: async ({ Password: password, reset }) => {
        await api("iam", operation, { UserName: name, Password: password, PasswordResetRequired: reset === "true" });
        done(title);
      },
    });
  const changeOwn = () =>
    setQuestion({
      title: t("iam.changeOwn"),
      submit: t("action.save"),
      fields: [
        { name: "OldPassword", label: t("change.old"), kind: "password" },
        { name: "NewPassword", label: t("change.new"), kind: "password" },
      ],
      run: async (values) => {
        await api("iam", "ChangePassword", values);
        done(t("iam.changeOwn"));
      },
    });
  const isSelf = session.identity.kind === "user" && session.identity.name === name;
  return (
    <>
      <Details
        title={t("iam.consolePassword")}
        error={error}
        pairs={
          data === undefined
            ? []
            : [
                [t("column.status"), data ? t("iam.passwordSet") : t("iam.passwordNone")],
                [t("column.created"), data ? time(data.CreateDate) : "–"],
                [t("iam.resetRequired"), t(data?.PasswordResetRequired ? "value.yes" : "value.no")],
              ]
        }
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {isSelf ? <Button onClick={changeOwn}>{t("iam.changeOwn")}</Button> : null}
            {data ? (
              <>
                <Button onClick={() => set("UpdateLoginProfile", t("iam.setPassword"))}>{t("iam.setPassword")}</Button>
                <Button
                  onClick={() =>
                    setQuestion({
                      title: t("iam.removePassword"),
                      submit: t("iam.removePassword"),
                      confirmWord: name,
                      run: async () => {
                        await api("iam", "DeleteLoginProfile", { UserName: name });
                        done(t("iam.removePassword"));
                      },
                    })
                  }
                >
                  {t("iam.removePassword")}
                </Button>
              </>
            ) : (
              <Button onClick={() => set("CreateLoginProfile", t("iam.enableConsole"))}>
                {t("iam.enableConsole")}
              </Button>
            )}
          </SpaceBetween>
        }
      />
      {question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null}
    </>
  );
}

interface NewDevice {
  serial: string;
  seed: string;
  qr: string;
}

/** @param name of the user; the root user is named by its account id */
export function MfaDevices({ name, deviceName = name }: { name: string; deviceName?: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const [device, setDevice] = useState<NewDevice>();
  const [turn, setTurn] = useState(0);
  return (
    <>
      <Listing
        name={`iam/user/${name}/mfa/${turn}`}
        title={t("iam.mfaDevices")}
        load={async () => ({ items: (await api("iam", "ListMFADevices", { UserName: name })).MFADevices, more: false })}
        rowId={(each) => each.SerialNumber}
        columns={[
          { id: "serial", header: t("iam.serial"), cell: (each) => each.SerialNumber },
          { id: "enabled", header: t("iam.enabledAt"), cell: (each) => time(each.EnableDate) },
        ]}
        create={{
          label: t("iam.assignMfa"),
          question: () => ({
            title: t("iam.assignMfa"),
            submit: t("action.create"),
            fields: [{ name: "VirtualMFADeviceName", label: t("iam.mfaName"), initial: deviceName }],
            run: async (values) => {
              const { VirtualMFADevice } = await api("iam", "CreateVirtualMFADevice", values);
              setDevice({
                serial: VirtualMFADevice.SerialNumber,
                seed: atob(VirtualMFADevice.Base32StringSeed),
                qr: VirtualMFADevice.QRCodePNG,
              });
            },
          }),
        }}
        actions={[
          {
            id: "remove",
            label: t("iam.removeMfa"),
            question: ({ SerialNumber }) => ({
              title: t("iam.removeMfa"),
              submit: t("iam.removeMfa"),
              text: SerialNumber,
              run: async () => {
                await api("iam", "DeactivateMFADevice", { UserName: name, SerialNumber });
                await api("iam", "DeleteVirtualMFADevice", { SerialNumber });
              },
            }),
          },
        ]}
      />
      {device ? (
        <EnableDevice
          name={name}
          device={device}
          onDone={() => {
            setDevice(undefined);
            setTurn((before) => before + 1);
          }}
        />
      ) : null}
    </>
  );
}

function EnableDevice({ name, device, onDone }: { name: string; device: NewDevice; onDone: () => void }) {
  const { t } = useLocale();
  const { api } = useConsole();
  return (
    <FormModal
      onClose={onDone}
      question={{
        title: t("iam.assignMfa"),
        submit: t("action.enable"),
        content: (
          <SpaceBetween size="s">
            <div>{t("iam.mfaScan")}</div>
            <img src={`data:image/png;base64,${device.qr}`} alt={t("iam.mfaQr")} width={200} height={200} />
            <KeyValuePairs items={[{ label: t("iam.mfaKey"), value: <code>{device.seed}</code> }]} />
          </SpaceBetween>
        ),
        fields: [
          { name: "AuthenticationCode1", label: t("iam.mfaCode1") },
          { name: "AuthenticationCode2", label: t("iam.mfaCode2") },
        ],
        run: async (codes) =>
          void (await api("iam", "EnableMFADevice", { UserName: name, SerialNumber: device.serial, ...codes })),
      }}
    />
  );
}

function AccessKeys({ name }: { name: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const [made, setMade] = useState<{ AccessKeyId: string; SecretAccessKey: string }>();
  const copy = (text: string) => (
    <CopyToClipboard
      variant="inline"
      textToCopy={text}
      copyButtonAriaLabel={t("cli.copy")}
      copySuccessText={t("cli.copied")}
      copyErrorText={t("cli.failed")}
    />
  );
  return (
    <>
      {made ? (
        <Alert type="success" header={t("iam.createKey")} dismissible onDismiss={() => setMade(undefined)}>
          <SpaceBetween size="s">
            <div>{t("iam.secretOnce")}</div>
            <KeyValuePairs
              columns={2}
              items={[
                { label: t("iam.keyId"), value: copy(made.AccessKeyId) },
                { label: t("iam.secret"), value: copy(made.SecretAccessKey) },
              ]}
            />
          </SpaceBetween>
        </Alert>
      ) : null}
      <Listing
        name={`iam/user/${name}/keys`}
        title={t("iam.accessKeys")}
        load={async () => ({
          items: (await api("iam", "ListAccessKeys", { UserName: name })).AccessKeyMetadata,
          more: false,
        })}
        rowId={(key) => key.AccessKeyId}
        columns={[
          { id: "id", header: t("iam.keyId"), cell: (key) => key.AccessKeyId },
          { id: "status", header: t("column.status"), cell: (key) => key.Status },
          { id: "created", header: t("column.created"), cell: (key) => time(key.CreateDate) },
        ]}
        create={{
          label: t("iam.createKey"),
          question: () => ({
            title: t("iam.createKey"),
            submit: t("action.create"),
            run: async () => setMade((await api("iam", "CreateAccessKey", { UserName: name })).AccessKey),
          }),
        }}
        actions={[
          {
            id: "toggle",
            label: `${t("iam.activate")} / ${t("iam.deactivate")}`,
            question: ({ AccessKeyId, Status }) => ({
              title: t(Status === "Active" ? "iam.deactivate" : "iam.activate"),
              text: AccessKeyId,
              submit: t(Status === "Active" ? "iam.deactivate" : "iam.activate"),
              run: async () =>
                void (await api("iam", "UpdateAccessKey", {
                  UserName: name,
                  AccessKeyId,
                  Status: Status === "Active" ? "Inactive" : "Active",
                })),
            }),
          },
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ AccessKeyId }) =>
              deletion(t, AccessKeyId, () => api("iam", "DeleteAccessKey", { UserName: name, AccessKeyId })),
          },
        ]}
      />
    </>
  );
}
