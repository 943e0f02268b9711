import { useState } from "react";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { every, useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Details } from "../../parts/Details.tsx";
import { FormModal, type Question } from "../../parts/FormModal.tsx";
import { Json, pretty } from "../../parts/Json.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";
import { documentQuestion } from "../../parts/questions.ts";
import { useLoad } from "../../parts/useLoad.ts";
import { KeyPolicySimulator } from "./KeyPolicySimulator.tsx";
import { RotationTimeline, rotationsOf } from "./RotationTimeline.tsx";

export function KeyPage({ id }: { id: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(id, async () => (await api("kms", "DescribeKey", { KeyId: id })).KeyMetadata);
  const { data: used } = useLoad(`${id}/used`, () => api("kms", "GetKeyLastUsage", { KeyId: id }));
  return (
    <Page title={id} crumbs={[{ text: "KMS", href: hrefOf("kms") }]}>
      <Details
        title={t("tab.details")}
        error={error}
        pairs={
          data
            ? [
                [t("column.arn"), data.Arn],
                [t("column.status"), data.KeyState],
                [t("kms.description"), data.Description || "–"],
                [t("kms.spec"), data.KeySpec],
                [t("kms.usage"), data.KeyUsage],
                [t("kms.origin"), data.Origin],
                [t("kms.manager"), data.KeyManager],
                [t("column.created"), time(data.CreationDate)],
                [t("kms.deletionDate"), time(data.DeletionDate)],
                [t("kms.lastUsed"), used ? lastUse(used.KeyLastUsage, time, t("ledger.never")) : "–"],
              ]
            : []
        }
      />
      <Tabs
        ariaLabel={id}
        tabs={[
          { id: "policy", label: t("kms.policy"), content: <KeyPolicy id={id} arn={data?.Arn} /> },
          { id: "rotation", label: t("kms.rotation"), content: <Rotation id={id} createdAt={data?.CreationDate} /> },
          { id: "aliases", label: t("kms.aliases"), content: <Aliases id={id} /> },
          { id: "grants", label: t("kms.grants"), content: <Grants id={id} /> },
          { id: "used", label: t("kms.usedBy"), content: <UsedBy arn={data?.Arn} id={id} /> },
        ]}
      />
    </Page>
  );
}

/** When, and by which operation; `never` where nobody has used it. */
function lastUse(
  usage: { Timestamp?: number; Operation?: string },
  time: (at: number) => string,
  never: string,
): string {
  return usage.Timestamp === undefined ? never : `${time(usage.Timestamp)} (${usage.Operation})`;
}

function KeyPolicy({ id, arn }: { id: string; arn: string | undefined }) {
  const { t } = useLocale();
  const { api, flash } = useConsole();
  const [question, setQuestion] = useState<Question>();
  const where = { KeyId: id, PolicyName: "default" };
  const { data, error, reload } = useLoad(id, async () => (await api("kms", "GetKeyPolicy", where)).Policy as string);
  const edit = () =>
    setQuestion(
      documentQuestion(t("kms.editPolicy"), t("kms.policy"), t("action.save"), pretty(data ?? ""), async (Policy) => {
        await api("kms", "PutKeyPolicy", { ...where, Policy });
        flash(t("kms.editPolicy"));
        reload();
      }),
    );
  return (
    <SpaceBetween size="l">
      <Details
        title={t("kms.policy")}
        error={error}
        pairs={[]}
        actions={<Button onClick={edit}>{t("action.edit")}</Button>}
      />
      {data ? (
        <Container>
          <Json value={data} label={t("kms.policy")} />
        </Container>
      ) : null}
      {data && arn ? <KeyPolicySimulator keyArn={arn} policy={data} /> : null}
      {question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null}
    </SpaceBetween>
  );
}

function Rotation({ id, createdAt }: { id: string; createdAt: number | undefined }) {
  const { t, time, number } = useLocale();
  const { api, flash } = useConsole();
  const [question, setQuestion] = useState<Question>();
  const [turn, setTurn] = useState(0);
  const { data, error, reload } = useLoad(`${id}/${turn}`, () => api("kms", "GetKeyRotationStatus", { KeyId: id }));
  const ask = (title: string, rest: Omit<Question, "title" | "submit">) =>
    setQuestion({
      title,
      submit: title,
      ...rest,
      run: async (values, files) => {
        await rest.run(values, files);
        flash(title);
        reload();
        setTurn((before) => before + 1);
      },
    });
  return (
    <SpaceBetween size="l">
      <Details
        title={t("kms.rotation")}
        error={error}
        pairs={
          data
            ? [
                [t("kms.automaticRotation"), t(data.KeyRotationEnabled ? "value.on" : "value.off")],
                [t("kms.rotationPeriod"), data.RotationPeriodInDays ? number(data.RotationPeriodInDays) : "–"],
                [t("kms.nextRotation"), time(data.NextRotationDate)],
              ]
            : []
        }
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {data?.KeyRotationEnabled ? (
              <Button
                onClick={() =>
                  ask(t("action.disable"), {
                    run: async () => void (await api("kms", "DisableKeyRotation", { KeyId: id })),
                  })
                }
              >
                {t("action.disable")}
              </Button>
            ) : (
              <Button
                onClick={() =>
                  ask(t("action.enable"), {
                    fields: [{ name: "days", label: t("kms.rotationPeriod"), initial: "365" }],
                    run: async ({ days }) =>
                      void (await api("kms", "EnableKeyRotation", { KeyId: id, RotationPeriodInDays: Number(days) })),
                  })
                }
              >
                {t("action.enable")}
              </Button>
            )}
            <Button
              onClick={() =>
                ask(t("kms.rotateNow"), {
                  run: async () => void (await api("kms", "RotateKeyOnDemand", { KeyId: id })),
                })
              }
            >
              {t("kms.rotateNow")}
            </Button>
          </SpaceBetween>
        }
      />
      <RotationTimeline key={turn} id={id} createdAt={createdAt} nextAt={data?.NextRotationDate} />
      <Listing
        name={`kms/${id}/rotations/${turn}`}
        title={t("kms.rotations")}
        load={() => rotationsOf(api, id)}
        rowId={(each) => String(each.RotationDate ?? each.KeyMaterialId)}
        columns={[
          { id: "time", header: t("column.time"), cell: (each) => time(each.RotationDate) },
          { id: "type", header: t("column.type"), cell: (each) => each.RotationType },
          { id: "material", header: t("column.id"), cell: (each) => each.KeyMaterialId },
        ]}
      />
      {question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null}
    </SpaceBetween>
  );
}

