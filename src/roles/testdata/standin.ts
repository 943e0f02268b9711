/**
 * A role for the tests of supervisor and commands: it serves `/` on its port and can be told, by the file
 * `<data>/standin-<name>.json`, to refuse its start, to end by itself, to be slow to stop, or
 * to ask something of the supervisor.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { silentLogger } from "#kernel/log.ts";
import { serveSupervised } from "../processRole.ts";
import type { RoleConfig, RoleModule } from "../role.ts";

interface Behaviour {
  refuse?: string;
  endAfterReadyMs?: number;
  stopMs?: number;
  /** Never becomes ready. */
  stuck?: boolean;
  /** Never answers "stop". */
  hang?: boolean;
  /** Wants this role to run. */
  wants?: string;
  /** Has this kept for its next process. */
  keeps?: string;
}

const name = process.argv[2] ?? "standin";

const standin: RoleModule = {
  async start(config: RoleConfig, _log, supervisor) {
    const path = join(config.dataDir, `standin-${name}.json`);
    const behaviour: Behaviour = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Behaviour) : {};
    const record = (what: string): void => appendFileSync(join(config.dataDir, "standin.journal"), `${name} ${what}\n`);
    if (behaviour.refuse) throw Object.assign(new Error(behaviour.refuse), { code: "EREFUSED" });
    if (behaviour.stuck) await new Promise((resolve) => setTimeout(resolve, 1e8));
    const server = createServer((_request, response) => response.end(name));
    if (name === "api") await new Promise<void>((resolve) => server.listen(config.port, config.host, resolve));
    process.stdout.write(`${name} writes a log line\n`);
    record(supervisor.kept ? `started with ${Buffer.from(supervisor.kept).toString()}` : "started");
    if (behaviour.keeps !== undefined) supervisor.keep(Buffer.from(behaviour.keeps));
    if (behaviour.wants !== undefined) supervisor.want(behaviour.wants);
    if (behaviour.endAfterReadyMs !== undefined) setTimeout(() => process.exit(7), behaviour.endAfterReadyMs);
    const port = (server.address() as AddressInfo | null)?.port;
    return {
      ready: port === undefined ? { name } : { name, endpoint: `http://127.0.0.1:${port}` },
      async stop() {
        if (behaviour.hang) await new Promise((resolve) => setTimeout(resolve, 1e8));
        if (behaviour.stopMs) await new Promise((resolve) => setTimeout(resolve, behaviour.stopMs));
        server.close();
        server.closeAllConnections();
        record("stopped");
      },
    };
  },
};

serveSupervised("standin", standin, silentLogger, {
  send: process.send && ((message, sent) => process.send!(message, undefined, {}, sent)),
  on: (event: string, listener: (message: unknown) => void) => void process.on(event, listener),
  exit: (code) => process.exit(code),
});
