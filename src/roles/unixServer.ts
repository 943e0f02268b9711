/** HTTP over a Unix socket that only its owner can open. */
import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { Logger } from "#kernel/log.ts";
import type { HttpRequest } from "#wire/contract.ts";
import { answerRoute, type Routes } from "./routes.ts";

export async function serveUnix(path: string, routes: Routes, log: Logger): Promise<{ close(): Promise<void> }> {
  const server = createServer((message, response) => {
    answerRoute(routes, requestOf(message))
      .then((answer) => {
        response.writeHead(answer.status, answer.headers as Record<string, string>);
        response.end(answer.body as string);
      })
      .catch((error: unknown) => {
        log.error({ err: error, path: message.url }, "operator call failed");
        response.writeHead(500, { "content-type": "application/json" });
        response.end(JSON.stringify({ code: "InternalFailure", message: (error as Error).message }));
      });
  });
  // A socket file left by a killed process would refuse the new one.
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(path, { force: true });
    },
  };
}

function requestOf(message: IncomingMessage): HttpRequest {
  const [path = "", query = ""] = (message.url ?? "").split("?", 2);
  return {
    method: message.method ?? "GET",
    path,
    query,
    headers: Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, String(value)])),
    body: message,
    remoteAddress: "local",
  };
}
