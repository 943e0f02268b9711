import { every, useConsole } from "../frame/context.ts";
import type { PageProps } from "../frame/pages.tsx";
import { useLocale } from "../i18n/i18n.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { Page } from "../parts/Page.tsx";
import { deletion } from "../parts/questions.ts";

const nameOf = (url: string) => url.split("/").at(-1)!;

export default function Sqs(_: PageProps) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  return (
    <Page title={t("sqs.queues")}>
      <Listing
        name="sqs/queues"
        title={t("sqs.queues")}
        live={["sqs"]}
        load={async () => {
          const { items, more } = await every(api, "sqs", "ListQueues", { MaxResults: 1000 }, "QueueUrls");
          const rows = await Promise.all(
            items.map(async (url: string): Promise<Row> => {
              const { Attributes } = await api("sqs", "GetQueueAttributes", { QueueUrl: url, AttributeNames: ["All"] });
              return { url, ...Attributes };
            }),
          );
          return { items: rows, more };
        }}
        rowId={(queue) => queue.url}
        columns={[
          { id: "name", header: t("column.name"), cell: (queue) => nameOf(queue.url) },
          { id: "type", header: t("column.type"), cell: (queue) => (queue.FifoQueue === "true" ? "FIFO" : "Standard") },
          { id: "available", header: t("sqs.available"), cell: (queue) => queue.ApproximateNumberOfMessages },
          { id: "flight", header: t("sqs.inFlight"), cell: (queue) => queue.ApproximateNumberOfMessagesNotVisible },
          {
            id: "encryption",
            header: t("sqs.encryption"),
            cell: (queue) =>
              queue.KmsMasterKeyId ?? (queue.SqsManagedSseEnabled === "true" ? "SSE-SQS" : t("value.none")),
          },
          { id: "created", header: t("column.created"), cell: (queue) => time(Number(queue.CreatedTimestamp)) },
        ]}
        create={{
          label: t("sqs.createQueue"),
          question: () => ({
            title: t("sqs.createQueue"),
            submit: t("action.create"),
            fields: [{ name: "QueueName", label: t("sqs.queueName"), hint: t("sqs.fifoHint") }],
            run: async ({ QueueName = "" }) =>
              void (await api("sqs", "CreateQueue", {
                QueueName,
                ...(QueueName.endsWith(".fifo")
                  ? { Attributes: { FifoQueue: "true", ContentBasedDeduplication: "true" } }
                  : {}),
              })),
          }),
        }}
        actions={[
          {
            id: "send",
            label: t("sqs.send"),
            question: ({ url, FifoQueue }) => ({
              title: t("sqs.send"),
              text: nameOf(url),
              submit: t("sqs.send"),
              fields: [{ name: "MessageBody", label: t("sqs.body"), kind: "long" }],
              run: async (values) =>
                void (await api("sqs", "SendMessage", {
                  QueueUrl: url,
                  ...values,
                  ...(FifoQueue === "true" ? { MessageGroupId: "console" } : {}),
                })),
            }),
          },
          {
            id: "purge",
            label: t("sqs.purge"),
            question: ({ url }) => ({
              title: t("sqs.purge"),
              submit: t("sqs.purge"),
              confirmWord: nameOf(url),
              run: async () => void (await api("sqs", "PurgeQueue", { QueueUrl: url })),
            }),
          },
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ url }) => deletion(t, nameOf(url), () => api("sqs", "DeleteQueue", { QueueUrl: url })),
          },
        ]}
      />
    </Page>
  );
}
