/** The demonstration, as a role of its own beside the others: started by `jikimi up --demo` only. */
import { request } from "node:http";
import type { Logger } from "#kernel/log.ts";
import { Application } from "../demo/application.ts";
import { Api } from "../demo/client.ts";
import { happen, signIn } from "../demo/incidents.ts";
import { setUp, type Stage } from "../demo/setup.ts";
import { visit } from "../demo/visitors.ts";
import { adminPaths, type AdminRootLink, type AdminStatus } from "./adminContract.ts";
import { readCredentials } from "./credentialsFile.ts";
import { keep, readKept } from "./demoKept.ts";
import { rootEmail } from "./firstStart.ts";
import { dataPaths, type RoleConfig, type RunningRole } from "./role.ts";

/** Attackers tire. */
const visitorsMs = 15 * 60_000;

/** What `up` tells of a demonstration. */
export interface DemoReady {
  applicationUrl: string;
  rootEmail: string;
  rootPassword: string;
}

export async function start(config: RoleConfig, log: Logger): Promise<RunningRole> {
  const { dataDir } = config;
  const stop = new AbortController();
  const kept = readKept(dataDir);
  const application = new Application();
  const port = await application.listen(kept.port);
  keep(dataDir, { ...kept, port });
  const status = await operator<AdminStatus>(dataDir, "GET", adminPaths.status);
  const { endpoint, region, accountId: account } = status;
  const credentials = readCredentials(dataPaths.credentials(dataDir));
  if (!credentials) throw new Error("the administrator's credentials are not in the data folder");
  const administrator = new Api({ endpoint, region, credentials });
  const stage = await setUp({ api: administrator, account, region, port });
  if (!kept.passwordSet) {
    await setPassword(dataDir, kept.password);
    keep(dataDir, { ...kept, port, passwordSet: true });
  }
  const running = play({ endpoint, region, administrator, stage, password: kept.password }, stop.signal).catch(
    (error: unknown) => log.error({ err: error }, "the demonstration ended"),
  );
  const ready: DemoReady = { applicationUrl: stage.url, rootEmail, rootPassword: kept.password };
  return {
    ready: { ...ready },
    async stop() {
      stop.abort();
      await running;
      await application.close();
    },
  };
}

interface Play {
  endpoint: string;
  region: string;
  administrator: Api;
  stage: Stage;
  password: string;
}

async function play({ endpoint, region, administrator, stage, password }: Play, signal: AbortSignal): Promise<void> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(visitorsMs)]);
  const credentials = await signIn(endpoint, { email: rootEmail, password });
  const root = new Api({ endpoint, region, credentials });
  await Promise.all([visit(stage.url, until), happen(root, administrator, stage, until)]);
}

async function setPassword(dataDir: string, password: string): Promise<void> {
  const { url } = await operator<AdminRootLink>(dataDir, "POST", adminPaths.rootLink);
  const link = new URL(url);
  const [account, token] = link.hash.slice(1).split(".");
  const answer = await fetch(new URL(link.pathname, link), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ account, token, password }),
  });
  if (!answer.ok) throw new Error(`the root user's password could not be set: ${answer.status}`);
}

/** Asks the operator's socket. */
function operator<T>(dataDir: string, method: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: dataPaths.adminSocket(dataDir), method, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () =>
        response.statusCode === 200 ? resolve(JSON.parse(text) as T) : reject(new Error(`${path}: ${text}`)),
      );
    });
    sent.once("error", reject);
    sent.end(method === "POST" ? "{}" : undefined);
  });
}
