import { adminPaths, type AdminEncryptionMatrix } from "../../roles/adminContract.ts";
import { matrixKinds, matrixReasons, type Bilingual } from "../../roles/encryptionMatrixTexts.ts";
import type { Cli } from "../cli.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

type Row = AdminEncryptionMatrix["rows"][number];
type Cell = NonNullable<Row["atRest"]>;

export const encryption = defineCommand({
  name: "encryption",
  about: (cli) => cli.text.aboutEncryption,
  async run(cli, options) {
    const matrix = await runningInstance(cli, options).get<AdminEncryptionMatrix>(adminPaths.encryptionMatrix);
    if (options.json) return cli.printJson(matrix);
    const { text } = cli;
    for (const [title, cellOf] of [
      [text.encryptionAtRest, ({ atRest }: Row) => atRest],
      [text.encryptionInTransit, ({ inTransit }: Row) => inTransit],
    ] as const) {
      cli.print(cli.look("bold", title));
      cli.printRows(
        matrix.rows.flatMap((row): [string, string][] => {
          const cell = cellOf(row);
          return cell
            ? [[said(cli, matrixKinds[row.kind]), `${stateOf(cli, cell)}  ${resourceOf(row)}${proofOf(cell)}`]]
            : [];
        }),
      );
    }
    const { encrypted, plain } = matrix.counts;
    cli.print(text.encryptionCounts(String(encrypted), String(plain)));
  },
});

const said = (cli: Cli, [en, ko]: Bilingual): string => (cli.locale.startsWith("ko") ? ko : en);

function stateOf(cli: Cli, { state, key, why }: Cell): string {
  const { text } = cli;
  const reason = why === undefined ? "" : ` (${said(cli, matrixReasons[why])})`;
  if (state === "encrypted") return cli.look("green", text.encryptionYes) + (key ? ` (${key})` : "");
  if (state === "plain") return cli.look("red", text.encryptionNo) + reason;
  return cli.look("dim", state === "empty" ? text.encryptionNothing : text.encryptionAbsent) + reason;
}

const resourceOf = ({ resource = "" }: Row): string => resource;

function proofOf({ proof }: Cell): string {
  if (!proof) return "";
  if ("address" in proof) return proof.protocol ? `  ${proof.protocol} ${proof.cipher}` : "";
  return proof.hex === "" ? "" : `\n${proof.medium}: ${proof.hex}…`;
}
