/** Policies of a user or a role: attached and inline, seen and changed. */
import { useState } from "react";
import Button from "@cloudscape-design/components/button";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Json, pretty } from "../../parts/Json.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { deletion } from "../../parts/questions.ts";

const emptyPolicy = pretty({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: [], Resource: "*" }] });

export function Permissions({ kind, name }: { kind: "User" | "Role"; name: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const who = { [`${kind}Name`]: name };
  return (
    <SpaceBetween size="l">
      <Listing
        name={`iam/${kind}/${name}/attached`}
        title={t("iam.attached")}
        load={async () => {
          const { AttachedPolicies } = await api("iam", `ListAttached${kind}Policies`, who);
          return { items: AttachedPolicies, more: false };
        }}
        rowId={(policy) => policy.PolicyArn}
        columns={[
          {
            id: "name",
            header: t("iam.policyName"),
            cell: (policy) => policy.PolicyName,
            href: (policy) => hrefOf("iam", "policies", policy.PolicyArn),
          },
          { id: "arn", header: t("column.arn"), cell: (policy) => policy.PolicyArn },
        ]}
        create={{
          label: t("iam.attachPolicy"),
          question: () => ({
            title: t("iam.attachPolicy"),
            submit: t("action.attach"),
            fields: [
              {
                name: "PolicyArn",
                label: t("iam.policyArn"),
                hint: t("iam.policyArnHint"),
                initial: "arn:aws:iam::aws:policy/",
              },
            ],
            run: async ({ PolicyArn }) => void (await api("iam", `Attach${kind}Policy`, { ...who, PolicyArn })),
          }),
        }}
        actions={[
          {
            id: "detach",
            label: t("action.detach"),
            question: ({ PolicyArn, PolicyName }) => ({
              title: t("iam.detachWhat", { name: PolicyName }),
              submit: t("action.detach"),
              run: async () => void (await api("iam", `Detach${kind}Policy`, { ...who, PolicyArn })),
            }),
          },
        ]}
      />
      <Listing
        name={`iam/${kind}/${name}/inline`}
        title={t("iam.inline")}
        load={async () => {
          const { PolicyNames } = await api("iam", `List${kind}Policies`, who);
          return { items: PolicyNames.map((PolicyName: string) => ({ PolicyName })), more: false };
        }}
        rowId={(policy) => policy.PolicyName}
        columns={[
          { id: "name", header: t("iam.policyName"), cell: (policy) => policy.PolicyName },
          {
            id: "document",
            header: t("iam.policyDocument"),
            cell: (policy) => <Inline kind={kind} who={who} policy={policy.PolicyName} />,
            text: () => "",
          },
        ]}
        create={{
          label: t("iam.putInline"),
          question: () => ({
            title: t("iam.putInline"),
            submit: t("action.save"),
            fields: [
              { name: "PolicyName", label: t("iam.policyName") },
              { name: "PolicyDocument", label: t("iam.policyDocument"), kind: "long", initial: emptyPolicy },
            ],
            run: async (values) => void (await api("iam", `Put${kind}Policy`, { ...who, ...values })),
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ PolicyName }) =>
              deletion(t, PolicyName, () => api("iam", `Delete${kind}Policy`, { ...who, PolicyName })),
          },
        ]}
      />
    </SpaceBetween>
  );
}

function Inline({ kind, who, policy }: { kind: "User" | "Role"; who: object; policy: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const [document, setDocument] = useState<string>();
  if (document === undefined) {
    const load = async () => {
      const answer = await api("iam", `Get${kind}Policy`, { ...who, PolicyName: policy });
      setDocument(decodeURIComponent(answer.PolicyDocument));
    };
    return (
      <Button variant="inline-link" onClick={() => void load().catch((error: Error) => setDocument(error.message))}>
        {t("tab.policy")}
      </Button>
    );
  }
  return (
    <ExpandableSection defaultExpanded headerText={policy}>
      <Json value={document} label={t("iam.inlineDocument", { name: policy })} />
    </ExpandableSection>
  );
}