function Aliases({ id }: { id: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name={`kms/${id}/aliases`}
      title={t("kms.aliases")}
      load={() => every(api, "kms", "ListAliases", { KeyId: id }, "Aliases", ["NextMarker", "Marker"])}
      rowId={(alias) => alias.AliasName}
      columns={[
        { id: "name", header: t("kms.alias"), cell: (alias) => alias.AliasName },
        { id: "created", header: t("column.created"), cell: (alias) => time(alias.CreationDate) },
      ]}
      create={{
        label: t("kms.createAlias"),
        question: () => ({
          title: t("kms.createAlias"),
          submit: t("action.create"),
          fields: [{ name: "AliasName", label: t("kms.alias"), hint: t("kms.aliasHint"), initial: "alias/" }],
          run: async ({ AliasName }) => void (await api("kms", "CreateAlias", { AliasName, TargetKeyId: id })),
        }),
      }}
      actions={[
        {
          id: "delete",
          label: t("action.delete"),
          question: ({ AliasName }) => ({
            title: t("action.deleteWhat", { name: AliasName }),
            submit: t("action.delete"),
            run: async () => void (await api("kms", "DeleteAlias", { AliasName })),
          }),
        },
      ]}
    />
  );
}

function Grants({ id }: { id: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Listing
      name={`kms/${id}/grants`}
      title={t("kms.grants")}
      load={() => every(api, "kms", "ListGrants", { KeyId: id }, "Grants", ["NextMarker", "Marker"])}
      rowId={(grant) => grant.GrantId}
      columns={[
        { id: "id", header: t("column.id"), cell: (grant) => grant.Name || grant.GrantId.slice(0, 16) },
        { id: "grantee", header: t("kms.grantee"), cell: (grant) => grant.GranteePrincipal },
        { id: "operations", header: t("kms.operations"), cell: (grant) => grant.Operations.join(", ") },
        { id: "created", header: t("column.created"), cell: (grant) => time(grant.CreationDate) },
      ]}
      actions={[
        {
          id: "revoke",
          label: t("kms.retire"),
          question: ({ GrantId }) => ({
            title: t("kms.retire"),
            text: GrantId,
            submit: t("kms.retire"),
            run: async () => void (await api("kms", "RevokeGrant", { KeyId: id, GrantId })),
          }),
        },
      ]}
    />
  );
}

function UsedBy({ arn, id }: { arn: string | undefined; id: string }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  if (arn === undefined) return null;
  return (
    <Listing
      name={`kms/${id}/used`}
      title={t("kms.usedBy")}
      description={t("kms.usedByText")}
      load={() =>
        every(
          api,
          "cloudtrail",
          "LookupEvents",
          { LookupAttributes: [{ AttributeKey: "ResourceName", AttributeValue: arn }], MaxResults: 50 },
          "Events",
        )
      }
      rowId={(each) => each.EventId}
      columns={[
        { id: "time", header: t("column.time"), cell: (each) => time(each.EventTime), text: (each) => each.EventTime },
        {
          id: "name",
          header: t("cloudtrail.eventName"),
          cell: (each) => each.EventName,
          href: (each) => hrefOf("cloudtrail", "events", each.EventId),
        },
        { id: "user", header: t("cloudtrail.user"), cell: (each) => each.Username },
      ]}
    />
  );
}
