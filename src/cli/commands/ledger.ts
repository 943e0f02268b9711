import { Option } from "commander";
import { adminPaths, type AdminLedger } from "../../roles/adminContract.ts";
import type { Cli } from "../cli.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

type Account = AdminLedger["accounts"][number];
type Line = Account["regions"][number]["lines"][number];

export const ledger = defineCommand<{ month?: string }>({
  name: "ledger",
  about: (cli) => cli.text.aboutLedger,
  options: (cli) => [new Option("--month <month>", cli.text.optionMonth)],
  async run(cli, { month, ...options }) {
    const query = month === undefined ? {} : { month };
    const report = await runningInstance(cli, options).get<AdminLedger>(adminPaths.ledger, query);
    if (options.json) return cli.printJson(report);
    const { text } = cli;
    cli.print(text.ledgerHeader(report.month, new Date(report.until).toLocaleString(cli.locale)));
    const used = report.accounts.filter(({ regions }) => regions.some(({ lines }) => lines.length > 0));
    if (used.length === 0) cli.print(text.ledgerNothing);
    for (const account of used) printAccount(cli, account);
    cli.print(`${text.ledgerTotal}: ${usd(cli, report.totalUsd)}`);
    cli.note(text.ledgerPrices(report.prices.asOf, report.prices.edited));
  },
});

function printAccount(cli: Cli, { account, regions, keys, unusedKeys }: Account): void {
  for (const { region, lines } of regions) {
    if (lines.length === 0) continue;
    cli.print(cli.look("bold", `${account}  ${region}`));
    cli.printRows(lines.map((line) => [nameOf(cli, line), figuresOf(cli, line)]));
  }
  if (keys.count > 0) cli.print(`  ${cli.text.ledgerMonthly(number(cli, keys.count), usd(cli, keys.monthlyUsd))}`);
  cli.printRows(
    unusedKeys.map((key) => [key.arn, cli.text.ledgerUnused(number(cli, key.idleDays), usd(cli, key.monthlyUsd))]),
  );
}

function nameOf({ text }: Cli, { item, of = "" }: Line): string {
  if (item === "keys") return text.ledgerKeys;
  if (item === "hsm") return `${text.ledgerHsm} (${of})`;
  const classes: Readonly<Record<string, string>> = {
    symmetric: text.ledgerSymmetric,
    "rsa-2048": text.ledgerRsa2048,
    asymmetric: text.ledgerAsymmetric,
    "ecc-key-pair": text.ledgerEccPair,
    "rsa-key-pair": text.ledgerRsaPair,
  };
  return classes[of] ?? of;
}

function figuresOf(cli: Cli, { item, quantity, free, costUsd }: Line): string {
  const { text } = cli;
  const units = { keys: text.ledgerKeyHours, requests: text.ledgerRequests, hsm: text.ledgerHours };
  const gift = free ? ` (${text.ledgerFree(number(cli, free))})` : "";
  const cost = costUsd === undefined ? text.ledgerNoPrice : usd(cli, costUsd);
  return `${number(cli, quantity)} ${units[item]}${gift}  ${cost}`;
}

const number = (cli: Cli, value: number): string => value.toLocaleString(cli.locale);

/** Six digits: a request costs three millionths. */
function usd(cli: Cli, value: number): string {
  return value.toLocaleString(cli.locale, { style: "currency", currency: "USD", maximumFractionDigits: 6 });
}
