import { every, useConsole } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { hrefOf } from "../frame/router.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { Listing } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";
import { useLoad } from "../parts/useLoad.ts";

const nameOf = (arn: string) => arn.split(":").at(-1)!;
const protocols = ["https", "http", "email", "email-json", "sqs", "lambda"];

export default function Sns({ path: [arn] }: PageProps) {
  return arn === undefined ? <Topics /> : <TopicPage arn={arn} />;
}

function Topics() {
  const { t } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("sns.topics")}>
      <Listing
        name="sns/topics"
        title={t("sns.topics")}
        load={() => every(api, "sns", "ListTopics", {}, "Topics")}
        rowId={(topic) => topic.TopicArn}
        columns={[
          {
            id: "name",
            header: t("column.name"),
            cell: (topic) => nameOf(topic.TopicArn),
            href: (topic) => hrefOf("sns", topic.TopicArn),
          },
          { id: "arn", header: t("column.arn"), cell: (topic) => topic.TopicArn },
        ]}
        create={{
          label: t("sns.createTopic"),
          question: () => ({
            title: t("sns.createTopic"),
            submit: t("action.create"),
            fields: [{ name: "Name", label: t("sns.topicName") }],
            run: async (values) => void (await api("sns", "CreateTopic", values)),
          }),
        }}
        actions={[
          {
            id: "publish",
            label: t("sns.publish"),
            question: ({ TopicArn }) => ({
              title: t("sns.publish"),
              text: nameOf(TopicArn),
              submit: t("sns.publish"),
              fields: [
                { name: "Subject", label: t("sns.subject"), optional: true },
                { name: "Message", label: t("sns.message"), kind: "long" },
              ],
              run: async ({ Subject, Message }) =>
                void (await api("sns", "Publish", { TopicArn, Message, ...(Subject ? { Subject } : {}) })),
            }),
          },
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ TopicArn }) => deletion(t, nameOf(TopicArn), () => api("sns", "DeleteTopic", { TopicArn })),
          },
        ]}
      />
    </Page>
  );
}

function TopicPage({ arn }: { arn: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const { data, error } = useLoad(
    arn,
    async () => (await api("sns", "GetTopicAttributes", { TopicArn: arn })).Attributes,
  );
  return (
    <Page title={nameOf(arn)} crumbs={[{ text: "SNS", href: hrefOf("sns") }]}>
      <Details
        title={t("tab.details")}
        error={error}
        pairs={
          data
            ? [
                [t("column.arn"), arn],
                [t("kms.manager"), data.Owner],
                [t("s3.kmsKey"), data.KmsMasterKeyId || "–"],
              ]
            : []
        }
      />
      <Listing
        name={`sns/${arn}/subscriptions`}
        title={t("sns.subscriptions")}
        live={["sns"]}
        load={() => every(api, "sns", "ListSubscriptionsByTopic", { TopicArn: arn }, "Subscriptions")}
        rowId={(each) => `${each.SubscriptionArn} ${each.Endpoint}`}
        columns={[
          { id: "protocol", header: t("sns.protocol"), cell: (each) => each.Protocol },
          { id: "endpoint", header: t("sns.endpoint"), cell: (each) => each.Endpoint },
          { id: "arn", header: t("column.arn"), cell: (each) => each.SubscriptionArn },
        ]}
        create={{
          label: t("sns.subscribe"),
          question: () => ({
            title: t("sns.subscribe"),
            submit: t("action.create"),
            fields: [
              {
                name: "Protocol",
                label: t("sns.protocol"),
                kind: "choice",
                choices: protocols.map((value) => ({ value, label: value })),
              },
              { name: "Endpoint", label: t("sns.endpoint") },
            ],
            run: async (values) => void (await api("sns", "Subscribe", { TopicArn: arn, ...values })),
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("sns.unsubscribe"),
            disabled: (each) => !each.SubscriptionArn.startsWith("arn:"),
            question: ({ SubscriptionArn, Endpoint }) => ({
              title: t("sns.unsubscribe"),
              text: Endpoint,
              submit: t("sns.unsubscribe"),
              run: async () => void (await api("sns", "Unsubscribe", { SubscriptionArn })),
            }),
          },
        ]}
      />
    </Page>
  );
}
