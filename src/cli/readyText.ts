/** What `up` says when everything answers. */
import type { DemoReady } from "../roles/demo.ts";
import { dataPaths, type ApiReady } from "../roles/role.ts";
import type { Cli, GlobalOptions } from "./cli.ts";
import { printShares } from "./shares.ts";

export interface ReadyFacts extends ApiReady {
  pid: number;
  dataDir: string;
  demo?: DemoReady;
  /** Shares of a new seal: shown now, and never again. */
  shares?: readonly string[];
}

/**
 * JSON is exactly one line. For people, the secret is shown at the first start only, which is when the root link
 * is there; afterwards it is said where it is kept.
 */
export function printReady(cli: Cli, facts: ReadyFacts, options: GlobalOptions, detached = false): void {
  const { text } = cli;
  if (options.json) {
    const { endpoint, consoleUrl, accountId, region, accessKeyId, secretAccessKey, pid } = facts;
    const demo = facts.demo === undefined ? {} : { demo: facts.demo };
    const shares = facts.shares === undefined ? {} : { shares: facts.shares };
    cli.printJson({ endpoint, consoleUrl, accountId, region, accessKeyId, secretAccessKey, pid, ...demo, ...shares });
    return;
  }
  const first = facts.rootLink !== undefined;
  const rows: [string, string][] = [
    [text.labelEndpoint, facts.endpoint],
    [text.labelConsole, facts.consoleUrl],
    [text.labelAccount, facts.accountId],
    [text.labelRegion, facts.region],
    [text.labelAccessKey, facts.accessKeyId],
  ];
  if (first) rows.push([text.labelSecretKey, facts.secretAccessKey]);
  rows.push([text.labelCredentials, text.credentialsKept(dataPaths.credentials(facts.dataDir))]);
  if (facts.demo) {
    const { applicationUrl, rootEmail, rootPassword } = facts.demo;
    rows.push([text.labelApplication, applicationUrl], [text.labelRoot, `${rootEmail} / ${rootPassword}`]);
  } else if (facts.rootLink !== undefined) rows.push([text.labelRoot, text.rootLinkOnce(facts.rootLink)]);
  rows.push([text.labelData, facts.dataDir]);
  cli.print(cli.look("green", detached ? text.readyDetached(facts.pid) : text.ready));
  cli.printRows(rows);
  for (const warning of facts.warnings ?? []) cli.warn(warning === "development-seal" ? text.developmentSeal : warning);
  if (facts.shares) printShares(cli, facts.shares);
  if (facts.demo) cli.print(text.demoHint);
  if (!detached) cli.note(text.stopHint);
}
