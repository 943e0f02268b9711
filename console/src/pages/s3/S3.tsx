import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Tabs from "@cloudscape-design/components/tabs";
import { ApiError } from "../../aws/client.ts";
import { every, useConsole } from "../../frame/context.ts";
import type { PageProps } from "../../frame/pages.tsx";
import { hrefOf } from "../../frame/router.ts";
import { useLocale, type MessageKey } from "../../i18n/i18n.tsx";
import { createdColumn } from "../../parts/columns.ts";
import { Details } from "../../parts/Details.tsx";
import { Json, pretty } from "../../parts/Json.tsx";
import { Listing } from "../../parts/Listing.tsx";
import { Page } from "../../parts/Page.tsx";
import { deletion } from "../../parts/questions.ts";
import { useLoad } from "../../parts/useLoad.ts";
import { useQuestion } from "../../parts/useQuestion.tsx";
import { Objects } from "./Objects.tsx";

export default function S3({ path: [bucket, ...folder] }: PageProps) {
  return bucket === undefined ? <Buckets /> : <BucketPage bucket={bucket} folder={folder} />;
}

const continuation = ["ContinuationToken", "ContinuationToken"] as const;

function Buckets() {
  const locale = useLocale();
  const { t } = locale;
  const { api, region } = useConsole();
  return (
    <Page title={t("s3.buckets")} description={t("s3.text")}>
      <Listing
        name="s3/buckets"
        title={t("s3.buckets")}
        // Without a page size, buckets come without their Region.
        load={() => every(api, "s3", "ListBuckets", { MaxBuckets: 1000 }, "Buckets", continuation)}
        rowId={(bucket) => bucket.Name}
        columns={[
          {
            id: "name",
            header: t("column.name"),
            cell: (bucket) => bucket.Name,
            href: (bucket) => hrefOf("s3", bucket.Name),
          },
          { id: "region", header: t("column.region"), cell: (bucket) => bucket.BucketRegion },
          createdColumn(locale, "CreationDate"),
        ]}
        create={{
          label: t("s3.create"),
          question: () => ({
            title: t("s3.create"),
            submit: t("s3.create"),
            fields: [{ name: "Bucket", label: t("s3.bucketName"), hint: t("s3.bucketHint") }],
            run: async ({ Bucket }) =>
              void (await api("s3", "CreateBucket", {
                Bucket,
                ...(region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: region } }),
              })),
          }),
        }}
        actions={[
          {
            id: "delete",
            label: t("action.delete"),
            question: ({ Name }) => deletion(t, Name, () => api("s3", "DeleteBucket", { Bucket: Name })),
          },
        ]}
      />
    </Page>
  );
}

function BucketPage({ bucket, folder }: { bucket: string; folder: readonly string[] }) {
  const { t } = useLocale();
  return (
    <Page title={bucket} crumbs={[{ text: t("s3.buckets"), href: hrefOf("s3") }]}>
      <Tabs
        ariaLabel={bucket}
        tabs={[
          { id: "objects", label: t("s3.objects"), content: <Objects bucket={bucket} folder={folder} /> },
          { id: "properties", label: t("s3.properties"), content: <Properties bucket={bucket} /> },
          { id: "permissions", label: t("s3.permissions"), content: <BucketPermissions bucket={bucket} /> },
        ]}
      />
    </Page>
  );
}

/** What a bucket does not have is answered with an error. */
async function orNothing<T>(code: string, load: () => Promise<T>): Promise<T | null> {
  try {
    return await load();
  } catch (problem) {
    if (problem instanceof ApiError && problem.code === code) return null;
    throw problem;
  }
}

