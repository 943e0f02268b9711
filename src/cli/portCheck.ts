/** Notices a foreign process on the port before anything is started, and names it. */
import { createServer } from "node:net";
import { CliError } from "./cliError.ts";
import type { Cli } from "./cli.ts";
import { portOwner } from "./portOwner.ts";

/** Resolves when this process could listen there. Port 0 always can. */
export async function checkPort(cli: Cli, host: string, port: number): Promise<void> {
  if (port === 0) return;
  try {
    await tryListening(host, port);
  } catch (error) {
    throw portError(cli, host, port, error as NodeJS.ErrnoException);
  }
}

export function portError(cli: Cli, host: string, port: number, error: NodeJS.ErrnoException): CliError {
  const { text } = cli;
  if (error.code !== "EADDRINUSE") {
    return new CliError(text.cannotListen(host, port), { why: error.message, fix: text.cannotListenFix });
  }
  const owner = portOwner(port);
  return new CliError(text.portTaken(port), {
    why: owner ? text.portTakenBy(owner.pid, owner.command) : text.portTakenByUnknown,
    fix: text.portTakenFix,
  });
}

function tryListening(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
