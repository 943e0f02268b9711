import type { useLocale } from "../i18n/i18n.tsx";
import type { Column, Row } from "./Listing.tsx";

type Locale = Pick<ReturnType<typeof useLocale>, "t" | "time">;

/** When something was made. `member`: where a row says so. */
export function createdColumn({ t, time }: Locale, member = "CreateDate"): Column {
  return {
    id: "created",
    header: t("column.created"),
    cell: (row: Row) => time(row[member]),
    text: (row: Row) => row[member],
  };
}