function Properties({ bucket }: { bucket: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const { data, error, reload } = useLoad(bucket, async () => {
    const [versioning, encryption] = await Promise.all([
      api("s3", "GetBucketVersioning", { Bucket: bucket }),
      api("s3", "GetBucketEncryption", { Bucket: bucket }),
    ]);
    return {
      versioning: versioning.Status as string | undefined,
      rule: encryption.ServerSideEncryptionConfiguration.Rules[0]?.ApplyServerSideEncryptionByDefault,
    };
  });
  const { ask, modal } = useQuestion(reload);
  return (
    <SpaceBetween size="l">
      <Details
        title={t("s3.encryption")}
        error={error}
        pairs={
          data
            ? [
                [t("s3.algorithm"), data.rule?.SSEAlgorithm ?? t("value.none")],
                [t("s3.kmsKey"), data.rule?.KMSMasterKeyID ?? "–"],
              ]
            : []
        }
        actions={
          <Button
            onClick={() =>
              ask(t("s3.editEncryption"), {
                fields: [
                  {
                    name: "algorithm",
                    label: t("s3.algorithm"),
                    kind: "choice",
                    initial: data?.rule?.SSEAlgorithm ?? "AES256",
                    choices: ["AES256", "aws:kms", "aws:kms:dsse"].map((value) => ({ value, label: value })),
                  },
                  {
                    name: "key",
                    label: t("s3.kmsKey"),
                    hint: t("s3.kmsKeyHint"),
                    optional: true,
                    initial: data?.rule?.KMSMasterKeyID ?? "",
                  },
                ],
                run: async ({ algorithm, key }) =>
                  void (await api("s3", "PutBucketEncryption", {
                    Bucket: bucket,
                    ServerSideEncryptionConfiguration: {
                      Rules: [
                        {
                          ApplyServerSideEncryptionByDefault: {
                            SSEAlgorithm: algorithm,
                            ...(key && algorithm !== "AES256" ? { KMSMasterKeyID: key } : {}),
                          },
                        },
                      ],
                    },
                  })),
              })
            }
          >
            {t("action.edit")}
          </Button>
        }
      />
      <Details
        title={t("s3.versioning")}
        error={undefined}
        pairs={data ? [[t("column.status"), data.versioning ?? t("value.off")]] : []}
        actions={
          <Button
            onClick={() =>
              ask(t("s3.editVersioning"), {
                fields: [
                  {
                    name: "Status",
                    label: t("column.status"),
                    kind: "choice",
                    initial: data?.versioning ?? "Enabled",
                    choices: ["Enabled", "Suspended"].map((value) => ({ value, label: value })),
                  },
                ],
                run: async (values) =>
                  void (await api("s3", "PutBucketVersioning", { Bucket: bucket, VersioningConfiguration: values })),
              })
            }
          >
            {t("action.edit")}
          </Button>
        }
      />
      {modal}
    </SpaceBetween>
  );
}

const blocks: readonly [member: string, label: MessageKey][] = [
  ["BlockPublicAcls", "s3.blockAcls"],
  ["IgnorePublicAcls", "s3.ignoreAcls"],
  ["BlockPublicPolicy", "s3.blockPolicy"],
  ["RestrictPublicBuckets", "s3.restrict"],
];

function BucketPermissions({ bucket }: { bucket: string }) {
  const { t } = useLocale();
  const { api } = useConsole();
  const { data, error, reload } = useLoad(bucket, async () => {
    const [policy, block] = await Promise.all([
      orNothing(
        "NoSuchBucketPolicy",
        async () => (await api("s3", "GetBucketPolicy", { Bucket: bucket })).Policy as string,
      ),
      orNothing(
        "NoSuchPublicAccessBlockConfiguration",
        async () => (await api("s3", "GetPublicAccessBlock", { Bucket: bucket })).PublicAccessBlockConfiguration,
      ),
    ]);
    const status = policy === null ? undefined : await api("s3", "GetBucketPolicyStatus", { Bucket: bucket });
    return { policy, block, isPublic: status?.PolicyStatus?.IsPublic === true };
  });
  const { ask, modal } = useQuestion(reload);
  const template = pretty({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: "" }, Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` },
    ],
  });
  return (
    <SpaceBetween size="l">
      <Details
        title={t("s3.block")}
        error={error}
        columns={4}
        pairs={
          data
            ? blocks.map(([name, label]) => [t(label), t(data.block?.[name] ? "value.on" : "value.off")] as const)
            : []
        }
        actions={
          <Button
            onClick={() =>
              ask(t("s3.editBlock"), {
                fields: blocks.map(([name, label]) => ({
                  name,
                  label: t(label),
                  kind: "check",
                  initial: data?.block?.[name] ? "true" : "",
                })),
                run: async (values) =>
                  void (await api("s3", "PutPublicAccessBlock", {
                    Bucket: bucket,
                    PublicAccessBlockConfiguration: Object.fromEntries(
                      blocks.map(([name]) => [name, values[name] === "true"]),
                    ),
                  })),
              })
            }
          >
            {t("action.edit")}
          </Button>
        }
      />
      <Container
        header={
          <Header
            variant="h2"
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                {data?.policy ? (
                  <Button
                    onClick={() =>
                      ask(t("s3.deletePolicy"), {
                        submit: t("action.delete"),
                        run: async () => void (await api("s3", "DeleteBucketPolicy", { Bucket: bucket })),
                      })
                    }
                  >
                    {t("action.delete")}
                  </Button>
                ) : null}
                <Button
                  onClick={() =>
                    ask(t("s3.editPolicy"), {
                      fields: [
                        {
                          name: "Policy",
                          label: t("s3.bucketPolicy"),
                          kind: "long",
                          initial: data?.policy ? pretty(data.policy) : template,
                        },
                      ],
                      run: async (values) => void (await api("s3", "PutBucketPolicy", { Bucket: bucket, ...values })),
                    })
                  }
                >
                  {t("action.edit")}
                </Button>
              </SpaceBetween>
            }
          >
            {t("s3.bucketPolicy")}
          </Header>
        }
      >
        <SpaceBetween size="s">
          {data ? (
            <StatusIndicator type={data.isPublic ? "warning" : "success"}>
              {t(data.isPublic ? "s3.isPublic" : "s3.notPublic")}
            </StatusIndicator>
          ) : null}
          {data?.policy ? <Json value={data.policy} label={t("s3.bucketPolicy")} /> : <div>{t("s3.noPolicy")}</div>}
        </SpaceBetween>
      </Container>
      {modal}
    </SpaceBetween>
  );
}
