/** List prices: ours with their date and source, and what an operator has put over them. */
import builtIn from "./prices.json" with { type: "json" };
import { requestClasses, type RequestClass } from "./requestClasses.ts";

export interface RegionPrices {
  /** USD a month, prorated by the hour. */
  keyMonth: number;
  /** USD for ten thousand. */
  requestsPer10000: Record<RequestClass, number>;
  /** USD an hour, by type; what is absent has no known price. */
  hsmHour: Readonly<Record<string, number>>;
}

export interface PriceTable {
  /** When the prices were looked up, `2026-11-24`. */
  asOf: string;
  sources: readonly string[];
  /** "20,000 requests/month calculated across all regions". */
  freeRequestsPerMonth: number;
  default: RegionPrices;
  /** Over the default, by Region. */
  regions: Readonly<Record<string, Partial<RegionPrices>>>;
}

/** A file of prices that cannot be read; the text says where and why. */
export class InvalidPrices extends Error {}

export const listPrices: PriceTable = readPrices(builtIn);

/** The price table with an operator's file over it: only what the file names changes. */
export function pricesOver(table: PriceTable, own: unknown): PriceTable {
  const read = partial(own);
  return {
    asOf: read.asOf ?? table.asOf,
    sources: read.sources ?? table.sources,
    freeRequestsPerMonth: read.freeRequestsPerMonth ?? table.freeRequestsPerMonth,
    default: regionOver(table.default, read.default),
    regions: { ...table.regions, ...read.regions },
  };
}

export function pricesIn(table: PriceTable, region: string): RegionPrices {
  return regionOver(table.default, Object.hasOwn(table.regions, region) ? table.regions[region] : undefined);
}

function regionOver(base: RegionPrices, over: Partial<RegionPrices> = {}): RegionPrices {
  return {
    keyMonth: over.keyMonth ?? base.keyMonth,
    requestsPer10000: { ...base.requestsPer10000, ...over.requestsPer10000 },
    hsmHour: { ...base.hsmHour, ...over.hsmHour },
  };
}

function readPrices(value: unknown): PriceTable {
  return partial(value) as PriceTable;
}

function partial(value: unknown): Partial<PriceTable> {
  const all = record(value, "the file", ["asOf", "currency", "sources", "freeRequestsPerMonth", "default", "regions"]);
  const { asOf, currency, sources, freeRequestsPerMonth, default: base, regions } = all;
  if (currency !== undefined && currency !== "USD") throw new InvalidPrices("currency must be USD");
  if (asOf !== undefined && !(typeof asOf === "string" && /^\d{4}-\d{2}-\d{2}$/.test(asOf))) {
    throw new InvalidPrices("asOf must be a date, e.g. 2026-11-24");
  }
  if (sources !== undefined && !(Array.isArray(sources) && sources.every((each) => typeof each === "string"))) {
    throw new InvalidPrices("sources must be a list of texts");
  }
  return {
    ...(asOf === undefined ? {} : { asOf: asOf as string }),
    ...(sources === undefined ? {} : { sources: sources as string[] }),
    ...(freeRequestsPerMonth === undefined
      ? {}
      : { freeRequestsPerMonth: amount(freeRequestsPerMonth, "freeRequestsPerMonth") }),
    ...(base === undefined ? {} : { default: regionPrices(base, "default") as RegionPrices }),
    ...(regions === undefined
      ? {}
      : {
          regions: Object.fromEntries(
            Object.entries(record(regions, "regions")).map(([name, each]) => [name, regionPrices(each, name)]),
          ),
        }),
  };
}

function regionPrices(value: unknown, where: string): Partial<RegionPrices> {
  const { keyMonth, requestsPer10000, hsmHour } = record(value, where, ["keyMonth", "requestsPer10000", "hsmHour"]);
  return {
    ...(keyMonth === undefined ? {} : { keyMonth: amount(keyMonth, `${where}.keyMonth`) }),
    ...(requestsPer10000 === undefined
      ? {}
      : {
          requestsPer10000: amounts(
            record(requestsPer10000, `${where}.requestsPer10000`, requestClasses),
            where,
          ) as Record<RequestClass, number>,
        }),
    ...(hsmHour === undefined ? {} : { hsmHour: amounts(record(hsmHour, `${where}.hsmHour`), where) }),
  };
}

function amounts(values: Record<string, unknown>, where: string): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, each]) => [name, amount(each, `${where}.${name}`)]));
}

function amount(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidPrices(`${where} must be a number that is not negative`);
}

function record(value: unknown, where: string, known?: readonly string[]): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new InvalidPrices(`${where} must be an object`);
  }
  const unknown = known && Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new InvalidPrices(`${where} has an unknown member: ${unknown}`);
  return value as Record<string, unknown>;
}
