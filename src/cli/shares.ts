/** Shares of the seal, shown to a person: once, at the only moment when they exist together. */
import type { Cli } from "./cli.ts";

export function printShares(cli: Cli, shares: readonly string[]): void {
  cli.print(cli.look("yellow", cli.text.sharesShown));
  shares.forEach((share, at) => cli.print(`  ${at + 1}  ${share}`));
  cli.print(cli.text.sharesAdvice);
}
