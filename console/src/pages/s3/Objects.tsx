/** Objects of a bucket by folder: seen, brought, taken away. */
import Link from "@cloudscape-design/components/link";
import { every, useConsole } from "../../frame/context.ts";
import { hrefOf } from "../../frame/router.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { Listing, type Row } from "../../parts/Listing.tsx";
import { deletion } from "../../parts/questions.ts";

export function Objects({ bucket, folder }: { bucket: string; folder: readonly string[] }) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const prefix = folder.map((each) => `${each}/`).join("");
  const load = async () => {
    const prefixes: Row[] = [];
    const watched: typeof api = async (service, operation, input) => {
      const output = await api(service, operation, input);
      for (const each of output.CommonPrefixes ?? []) prefixes.push({ folder: each.Prefix });
      return output;
    };
    const input = { Bucket: bucket, Delimiter: "/", ...(prefix === "" ? {} : { Prefix: prefix }) };
    const { items, more } = await every(watched, "s3", "ListObjectsV2", input, "Contents", [
      "NextContinuationToken",
      "ContinuationToken",
    ]);
    return { items: [...prefixes, ...items], more };
  };
  const inside = (name: string) => name.slice(prefix.length);
  const folderHref = (path: string) => hrefOf("s3", bucket, ...path.split("/").filter((each) => each !== ""));
  return (
    <Listing
      name={`s3/${bucket}/${prefix}`}
      title={t("s3.objects")}
      description={prefix === "" ? undefined : prefix}
      load={load}
      rowId={(row) => row.folder ?? row.Key}
      columns={[
        {
          id: "key",
          header: t("column.name"),
          cell: (row) => inside(row.folder ?? row.Key),
          text: (row) => inside(row.folder ?? row.Key),
          href: (row) => (row.folder ? folderHref(row.folder) : location.hash),
        },
        {
          id: "size",
          header: t("s3.size"),
          cell: (row) => (row.folder ? t("s3.prefix") : bytes(row.Size)),
          text: (row) => row.Size ?? -1,
        },
        { id: "class", header: t("s3.class"), cell: (row) => row.StorageClass },
        {
          id: "modified",
          header: t("s3.modified"),
          cell: (row) => (row.folder ? "–" : time(row.LastModified)),
          text: (row) => row.LastModified ?? "",
        },
      ]}
      extra={
        prefix === "" ? undefined : (
          <Link href={folderHref(prefix.split("/").slice(0, -2).join("/"))}>{t("s3.up")}</Link>
        )
      }
      create={{
        label: t("s3.upload"),
        question: () => ({
          title: t("s3.upload"),
          submit: t("s3.upload"),
          fields: [{ name: "files", label: t("s3.files"), kind: "file" }],
          run: async (_values, files) => {
            for (const file of files)
              await api("s3", "PutObject", { Bucket: bucket, Key: prefix + file.name, Body: file });
          },
        }),
      }}
      actions={[
        {
          id: "download",
          label: t("action.download"),
          disabled: (row) => Boolean(row.folder),
          question: ({ Key }) => ({
            title: t("action.download"),
            text: Key,
            submit: t("action.download"),
            run: async () => save(await api("s3", "GetObject", { Bucket: bucket, Key }), inside(Key)),
          }),
        },
        {
          id: "delete",
          label: t("action.delete"),
          disabled: (row) => Boolean(row.folder),
          question: ({ Key }) => deletion(t, Key, () => api("s3", "DeleteObject", { Bucket: bucket, Key })),
        },
      ]}
    />
  );
}

function save({ Body }: { Body: Blob }, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(Body);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

const units = ["B", "KB", "MB", "GB", "TB"];

function bytes(count: number): string {
  const power = Math.min(units.length - 1, count > 0 ? Math.floor(Math.log2(count) / 10) : 0);
  return `${(count / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
