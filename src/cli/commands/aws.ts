import { spawn } from "node:child_process";
import { constants } from "node:os";
import { Argument } from "commander";
import { awsEnvironment, awsVariables } from "../awsEnvironment.ts";
import { findProgram } from "../awsProgram.ts";
import { CliError, type ExitCode } from "../cliError.ts";
import { defineCommand } from "../program.ts";

export const aws = defineCommand({
  name: "aws",
  about: (cli) => cli.text.aboutAws,
  arguments: (cli) => [new Argument("[arguments...]", cli.text.argumentAws)],
  passThrough: true,
  async run(cli, options, args) {
    const path = findProgram("aws", cli.host.env);
    if (!path) throw new CliError(cli.text.noAws, { why: cli.text.noAwsWhy, fix: cli.text.noAwsFix });
    const facts = await awsEnvironment(cli, options);
    const { set, unset } = awsVariables(facts);
    const env = { ...cli.host.env, ...set };
    for (const name of unset) delete env[name];
    const given = args.some((word) => word === "--endpoint-url" || word.startsWith("--endpoint-url="));
    const endpoint = args[0] === "s3control" ? (facts.s3ControlEndpoint ?? facts.endpoint) : facts.endpoint;
    // INVARIANT: no command goes to AWS. The variables alone do not keep every AWS CLI from it (awsProgram.ts); they are
    // for the other services that a command such as validate-logs calls.
    return await hand(path, given ? args : ["--endpoint-url", endpoint, ...args], env);
  },
});

/** Runs it in place of this process; its exit code is ours. */
function hand(path: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<ExitCode> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { stdio: "inherit", env });
    // Ctrl-C reaches the child by itself; it decides.
    const ignore = (): void => {};
    process.on("SIGINT", ignore);
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      process.off("SIGINT", ignore);
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}
