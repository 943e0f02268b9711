/** What this account's use would cost on AWS: `/_jikimi/ledger`, with the rights of whoever has signed in. */
import { useState } from "react";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import { useConsole } from "../frame/context.ts";
import { hrefOf } from "../frame/router.ts";
import { useLocale, type MessageKey } from "../i18n/i18n.tsx";
import { Details } from "../parts/Details.tsx";
import { Listing, type Row } from "../parts/Listing.tsx";
import { usd } from "../parts/money.ts";
import { Page } from "../parts/Page.tsx";
import { useLoad } from "../parts/useLoad.ts";

const wholeMonth = /^\d{4}-(0[1-9]|1[0-2])$/;

export default function Ledger() {
  const { t, time, number, language } = useLocale();
  const { own, now } = useConsole();
  const [month, setMonth] = useState(() => new Date(now()).toISOString().slice(0, 7));
  const asked = wholeMonth.test(month) ? month : undefined;
  const { data, error } = useLoad(`ledger/${asked ?? ""}`, () => own("ledger", asked ? { month: asked } : {}));
  const accounts: Row[] = data?.accounts ?? [];
  const money = (value: number) => usd(language, value);
  const lines = accounts.flatMap(({ account, regions }) =>
    regions.flatMap(({ region, lines: of }: Row) => of.map((line: Row) => ({ ...line, account, region }))),
  );
  const unused = accounts.flatMap(({ account, unusedKeys }) => unusedKeys.map((key: Row) => ({ ...key, account })));
  const sum = (of: (each: Row) => number) => accounts.reduce((total, each) => total + of(each), 0);
  return (
    <Page title={t("system.ledger")} description={t("ledger.text")}>
      <FormField label={t("ledger.month")}>
        <Input value={month} inputMode="numeric" onChange={({ detail }) => setMonth(detail.value)} />
      </FormField>
      <Details
        title={t("ledger.total")}
        error={error}
        pairs={
          data
            ? [
                [t("ledger.total"), money(data.totalUsd)],
                [t("ledger.keysCount"), number(sum(({ keys }) => keys.count))],
                [t("ledger.monthly"), money(sum(({ keys }) => keys.monthlyUsd))],
                [t("ledger.prices"), `${data.prices.asOf}${data.prices.edited ? ` (${t("ledger.edited")})` : ""}`],
                [t("ledger.sources"), data.prices.sources.join(" ")],
              ]
            : []
        }
      />
      <Listing
        name={`ledger/lines/${data?.until ?? 0}`}
        title={t("ledger.lines")}
        load={async () => ({ items: lines, more: false })}
        rowId={({ account, region, item, of }) => `${account}/${region}/${item}/${of ?? ""}`}
        columns={[
          { id: "account", header: t("ledger.account"), cell: ({ account }) => account },
          { id: "region", header: t("column.region"), cell: ({ region }) => region },
          {
            id: "item",
            header: t("ledger.item"),
            cell: ({ item, of }) => {
              if (item === "hsm") return `${t("ledger.hsm")} (${of})`;
              return t((item === "keys" ? "ledger.keys" : `ledger.${of}`) as MessageKey);
            },
          },
          {
            id: "quantity",
            header: t("ledger.quantity"),
            cell: ({ quantity, free }) =>
              free ? t("ledger.free", { count: number(quantity), free: number(free) }) : number(quantity),
            text: ({ quantity }) => quantity,
          },
          {
            id: "price",
            header: t("ledger.price"),
            cell: ({ priceUsd, per }) =>
              priceUsd === undefined
                ? t("ledger.noPrice")
                : t("ledger.per", { price: money(priceUsd), count: number(per) }),
            text: ({ priceUsd }) => priceUsd ?? -1,
          },
          {
            id: "cost",
            header: t("ledger.cost"),
            cell: ({ costUsd }) => (costUsd === undefined ? "–" : money(costUsd)),
            text: ({ costUsd }) => costUsd ?? -1,
          },
        ]}
      />
      <Listing
        name={`ledger/unused/${data?.until ?? 0}`}
        title={t("ledger.unused")}
        description={t("ledger.unusedText")}
        load={async () => ({ items: unused, more: false })}
        rowId={({ arn }) => arn}
        columns={[
          {
            id: "key",
            header: t("kms.keyId"),
            cell: ({ arn }) => arn.split("/")[1],
            href: ({ arn }) => hrefOf("kms", arn.split("/")[1]),
          },
          { id: "state", header: t("column.status"), cell: ({ state }) => state },
          {
            id: "last",
            header: t("ledger.lastUsed"),
            cell: ({ lastUsedAt }) => (lastUsedAt === undefined ? t("ledger.never") : time(lastUsedAt / 1000)),
            text: ({ lastUsedAt }) => lastUsedAt ?? 0,
          },
          {
            id: "idle",
            header: t("ledger.idle"),
            cell: ({ idleDays }) => number(idleDays),
            text: (each) => each.idleDays,
          },
          {
            id: "monthly",
            header: t("types.monthly"),
            cell: ({ monthlyUsd }) => money(monthlyUsd),
            text: (each) => each.monthlyUsd,
          },
        ]}
      />
    </Page>
  );
}
