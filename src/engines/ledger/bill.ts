/** Usage of one account in one month → what it would cost on AWS. Pure. */
import { hourMs } from "./hours.ts";
import { pricesIn, type PriceTable } from "./prices.ts";
import { freeTierClass, requestClasses, type RequestClass } from "./requestClasses.ts";

export interface Usage {
  /** Key-hours. */
  keyHours: number;
  requests: Partial<Record<RequestClass, number>>;
  /** By type of module. */
  hsmHours: Readonly<Record<string, number>>;
}

export interface BillLine {
  item: "keys" | "requests" | "hsm";
  /** Of requests, their class; of modules, their type. */
  of?: string;
  /** Key-hours, requests, module-hours. */
  quantity: number;
  /** Of `quantity`, what the free tier pays for. */
  free?: number;
  /** USD, for so many of what is counted; absent where no price is known. */
  priceUsd?: number;
  per?: number;
  costUsd?: number;
}

export interface RegionBill {
  region: string;
  lines: BillLine[];
}

export interface AccountBill {
  regions: RegionBill[];
  /** Sum of the costs that are known. */
  totalUsd: number;
  /** Something was used that has no known price. */
  unpriced: boolean;
}

const per = 10_000;

/** @param monthMs length of the month: a key's price is for the whole of it */
export function accountBill(usage: ReadonlyMap<string, Usage>, table: PriceTable, monthMs: number): AccountBill {
  let free = table.freeRequestsPerMonth;
  const monthHours = monthMs / hourMs;
  const regions = [...usage]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([region, used]): RegionBill => {
      const prices = pricesIn(table, region);
      const lines: BillLine[] = [];
      if (used.keyHours > 0) {
        lines.push(priced({ item: "keys", quantity: used.keyHours }, prices.keyMonth, monthHours));
      }
      for (const of of requestClasses) {
        const quantity = used.requests[of] ?? 0;
        if (quantity === 0) continue;
        const gift = of === freeTierClass ? Math.min(free, quantity) : 0;
        free -= gift;
        const line = { item: "requests" as const, of, quantity, ...(gift > 0 ? { free: gift } : {}) };
        lines.push(priced(line, prices.requestsPer10000[of], per));
      }
      for (const [of, quantity] of Object.entries(used.hsmHours)) {
        if (quantity > 0) lines.push(priced({ item: "hsm", of, quantity }, prices.hsmHour[of], 1));
      }
      return { region, lines };
    });
  const lines = regions.flatMap((each) => each.lines);
  return {
    regions,
    totalUsd: rounded(lines.reduce((sum, { costUsd = 0 }) => sum + costUsd, 0)),
    unpriced: lines.some(({ costUsd }) => costUsd === undefined),
  };
}

function priced(line: BillLine, priceUsd: number | undefined, perSoMany: number): BillLine {
  if (priceUsd === undefined) return line;
  const costUsd = rounded(((line.quantity - (line.free ?? 0)) * priceUsd) / perSoMany);
  return { ...line, priceUsd, per: perSoMany, costUsd };
}

/** Millionths of a dollar: one request costs three of them. */
function rounded(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}
