/** A table of whatever a service lists: find, sort, page, select, act. */
import { useState, type ReactNode } from "react";
import { useCollection } from "@cloudscape-design/collection-hooks";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Header from "@cloudscape-design/components/header";
import Link from "@cloudscape-design/components/link";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useConsole, type Paged } from "../frame/context.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { ErrorAlert } from "./ErrorAlert.tsx";
import { FormModal, type Question } from "./FormModal.tsx";
import { useLoad } from "./useLoad.ts";

// oxlint-disable-next-line typescript/no-explicit-any
export type Row = any;

export interface Column {
  id: string;
  header: string;
  cell(row: Row): ReactNode;
  /** What is found and sorted by; the text of the cell where it is one. */
  text?(row: Row): string | number;
  href?(row: Row): string;
  width?: number;
}

export interface RowAction {
  id: string;
  label: string;
  question(row: Row): Question;
  disabled?(row: Row): boolean;
}

export interface ListingProps {
  /** Identifies what is listed: when it changes, everything is loaded anew. */
  name: string;
  title: string;
  description?: string | undefined;
  load(): Promise<Paged>;
  columns: readonly Column[];
  rowId(row: Row): string;
  create?: { label: string; question: () => Question | Promise<Question> };
  more?: readonly { label: string; question: () => Question | Promise<Question> }[];
  actions?: readonly RowAction[];
  /** Services whose changes show by themselves. */
  live?: readonly string[];
  /** Shown beside the title, e.g. what time range. */
  extra?: ReactNode;
  variant?: "full-page" | "container";
}

const pageSize = 25;

export function Listing(props: ListingProps) {
  const { t, number } = useLocale();
  const { flash, region } = useConsole();
  const { data, error, loading, reload } = useLoad(`${region}/${props.name}`, props.load, props.live);
  const [question, setQuestion] = useState<Question>();
  const [selected, setSelected] = useState<string>();
  const rows = data?.items ?? [];
  const textOf = (column: Column, row: Row): string | number => {
    if (column.text) return column.text(row);
    const cell = column.cell(row);
    return typeof cell === "string" || typeof cell === "number" ? cell : "";
  };
  const { items, filterProps, collectionProps, paginationProps, filteredItemsCount } = useCollection(rows, {
    filtering: {
      filteringFunction: (row, text) =>
        text === "" ||
        props.columns.some((column) => String(textOf(column, row)).toLowerCase().includes(text.toLowerCase())),
      empty: <Empty text={t("list.empty")} />,
      noMatch: <Empty text={t("list.noMatch")} />,
    },
    pagination: { pageSize },
    sorting: {},
  });
  const row = rows.find((each) => props.rowId(each) === selected);
  const ask = (next: Question) =>
    setQuestion({
      ...next,
      async run(values, files) {
        await next.run(values, files);
        flash(next.title);
        reload();
      },
    });
  const actions = props.actions ?? [];
  return (
    <>
      <Table
        {...collectionProps}
        variant={props.variant ?? "container"}
        loading={loading && !data && !error}
        loadingText={t("list.loading")}
        items={items}
        trackBy={props.rowId}
        wrapLines
        columnDefinitions={props.columns.map((column) => ({
          id: column.id,
          header: column.header,
          cell: (each: Row) => {
            const cell = column.cell(each) || "–";
            return column.href ? <Link href={column.href(each)}>{cell}</Link> : cell;
          },
          sortingComparator: (a: Row, b: Row) => compare(textOf(column, a), textOf(column, b)),
          ...(column.width === undefined ? {} : { minWidth: column.width }),
        }))}
        {...(actions.length > 0
          ? {
              selectionType: "single" as const,
              selectedItems: row ? [row] : [],
              onSelectionChange: ({ detail }: { detail: { selectedItems: Row[] } }) =>
                setSelected(detail.selectedItems[0] && props.rowId(detail.selectedItems[0])),
              onRowClick: ({ detail }: { detail: { item: Row } }) => setSelected(props.rowId(detail.item)),
            }
          : {})}
        ariaLabels={{
          tableLabel: props.title,
          selectionGroupLabel: props.title,
          itemSelectionLabel: (_state, each) => t("list.select", { name: props.rowId(each) }),
        }}
        header={
          <Header
            variant="h2"
            counter={data ? `(${number(rows.length)}${data.more ? "+" : ""})` : ""}
            description={props.description}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel={t("action.refresh")} loading={loading} onClick={reload} />
                {actions.length > 0 ? (
                  <ButtonDropdown
                    disabled={!row}
                    items={actions.map((action) => ({
                      id: action.id,
                      text: action.label,
                      disabled: row ? (action.disabled?.(row) ?? false) : true,
                    }))}
                    onItemClick={({ detail }) => {
                      const action = actions.find((each) => each.id === detail.id);
                      if (action && row) ask(action.question(row));
                    }}
                  >
                    {t("action.actions")}
                  </ButtonDropdown>
                ) : null}
                {props.more?.map((each) => (
                  <Button key={each.label} onClick={() => void Promise.resolve(each.question()).then(ask)}>
                    {each.label}
                  </Button>
                ))}
                {props.create ? (
                  <Button variant="primary" onClick={() => void Promise.resolve(props.create!.question()).then(ask)}>
                    {props.create.label}
                  </Button>
                ) : null}
              </SpaceBetween>
            }
          >
            {props.title}
          </Header>
        }
        filter={
          <SpaceBetween size="xs">
            {props.extra}
            {rows.length > 5 || filterProps.filteringText ? (
              <TextFilter
                {...filterProps}
                filteringPlaceholder={t("list.find")}
                filteringAriaLabel={t("list.find")}
                filteringClearAriaLabel={t("list.clear")}
                countText={t("list.matches", { count: filteredItemsCount ?? 0 })}
              />
            ) : null}
            {data?.more ? <Alert type="info">{t("list.more", { count: number(rows.length) })}</Alert> : null}
            <ErrorAlert error={error} />
          </SpaceBetween>
        }
        pagination={
          rows.length > pageSize ? (
            <Pagination
              {...paginationProps}
              ariaLabels={{
                paginationLabel: props.title,
                previousPageLabel: t("list.previous"),
                nextPageLabel: t("list.next"),
                pageLabel: (page) => t("list.page", { page }),
              }}
            />
          ) : undefined
        }
        empty={error ? <Empty text="–" /> : <Empty text={t("list.empty")} />}
      />
      {question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null}
    </>
  );
}

function Empty({ text }: { text: string }) {
  return (
    <Box textAlign="center" color="text-body-secondary" padding="m">
      {text}
    </Box>
  );
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}
